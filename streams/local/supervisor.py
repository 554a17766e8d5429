"""Runs one command for as long as the process that asked for it lives, even if that one is killed with SIGKILL.

    python supervisor.py STOP_DEADLINE LOCK_FD COMMAND…

Run as a file, with nothing but the standard library, so that it costs 10 MB and 20 ms. It prints the command's process
id, then waits until its standard input ends (the parent closed it, or died), sends SIGTERM and, STOP_DEADLINE seconds
later, SIGKILL. It exits with the command's status. The command inherits LOCK_FD, whose lock lasts as long as it does.
"""

import os
import select
import signal
import subprocess
import sys

PR_SET_PDEATHSIG = 1
POLL = 0.5
"""Seconds within which the end of the command is noticed."""


def main(stop_deadline: float, lock: int, command: list[str]) -> int:
    """Runs `command`; returns its exit status, negative for a signal."""
    parent = os.getppid()
    # preexec_fn is safe here: this process has one thread, which lives as long as the process does
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, pass_fds=[lock], preexec_fn=_bind)
    os.close(lock)  # the command alone holds it from here on
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    print(process.pid, flush=True)
    while process.poll() is None:
        if _parent_gone(parent):
            _stop(process, stop_deadline)
    return process.returncode


def _parent_gone(parent: int) -> bool:
    """Waits a little. A forked child of the parent may hold the pipe open, so its process id counts as well."""
    readable, _, _ = select.select([sys.stdin], [], [], POLL)
    return bool(readable) or os.getppid() != parent


def _bind() -> None:
    """Linux: the command gets SIGTERM if this supervisor itself is killed."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _stop(process: "subprocess.Popen[bytes]", deadline: float) -> None:
    process.terminate()
    try:
        process.wait(deadline)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
