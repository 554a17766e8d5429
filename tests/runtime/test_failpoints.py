"""Failpoints: nothing without the variable; with it, SIGKILL at exactly the nth pass of that point."""

import signal
import subprocess
import sys

import pytest

from sidestep.streams.runtime.failpoints import from_environment

PROGRAM = """
from sidestep.streams.runtime.failpoints import from_environment
failpoint = from_environment()
for number in range(5):
    failpoint("elsewhere")
    print(number, flush=True)
    failpoint("here")
"""


def _run(failpoint: str) -> tuple[int, list[str]]:
    environment = {"SIDESTEP_FAILPOINT": failpoint} if failpoint else {}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    return done.returncode, done.stdout.split()


@pytest.mark.parametrize(
    ("failpoint", "printed"), [("here", 1), ("here:1", 1), ("here:3", 3), ("elsewhere:2", 1), ("here:", 1)]
)
def test_the_process_dies_at_the_nth_pass(failpoint: str, printed: int) -> None:
    """At once: no clean-up, nothing flushed."""
    assert (-signal.SIGKILL, [str(number) for number in range(printed)]) == _run(failpoint)


@pytest.mark.parametrize("failpoint", ["", "here:6", "nowhere"])
def test_without_reaching_it_nothing_happens(failpoint: str) -> None:
    """Other points, fewer passes, no variable."""
    assert (0, [*"01234"]) == _run(failpoint)


def test_without_the_variable_all_points_share_one_function() -> None:
    """A pass costs a call, nothing more."""
    assert from_environment({}) is from_environment({"SIDESTEP_FAILPOINT": ""})
