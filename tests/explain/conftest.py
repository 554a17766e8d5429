"""The golden log, judged."""

import pytest

from tests.audit.conftest import golden_lines
from tests.audit.world_log import Copy, audited_world, copy_of, judge_in_batches


@pytest.fixture(scope="session")
def judged_log() -> Copy:
    """Some hundred records, and all that Decide has made of them."""
    world = audited_world()
    judge_in_batches(world, golden_lines("log"), 7)
    return copy_of(world)
