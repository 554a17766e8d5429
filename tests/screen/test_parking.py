"""What is parked holds the commit back, and a full car park the next batch: in any order of answers and failures."""

from typing import NamedTuple

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sidestep.streams.runtime.batches import Batch, Lane, Partition
from sidestep.streams.screen.parking import CarPark, Parked, Places
from tests.kafka_records import delivered

TP = Partition("email-intents", 3)
PLACES = 4
BATCH_MAX = 3


class Read(NamedTuple):
    """A record that has been read."""

    offset: int


def _lane() -> Lane:
    return Lane(TP, BATCH_MAX, 1000, 0.0, lambda: 0.0)


def _batch(lane: Lane, *offsets: int) -> Batch:
    lane.feed([delivered(offset) for offset in offsets])
    batch = lane.next_step().batch
    assert batch is not None
    return batch


def _parked(places: Places, **groups: list[int]) -> Parked[Read]:
    return Parked(places, {key: [Read(offset) for offset in offsets] for key, offsets in groups.items()})


def test_a_batch_is_finished_up_to_the_lowest_that_waits() -> None:
    """Whichever name answers first; to its end when all have."""
    lane, places = _lane(), Places(PLACES)
    batch = _batch(lane, 5, 6, 8)
    parked = _parked(places, slow=[5], slower=[6, 8])
    assert 5 == lane.committable()
    batch.finish_all_but(parked)
    parked.leave("slow")
    assert (6, 2) == (lane.committable(), places.taken)
    parked.leave("slower")
    assert (9, 0) == (lane.committable(), places.taken)
    assert {} == parked.groups()


def test_nothing_is_finished_before_the_rest_of_the_batch_is_in_the_log() -> None:
    """An answer that comes while the others are being published moves nothing."""
    lane = _lane()
    batch = _batch(lane, 0, 1, 2)
    parked = _parked(Places(PLACES), slow=[2])
    assert 0 == lane.committable()
    batch.finish_all_but(parked)
    assert 2 == lane.committable()


def test_a_full_car_park_lets_the_next_batch_in_when_there_is_a_place_again() -> None:
    """Whichever batch frees it: also one before the one that was kept back."""
    lane, places = _lane(), Places(PLACES)
    first, old = _batch(lane, 0, 1, 2), _parked(places, a=[0, 1], b=[2])
    first.finish_all_but(old)
    places.release(first)
    after_one = lane.busy
    assert after_one is None
    second, new = _batch(lane, 3, 4, 5), _parked(places, c=[3, 4])
    second.finish_all_but(new)
    places.release(second)
    assert lane.busy is second and 5 == places.taken
    old.leave("b")
    assert lane.busy is second, "as many wait as may"
    old.leave("a")
    assert lane.busy is None


def test_each_partition_has_places_of_its_own() -> None:
    """And they are counted for the metrics, also where nothing waits any more."""
    park, other = CarPark(PLACES), Partition("email-intents", 4)
    parked = _parked(park.of(TP), a=[0, 1])
    _parked(park.of(other), a=[7]).leave("a")
    assert {TP: 2, other: 0} == park.taken()
    park.forget({other})
    assert {other: 0} == park.taken()
    again = park.of(TP)
    parked.leave("a")
    assert 0 == again.taken, "what waited for the last assignment owes nothing to this one"


class Parking(RuleBasedStateMachine):
    """Batches of one partition as Screen takes them: some published at once, the rest by name, or not at all."""

    def __init__(self) -> None:
        super().__init__()
        self.lane = _lane()
        self.places = Places(PLACES)
        self.fed = 0
        self.handed_out: list[int] = []
        self.logged: set[int] = set()
        self.examining: Batch | None = None
        self.waiting: dict[Batch, Parked[Read]] = {}
        self.failed = 0

    @rule(gaps=st.lists(st.integers(1, 3), min_size=1, max_size=5))
    def feed(self, gaps: list[int]) -> None:
        """Offsets grow, with gaps."""
        for gap in gaps:
            self.fed += gap
            self.lane.feed([delivered(self.fed)])

    @precondition(lambda self: self.examining is None)
    @rule()
    def hand_out(self) -> None:
        """If the lane has a batch."""
        self.examining = self.lane.next_step().batch
        if self.examining is not None:
            self.handed_out += [record.offset() for record in self.examining.records]

    @precondition(lambda self: self.examining is not None)
    @rule(data=st.data(), fails=st.booleans())
    def publish(self, data: st.DataObject, fails: bool) -> None:
        """What can be said at once; where that fails, nothing of the batch goes on."""
        batch, self.examining = self.examining, None
        assert batch is not None
        names = data.draw(st.lists(st.sampled_from(["", "a", "b", "c"]), min_size=BATCH_MAX, max_size=BATCH_MAX))
        groups: dict[str, list[Read]] = {}
        for record, name in zip(batch.records, names, strict=False):
            groups.setdefault(name, []).append(Read(record.offset()))
        ready = groups.pop("", [])
        parked = Parked(self.places, groups)
        if fails:
            self.failed += len(parked)
            return
        self.logged |= {read.offset for read in ready}
        batch.finish_all_but(parked)
        self.places.release(batch)
        self.waiting[batch] = parked

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        """A name of any batch answers, and what it held back goes into the log; who has nothing left is acked."""
        batch = data.draw(st.sampled_from(list(self.waiting)))
        parked = self.waiting[batch]
        if parked.groups():
            key, group = data.draw(st.sampled_from(sorted(parked.groups().items())))
            self.logged |= {read.offset for read in group}
            parked.leave(key)
        if not parked.groups():
            del self.waiting[batch]
            self.lane.finish(batch)

    @invariant()
    def no_commit_passes_what_is_not_in_the_log(self) -> None:
        """Whatever was handed out below the offset that may be committed is there."""
        commit = self.lane.committable()
        assert {offset for offset in self.handed_out if commit is not None and offset < commit} <= self.logged

    @invariant()
    def a_commit_does_not_lag(self) -> None:
        """It reaches the first that is missing, or the end."""
        missing = [offset for offset in self.handed_out if offset not in self.logged]
        commit = self.lane.committable()
        if missing and commit is not None:
            between = [offset for offset in self.handed_out if commit <= offset < missing[0]]
            unacked = {record.offset() for batch in self.lane.under_way for record in batch.records}
            assert set(between) <= unacked, "only what belongs to batches that are not acked is read again"
        elif self.handed_out and not self.lane.under_way:
            assert self.handed_out[-1] + 1 == commit

    @invariant()
    def places_are_counted(self) -> None:
        """By what waits; and the next batch is kept back only as long as they are taken."""
        assert self.places.taken == self.failed + sum(map(len, self.waiting.values()))
        if self.lane.busy in self.waiting:
            assert self.places.taken >= PLACES


TestParking = Parking.TestCase
