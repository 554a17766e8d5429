"""Lanes: one batch unreleased at a time, in order, at its pace, and a commit that never passes what is unfinished."""

from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sidestep.streams.runtime.batches import (
    BATCH_OCTETS,
    LEAST_SHARE,
    REST_MOST,
    Batch,
    Lane,
    Partition,
    Step,
    share_of,
)
from sidestep.streams.runtime.cut_record import HEADER_COST, octets_of
from sidestep.streams.runtime.record import Record
from tests.kafka_records import delivered

TP = Partition("t", 3)


class Left:
    """Offsets of a batch that are not finished."""

    def __init__(self, *offsets: int) -> None:
        self.offsets = set(offsets)

    def low(self) -> int | None:
        """The lowest."""
        return min(self.offsets, default=None)


def _records(*offsets: int) -> list[Record]:
    return [delivered(offset) for offset in offsets]


def _lane(batch_max: int, held_max: int, pace: float = 0.0, clock: Callable[[], float] = lambda: 50.0) -> Lane:
    """By a clock that stands still, everything is due at once."""
    return Lane(TP, batch_max, held_max, pace, clock)


def _batch(lane: Lane) -> Batch:
    batch = lane.next_step().batch
    assert batch is not None
    return batch


def test_what_arrives_meanwhile_becomes_the_next_batch() -> None:
    """At most one unreleased; a lone record is a batch of one."""
    lane = _lane(3, 10)
    assert Step() == lane.next_step()
    lane.feed(_records(5))
    first = _batch(lane)
    lane.feed(_records(6, 7, 9, 12))
    assert Step() == lane.next_step()
    lane.finish(first)
    second = _batch(lane)
    assert (TP, 6, 10, 3) == (second.tp, second.low, second.end, len(second.records))
    lane.finish(second)
    assert [12] == [record.offset() for record in _batch(lane).records]


def test_what_a_lane_holds_is_counted_with_keys_and_headers_where_strangers_write() -> None:
    """Each batch gives back what it had taken."""
    lane = Lane(TP, 1, 10, 0.0, lambda: 50.0, octets_of=octets_of)
    heavy = delivered(5, b"v" * 10, key=b"k" * 20, headers=[("h" * 30, b"x" * 40)])
    lane.feed([heavy, delivered(6, b"v"), delivered(7, None)])
    assert 10 + 20 + HEADER_COST + 30 + 40 + 1 == lane.octets
    for left in (1, 0, 0):
        lane.finish(_batch(lane))
        assert left == lane.octets


def test_nothing_can_be_committed_before_anything_is_finished() -> None:
    """Otherwise a restart would skip what was never handed out."""
    lane = _lane(3, 10)
    assert lane.committable() is None
    lane.feed(_records(5, 6))
    assert lane.committable() is None
    batch = _batch(lane)
    assert 5 == lane.committable(), "the batch itself is unfinished"
    lane.finish(batch)
    assert 7 == lane.committable()
    lane.feed(_records(9))
    assert 7 == lane.committable()


def test_a_batch_holds_the_commit_at_the_lowest_that_is_not_finished() -> None:
    """It moves forward as they are let go of, in any order; a later batch does not lift it."""
    lane, left = _lane(3, 10), Left(1, 2)
    lane.feed(_records(0, 1, 2, 3, 4))
    first = _batch(lane)
    assert 0 == lane.committable(), "nothing of it is finished before it says so"
    first.finish_all_but(left)
    first.release()
    lane.finish(_batch(lane))
    assert 1 == lane.committable()
    left.offsets.remove(1)
    assert 2 == lane.committable()
    left.offsets.remove(2)
    assert 3 == lane.committable(), "the second batch counts when the first one is done with"
    lane.finish(first)
    assert 5 == lane.committable()


def test_release_tells_whoever_waits_for_it_once() -> None:
    """A batch that is released and then finished asks for one next batch, not two."""
    lane = _lane(2, 10)
    told: list[Lane] = []
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


def test_fetching_stops_when_too_much_waits_and_goes_on_when_less_than_a_batch_does() -> None:
    """It is said once, when it changes: what is on its way arrives all the same."""
    lane = _lane(2, 4)
    lane.feed(_records(0, 1, 2))
    assert lane.next_step(taken=False).fetch is None
    lane.feed(_records(3))
    assert lane.next_step(taken=False).fetch is False
    lane.feed(_records(4, 5))
    steps = [lane.next_step()]
    while batch := lane.busy:
        lane.finish(batch)
        steps.append(lane.next_step())
    assert [None, None, True, None] == [step.fetch for step in steps]
    assert [2, 2, 2, 0] == [len(step.batch.records) if step.batch else 0 for step in steps]


def test_fetching_stops_at_octets_too_and_goes_on_when_half_of_them_are_finished() -> None:
    """Those of batches that are not finished count as well: their records are in memory."""
    lane, left = Lane(TP, 2, 100, 0.0, lambda: 50.0, lambda: 1000), Left(0)
    lane.feed([delivered(offset, b"x" * 300) for offset in range(4)])
    step = lane.next_step()
    assert (1200, False) == (lane.octets, step.fetch)
    first = step.batch
    assert first is not None and 600 == first.octets
    first.finish_all_but(left)
    first.release()
    second = _batch(lane)
    lane.finish(second)
    assert (600, None) == (lane.octets, lane.next_step().fetch), "what is parked is held"
    lane.finish(first)
    assert (0, True) == (lane.octets, lane.next_step().fetch)


def test_a_batch_of_large_records_is_cut_by_octets() -> None:
    """What takes long to read does so by its size: a batch is done within a session whatever is in it."""
    lane = _lane(100, 1000)
    third = bytes(BATCH_OCTETS // 3 + 1)
    lane.feed([delivered(offset, third) for offset in range(4)] + [delivered(4, bytes(BATCH_OCTETS + 1)), *_records(5)])
    for offsets in ([0, 1], [2, 3], [4], [5]):
        batch = _batch(lane)
        assert offsets == [record.offset() for record in batch.records]
        lane.finish(batch)
    assert 0 == lane.octets


def test_lanes_share_what_may_be_held() -> None:
    """Each the same, but never so little that batches become small."""
    assert 32 * 1024 * 1024 == share_of(128 * 1024 * 1024, 4)
    assert LEAST_SHARE == share_of(128 * 1024 * 1024, 1000)
    assert 5 * LEAST_SHARE == share_of(5 * LEAST_SHARE, 0)


def test_a_batch_that_nobody_would_take_stays() -> None:
    """While the group rebalances; it is there as soon as somebody asks again."""
    lane = _lane(2, 4)
    lane.feed(_records(0))
    assert Step() == lane.next_step(taken=False)
    assert [0] == [record.offset() for record in _batch(lane).records]


def test_small_batches_keep_their_pace() -> None:
    """Under steady traffic a batch waits for company; neither a lone record nor a backlog does."""
    now = [50.0]
    lane = _lane(100, 500, pace=0.02, clock=lambda: now[0])
    lane.feed(_records(0))
    batch = lane.next_step().batch
    assert batch is not None, "it comes alone"
    lane.feed(_records(1))
    now[0] = 50.005
    assert Step() == lane.next_step(), "one is under way: its release is waited for"
    lane.finish(batch)
    again_in = lane.next_step().again_in
    assert again_in is not None
    assert 0.014 < again_in < 0.016
    lane.feed(_records(*range(2, 26)))
    assert 25 == len(_batch(lane).records), "a quarter of a batch is worth its transaction"


def test_what_was_asked_to_wait_is_handed_out_when_its_time_has_come() -> None:
    """At the moment that the lane named, or at any later one."""
    now = [50.0]
    lane = _lane(100, 500, pace=0.02, clock=lambda: now[0])
    lane.feed(_records(0))
    lane.finish(_batch(lane))
    lane.feed(_records(1))
    now[0] += lane.next_step().again_in or 0.0
    lane.finish(_batch(lane))
    assert Step() == lane.next_step(), "there is nothing to come back for"
    lane.feed(_records(2))
    assert lane.next_step(taken=False).again_in is not None
    now[0] += 9
    assert [2] == [record.offset() for record in _batch(lane).records]


def test_a_slow_broker_is_asked_for_larger_batches() -> None:
    """What a batch took lies between its end and the next one, up to a bound."""
    now = [50.0]
    lane = _lane(100, 500, pace=0.02, clock=lambda: now[0])
    for took, rest in ((0.015, 0.015), (0.020, 0.020), (0.030, REST_MOST - 0.030), (1.0, 0.0)):
        lane.feed(_records(lane.done + 1))
        batch = _batch(lane)
        now[0] += took
        lane.finish(batch)
        lane.feed(_records(lane.done))
        assert abs((lane.next_step(taken=False).again_in or 0.0) - rest) < 1e-6
        now[0] += 10
        lane.finish(_batch(lane))
        now[0] += 10


def test_what_a_batch_does_not_keep_is_the_beginning_of_the_next_one() -> None:
    """In order, before what has arrived meanwhile; the octets stay the lane's, a commit ends where the batch does."""
    lane = _lane(3, 10)
    lane.feed(_records(5, 6, 8))
    first = _batch(lane)
    lane.feed(_records(9))
    held = lane.octets
    first.keep(1)
    assert [5] == [record.offset() for record in first.records]
    assert (6, held) == (first.end, lane.octets)
    assert Step() == lane.next_step()
    lane.finish(first)
    assert lane.committable() == 6
    second = _batch(lane)
    assert [6, 8, 9] == [record.offset() for record in second.records]
    lane.finish(second)
    assert (10, 0) == (lane.committable(), lane.octets)


def test_a_batch_may_keep_all() -> None:
    """Then nothing changes."""
    lane = _lane(3, 10)
    lane.feed(_records(5, 6))
    batch = _batch(lane)
    batch.keep(2)
    assert (7, []) == (batch.end, lane.waiting)


class Lanes(RuleBasedStateMachine):
    """Any order of feeding, handing out, releasing, parking and finishing."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 50.0
        self.lane = _lane(3, 8, pace=0.01, clock=lambda: self.now)
        self.next = 0
        self.fetching = True
        self.left: dict[Batch, Left] = {}
        self.handed_out: list[int] = []
        self.open: list[Batch] = []
        self.unfinished: set[int] = set()

    @rule(gaps=st.lists(st.integers(1, 3), max_size=5))
    def feed(self, gaps: list[int]) -> None:
        """Offsets grow; transaction markers leave gaps."""
        for gap in gaps:
            self.next += gap
            self.lane.feed(_records(self.next))

    @rule(milliseconds=st.integers(0, 60))
    def wait(self, milliseconds: int) -> None:
        """Time passes."""
        self.now += milliseconds / 1000

    @rule(taken=st.booleans())
    def ask(self, taken: bool) -> None:
        """And obey."""
        step = self.lane.next_step(taken)
        waits = self.lane.waiting and self.lane.busy is None
        assert step.again_in is None or (waits and 0 < step.again_in <= REST_MOST), "it comes back to something, soon"
        assert step.again_in is not None or not (waits and taken), "what can be handed out is, or there is a reason"
        if step.fetch is not None:
            assert step.fetch != self.fetching
            self.fetching = step.fetch
        if step.batch is not None:
            self.hand_out(step.batch)

    def hand_out(self, batch: Batch) -> None:
        """Its records, in order."""
        offsets = [record.offset() for record in batch.records]
        assert 1 <= len(offsets) <= 3
        self.handed_out += offsets
        self.unfinished |= set(offsets)
        self.open.append(batch)

    @precondition(lambda self: self.lane.busy is not None and self.lane.busy not in self.left)
    @rule(data=st.data())
    def keep(self, data: st.DataObject) -> None:
        """A part of it, the last one that was handed out; the rest comes again."""
        batch = self.lane.busy
        assert batch is not None
        count = data.draw(st.integers(1, len(batch.records)))
        rest = len(batch.records) - count
        batch.keep(count)
        gone = self.handed_out[len(self.handed_out) - rest :]
        del self.handed_out[len(self.handed_out) - rest :]
        self.unfinished -= set(gone)

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
        if batch not in self.left:
            self.left[batch] = Left(*(record.offset() for record in batch.records))
            batch.finish_all_but(self.left[batch])
        left = self.left[batch].offsets
        done = set(data.draw(st.lists(st.sampled_from(sorted(left)), max_size=2))) if left else set()
        left -= done
        self.unfinished -= done

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

    @invariant()
    def fetching_is_bounded(self) -> None:
        """It goes on whenever so little waits that a reader that sleeps would be missed."""
        assert self.fetching == self.lane.fetching
        assert self.fetching or self.lane.waiting


TestLanes = Lanes.TestCase
