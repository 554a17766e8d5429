"""A transaction that was rolled back: what had not been committed meanwhile is folded again, a few times."""

import pytest

from sidestep.streams.decide.judge import Judge
from sidestep.streams.runtime.judging import TRIES
from sidestep.streams.runtime.outgoing import Outgoing
from sidestep.streams.runtime.tables import Writes
from sidestep.streams.runtime.transactions import Aborted
from sidestep.topics.errors import PublishFailed
from tests.decide.memory_ledger import MemoryLedger
from tests.decide.world import World


class RollingBack(MemoryLedger):
    """Rolls back so many transactions. `adopts`: each of them counts after all, as one that hung and was adopted."""

    def __init__(self, times: int, adopts: bool = False):
        super().__init__()
        self.times, self.adopts = times, adopts

    def commit(self, outgoing: Outgoing, writes: Writes, marker: int) -> float:
        """Raises Aborted as often as it was told."""
        if not self.times:
            return super().commit(outgoing, writes, marker)
        self.times -= 1
        if self.adopts:
            super().commit(outgoing, writes, marker)
        raise Aborted("the broker says so")


def world_of(ledger: RollingBack) -> World:
    """A log that begins with the shipped policy, whose judge has that ledger from now on."""
    world = World()
    ledger.marker, ledger.stored = world.ledger.marker, world.ledger.stored
    world.ledger = ledger
    world.judge = Judge(ledger, 4)
    return world


def test_a_batch_that_was_rolled_back_is_folded_again() -> None:
    """And has its verdicts once."""
    assert "send" == world_of(RollingBack(TRIES - 1)).intent().action


def test_a_batch_that_counts_after_all_is_not_folded_again() -> None:
    """The ledger has caught up with it: nothing of it is new any more."""
    world = world_of(RollingBack(1, adopts=True))
    assert "send" == world.intent().action
    assert 1 == world.ledger.commits


def test_a_batch_that_is_rolled_back_again_and_again_stops_the_worker() -> None:
    """With what Kafka said."""
    with pytest.raises(PublishFailed, match=f"rolled back {TRIES} times: the broker says so"):
        world_of(RollingBack(TRIES)).intent()
