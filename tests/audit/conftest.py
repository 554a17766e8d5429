"""The golden log, judged: what all tests of an audit begin with."""

from pathlib import Path

import pytest

from tests.audit.world_log import Copy, audited_world, copy_of, judge_in_batches

GOLDEN = Path(__file__).parents[1] / "decide" / "golden"


def golden_lines(name: str) -> list[bytes]:
    """The records of one golden file: log, verdicts or tallies."""
    return [line.rstrip(b",") for line in (GOLDEN / f"every-rule.{name}.json").read_bytes().splitlines()[1:-1]]


@pytest.fixture(scope="session")
def judged_log() -> Copy:
    """Some hundred records in batches of seven, and all that Decide has made of them."""
    world = audited_world()
    judge_in_batches(world, golden_lines("log"), 7)
    return copy_of(world)
