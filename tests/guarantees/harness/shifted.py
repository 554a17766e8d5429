"""`sidestep` whose wall clock is wrong by as many seconds as the file SIDESTEP_SHIFTED_BY says at the moment."""

import os
import sys
import time
from pathlib import Path

SHIFTED = (sys.executable, "-m", "tests.guarantees.harness.shifted")
"""The command of this file."""
LOOK_SECONDS = 0.2


def shift(by: Path) -> None:
    """Before anything else is imported: some keep the clock that they find."""
    right = time.time
    known = [0.0, float("-inf")]

    def wrong() -> float:
        now = time.monotonic()
        if now - known[1] > LOOK_SECONDS:
            known[:] = [float(by.read_text() or known[0]), now]
        return right() + known[0]

    time.time = wrong


if __name__ == "__main__":
    shift(Path(os.environ["SIDESTEP_SHIFTED_BY"]))
    from sidestep.streams.cli import main

    main()
