"""How a hanging transaction must end, over transactions and lost end markers of all kinds."""

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.streams.runtime.hanging import (
    Fate,
    RecordBatch,
    Run,
    Unresolvable,
    owner,
    reached,
    runs,
    same,
    verdict,
)
from sidestep.streams.runtime.manifest import SEQUENCES, Manifest, Place, Sequences, Wrote, at_or_after

ROWS = Place("rows", 0)
PLACES = (Place("approved", 0), Place("rejected", 0), Place("tallies", 3), ROWS)
ME, OTHER = 7, 8


@dataclass
class Broker:
    """What partitions hold of one producer's transactions. `start`: where its numbers begin."""

    start: int = 0
    epoch: int = 4
    batches: dict[Place, list[RecordBatch]] = field(default_factory=lambda: {place: [] for place in PLACES})
    sequences: Sequences = field(default_factory=Sequences)

    def __post_init__(self) -> None:
        self.sequences._next = dict.fromkeys(PLACES, self.start)

    def transaction(
        self, counts: dict[Place, int], lost: frozenset[Place], ends: frozenset[Place], decided: Fate
    ) -> None:
        """Writes so many records, of which some places get none, and end markers to some of those that did."""
        manifest = self.sequences.manifest(counts)
        for place, wrote in manifest.written():
            if place not in lost:
                self._append(place, wrote, manifest if place == ROWS else None)
                if place in ends:
                    self._end(place, decided)

    def _append(self, place: Place, wrote: Wrote, manifest: Manifest | None) -> None:
        manifests = (manifest,) if manifest else ()
        offset = self._offset(place)
        last = offset + wrote.records - 1
        self.batches[place].append(RecordBatch(offset, last, ME, self.epoch, wrote.sequence, True, manifests=manifests))

    def _end(self, place: Place, decided: Fate) -> None:
        offset = self._offset(place)
        self.batches[place].append(RecordBatch(offset, offset, ME, self.epoch, -1, True, decided))

    def _offset(self, place: Place) -> int:
        return self.batches[place][-1].last_offset + 1 if self.batches[place] else 0

    def ends(self) -> dict[Place, Fate]:
        """How all that hangs must end, as examine.py finds it."""
        found = {place: runs(batches, ME) for place, batches in self.batches.items()}
        hanging = {place: of[-1] for place, of in found.items() if of and of[-1].fate is Fate.OPEN}
        return {place: self._fate(run, place, found) for place, run in hanging.items()}

    def _fate(self, run: Run, place: Place, found: dict[Place, list[Run]]) -> Fate:
        of = owner(run, place, found[ROWS])
        if of is None:
            return Fate.ABORTED
        if of.fate is not Fate.OPEN:
            return of.fate
        manifest = of.manifests[0]
        assert manifest is not None
        return verdict(
            of,
            {
                where: next((run for run in found[where] if same(run, of.epoch, wrote)), None)
                for where, wrote in manifest.written()
            },
        )


counts = st.fixed_dictionaries({}, optional={place: st.integers(1, 5) for place in PLACES[:-1]}).map(
    lambda some: {**some, ROWS: 2}
)
subsets = st.frozensets(st.sampled_from(PLACES))


@given(st.lists(counts, max_size=4), counts, subsets, subsets, st.booleans(), st.sampled_from([0, SEQUENCES - 6]))
def test_it_ends_as_it_was_decided_wherever_its_end_markers_were_lost(
    before: list[dict[Place, int]],
    last: dict[Place, int],
    lost: frozenset[Place],
    ends: frozenset[Place],
    committed: bool,
    start: int,
) -> None:
    """After any transactions that ended; sequence numbers go round. A committed one has lost no records."""
    broker = Broker(start)
    for some in before:
        broker.transaction(some, frozenset(), frozenset(PLACES), Fate.COMMITTED)
    lost = frozenset() if committed else lost
    decided = Fate.COMMITTED if committed else Fate.ABORTED
    broker.transaction(last, lost, ends, decided)
    written = last.keys() - lost
    hanging = written - ends
    unseen = hanging == last.keys()
    expected = Fate.COMMITTED if unseen else decided
    assert broker.ends() == dict.fromkeys(hanging, expected)


def test_what_hangs_since_an_earlier_transaction_ends_as_that_one() -> None:
    """The changelog went on, because an owner that did not look was there in between."""
    broker = Broker()
    everywhere, one = frozenset(PLACES), PLACES[0]
    broker.transaction({one: 2, ROWS: 1}, frozenset(), everywhere - {one}, Fate.COMMITTED)
    broker.transaction({ROWS: 1}, frozenset(), everywhere, Fate.COMMITTED)
    assert broker.ends() == {one: Fate.COMMITTED}
    # its marker record was compacted away
    broker.batches[ROWS] = broker.batches[ROWS][2:]
    with pytest.raises(Unresolvable, match="older than what its marker records tell of"):
        broker.ends()


def test_two_transactions_under_one_end_marker_are_nobodys_guess() -> None:
    """The later one's marker decided both, so the earlier one may be torn."""
    broker = Broker()
    broker.transaction({PLACES[0]: 2, ROWS: 1}, frozenset(), frozenset(), Fate.COMMITTED)
    broker.transaction({ROWS: 1}, frozenset(), frozenset(PLACES), Fate.ABORTED)
    with pytest.raises(Unresolvable, match="two transactions were ended by one marker"):
        broker.ends()


def test_more_records_than_told_are_nobodys_guess() -> None:
    """Something that the marker record does not know was written behind it."""
    told = Manifest({ROWS: Wrote(0, 2)})
    run = Run(0, 1, 0, 3, Fate.OPEN, (told,))
    with pytest.raises(Unresolvable, match="more records"):
        verdict(run, {ROWS: run})


def test_runs_are_one_producers_between_end_markers() -> None:
    """Others' batches and those outside transactions are passed over; an end marker without records ends nothing."""
    data = RecordBatch(0, 4, ME, 1, 10, True)
    end = RecordBatch(9, 9, ME, 2, -1, True, Fate.ABORTED)
    batches = [
        end,
        data,
        replace(data, offset=5, last_offset=5, producer=OTHER),
        replace(data, offset=6, last_offset=6, transactional=False),
        replace(data, offset=7, last_offset=8, sequence=15),
        end,
        replace(data, offset=10, last_offset=10, epoch=2, sequence=0),
    ]
    assert runs(batches, ME) == [Run(0, 1, 10, 7, Fate.ABORTED, ()), Run(10, 2, 0, 1, Fate.OPEN, ())]
    assert runs(batches, OTHER) == [Run(5, 1, 10, 1, Fate.OPEN, ())]


def test_reading_back_ends_at_the_transaction_or_before_it() -> None:
    """A transaction that is cut at its beginning does not count for it."""
    run = Run(0, 4, 20, 5, Fate.COMMITTED, ())
    assert reached([run], 4, Wrote(20, 5))
    assert reached([run], 4, Wrote(25, 5))
    assert reached([run], 5, Wrote(0, 5))
    assert not reached([run], 4, Wrote(18, 7))
    assert not reached([], 4, Wrote(0, 1))


@given(
    st.dictionaries(
        st.builds(Place, st.text(), st.integers(0, 9)),
        st.builds(Wrote, st.integers(0, SEQUENCES - 1), st.integers(0, 9)),
    )
)
def test_a_manifest_comes_back_as_it_was(places: dict[Place, Wrote]) -> None:
    """Through the octets of the header."""
    assert Manifest.decode(Manifest(places).encode()) == Manifest(places)


def test_sequence_numbers_go_on_where_the_last_transaction_ended_and_round() -> None:
    """As Kafka counts them; a place that a transaction passes over stays in the manifest."""
    sequences = Sequences()
    sequences.manifest({ROWS: 3})
    assert sequences.manifest({PLACES[0]: 2}).places == {ROWS: Wrote(3, 0), PLACES[0]: Wrote(0, 2)}
    assert Wrote(SEQUENCES - 2, 5).next == 3
    assert at_or_after(3, SEQUENCES - 2) and not at_or_after(SEQUENCES - 2, 3)
