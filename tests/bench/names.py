"""The benchmark's DNS, in a process of its own: prints its port and answers until SIGTERM.

names.py
"""

import signal

from sidestep.streams.local.nameserver import NameServer
from tests.bench.workload import zones
from tests.canaries import CANARY_ZONES


def main() -> None:
    """Answer for every domain of the workload."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    with NameServer(CANARY_ZONES | zones()) as server:
        print(server.port, flush=True)
        signal.sigwait({signal.SIGTERM})


if __name__ == "__main__":
    main()
