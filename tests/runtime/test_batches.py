"""Lanes: one batch unreleased at a time, in order, and a commit that never passes what is unfinished."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sidestep.streams.runtime.batches import Batch, Lane, Partition

TP = Partition("t", 3)


class Record:
    """Something with an offset."""

    def __init__(self, offset: int):
        self._offset = offset

    def offset(self) -> int:
        """Its place."""
        return self._offset


def _records(*offsets: int) -> list[Any]:
    return [Record(offset) for offset in offsets]


def _batch(lane: Lane) -> Batch:
    batch = lane.next_batch()
    assert batch is not None
    return batch


def test_what_arrives_meanwhile_becomes_the_next_batch():
    """At most one unreleased; a lone record is a batch of one."""
    lane = Lane(TP, 3, 10)
    assert lane.next_batch() is None
    lane.feed(_records(5))
    first = _batch(lane)
    lane.feed(_records(6, 7, 9, 12))
    assert lane.next_batch() is None
    lane.finish(first)
    second = _batch(lane)
    assert (TP, 6, 10, 3) == (second.tp, second.low, second.end, len(second.records))
    lane.finish(second)
    assert [12] == [record.offset() for record in _batch(lane).records]


def test_nothing_can_be_committed_before_anything_is_finished():
    """Otherwise a restart would skip what was never handed out."""
    lane = Lane(TP, 3, 10)
    assert lane.committable() is None
    lane.feed(_records(5, 6))
    assert lane.committable() is None
    batch = _batch(lane)
    assert 5 == lane.committable(), "the batch itself is unfinished"
    lane.finish(batch)
    assert 7 == lane.committable()
    lane.feed(_records(9))
    assert 7 == lane.committable()


def test_a_batch_that_parks_records_holds_the_commit_at_the_lowest():
    """`low` moves forward as they are finished; a later batch does not lift it."""
    lane = Lane(TP, 2, 10)
    lane.feed(_records(0, 1, 2, 3))
    first = _batch(lane)
    first.low = 1
    assert 1 == lane.committable()
    first.release()
    second = _batch(lane)
    lane.finish(second)
    assert 1 == lane.committable()
    lane.finish(first)
    assert 4 == lane.committable()


def test_release_tells_whoever_waits_for_it_once():
    """A batch that is released and then finished asks for one next batch, not two."""
    lane, told = Lane(TP, 2, 10), []
    lane.on_release = told.append
    lane.feed(_records(0, 1, 2))
    first = _batch(lane)
    first.release()
    second = _batch(lane)
    first.release()
    lane.finish(first)
    assert [lane] == told
    assert lane.busy is second, "finishing the first one does not release the second"
    lane.finish(second)
    assert [lane, lane] == told


def test_a_lane_is_full_at_its_bound():
    """Then fetching pauses."""
    lane = Lane(TP, 2, 4)
    lane.feed(_records(0, 1, 2))
    assert not lane.full
    lane.feed(_records(3))
    assert lane.full
    _batch(lane)
    assert not lane.full


def test_small_batches_keep_their_pace():
    """Under steady traffic a batch waits for company; neither a lone record nor a backlog does."""
    now = [50.0]
    lane = Lane(TP, 100, 500, pace=0.02, clock=lambda: now[0])
    lane.feed(_records(0))
    assert lane.pause() <= 0, "it comes alone"
    batch = lane.next_batch()
    assert batch is not None
    lane.feed(_records(1))
    now[0] = 50.005
    assert lane.pause() == 0, "one is under way: nothing to wait for"
    lane.finish(batch)
    assert 0.014 < lane.pause() < 0.016
    now[0] = 50.021
    assert lane.pause() <= 0
    now[0] = 50.005
    lane.feed(_records(*range(2, 26)))
    assert 0 == lane.pause(), "a quarter of a batch is worth its transaction"


def test_a_slow_broker_is_asked_for_larger_batches():
    """What a batch took lies between its end and the next one, up to a bound."""
    now = [50.0]
    lane = Lane(TP, 100, 500, pace=0.02, clock=lambda: now[0])
    for took, pause in ((0.015, 0.015), (0.020, 0.020), (1.0, 0.0)):
        lane.feed(_records(lane.done + 1))
        batch = lane.next_batch()
        assert batch is not None
        now[0] += took
        lane.finish(batch)
        lane.feed(_records(lane.done))
        assert abs(max(0.0, lane.pause()) - pause) < 1e-6
        batch = lane.next_batch()
        assert batch is not None
        lane.finish(batch)
        now[0] += 10


class Lanes(RuleBasedStateMachine):
    """Any order of feeding, handing out, releasing, parking and finishing."""

    def __init__(self) -> None:
        super().__init__()
        self.lane = Lane(TP, 3, 1000)
        self.next = 0
        self.handed_out: list[int] = []
        self.open: list[Batch] = []
        self.unfinished: set[int] = set()

    @rule(gaps=st.lists(st.integers(1, 3), max_size=5))
    def feed(self, gaps: list[int]) -> None:
        """Offsets grow; transaction markers leave gaps."""
        for gap in gaps:
            self.next += gap
            self.lane.feed(_records(self.next))

    @rule()
    def hand_out(self) -> None:
        """If there is something to hand out."""
        batch = self.lane.next_batch()
        if batch is not None:
            offsets = [record.offset() for record in batch.records]
            assert 1 <= len(offsets) <= 3
            self.handed_out += offsets
            self.unfinished |= set(offsets)
            self.open.append(batch)

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        """Also of one that is released already."""
        data.draw(st.sampled_from(self.open)).release()

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def finish_some(self, data: st.DataObject) -> None:
        """As Screen does with what was parked."""
        batch = data.draw(st.sampled_from(self.open))
        left = [record.offset() for record in batch.records if record.offset() in self.unfinished]
        self.unfinished -= set(data.draw(st.lists(st.sampled_from(left), max_size=2))) if left else set()
        batch.low = min((offset for offset in left if offset in self.unfinished), default=batch.end)

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        """In any order."""
        batch = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
        self.unfinished -= {record.offset() for record in batch.records}
        self.lane.finish(batch)

    @invariant()
    def in_order(self) -> None:
        """Nothing is handed out twice or out of order, and what was is not waiting."""
        assert self.handed_out == sorted(set(self.handed_out))
        waiting = [record.offset() for record in self.lane.waiting]
        assert not (self.handed_out and waiting) or self.handed_out[-1] < waiting[0]

    @invariant()
    def commit_is_safe(self) -> None:
        """Everything below it is finished; once all is, everything handed out is below it."""
        commit = self.lane.committable()
        if commit is not None:
            assert all(offset >= commit for offset in self.unfinished)
            if not self.open:
                assert self.handed_out[-1] + 1 == commit


TestLanes = Lanes.TestCase
