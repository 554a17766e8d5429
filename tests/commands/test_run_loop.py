"""The event loop of long-running commands."""

import signal
import subprocess
import sys

CRASHES = """
import os, signal
from sidestep.streams.commands.run_loop import run_loop

async def reads_on() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)

run_loop(reads_on())
"""


def test_a_crash_says_where_it_was() -> None:
    """A library in C that ends the process leaves nothing in any log: stderr has the lines of all threads."""
    done = subprocess.run([sys.executable, "-c", CRASHES], stderr=subprocess.PIPE, text=True, timeout=60)
    assert -signal.SIGSEGV == done.returncode
    assert "Segmentation fault" in done.stderr and "in reads_on" in done.stderr
