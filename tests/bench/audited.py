"""An audit of all that Decide has written, in a process of its own: prints what it cost, as JSON.

python -m tests.bench.audited BROKER
"""

import json
import resource
import sys
import time

from sidestep.streams.audit import on_disk, run, watch_partition
from sidestep.streams.runtime.collector import fit_batches
from sidestep.topics.connection import Connection

LOADED = (on_disk, watch_partition)


def main(connection: Connection) -> None:
    """Audit one partition after the other. What it takes to start Python does not count; the loop's doesn't either."""
    fit_batches()
    began, cpu = time.monotonic(), _cpu()
    report = run.audit(connection, processes=1)
    assert report.right, report.line()
    found = {"cpu": _cpu() - cpu, "wall": time.monotonic() - began}
    found["records"] = sum(each.records for each in report.partitions)
    print(json.dumps(found), flush=True)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main(Connection(sys.argv[1]))
