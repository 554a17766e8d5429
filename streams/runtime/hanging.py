"""Transactions that hang: what their records say about how they must end. Pure.

Kafka decides on a transaction once, then writes an end marker to each partition that it wrote to. A coordinator that
loses sight of a partition while it starts (KAFKA-20734) forgets the marker there: the transaction hangs. How it was
decided stands in those of its partitions that got their markers. Where none did, nobody has seen it yet, so what is
complete may be taken as committed: folded again it would be the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from sidestep.streams.runtime.manifest import Manifest, Place, Wrote, at_or_after


class Fate(Enum):
    """How a transaction stands in one partition."""

    OPEN = "open"
    COMMITTED = "committed"
    ABORTED = "aborted"


@dataclass(frozen=True)
class RecordBatch:
    """What Kafka keeps of a record batch besides its records: https://kafka.apache.org/documentation/#recordbatch."""

    offset: int
    last_offset: int
    producer: int
    """Producer id; -1: written without one."""
    epoch: int
    sequence: int
    """Of its first record."""
    transactional: bool
    ends: Fate | None = None
    """Set in a transaction's end marker, which is no record of anybody's: COMMITTED or ABORTED."""
    manifests: tuple[Manifest | None, ...] = ()
    """Of the marker records in it, in order; None: one without, as earlier versions wrote them."""


@dataclass(frozen=True)
class Run:
    """One producer's records in one partition between two end markers: a transaction, or what there is of it."""

    offset: int
    epoch: int
    sequence: int
    records: int
    fate: Fate
    manifests: tuple[Manifest | None, ...]


@dataclass
class Ended:
    """What hung when a partition was taken over: in so many places a transaction was committed, or rolled back."""

    adopted: int = 0
    rolled_back: int = 0

    @property
    def any(self) -> bool:
        """Whether something hung."""
        return self.adopted + self.rolled_back > 0

    def count(self, fates: Mapping[Place, Fate]) -> None:
        """Note how places were ended."""
        self.adopted += sum(fate is Fate.COMMITTED for fate in fates.values())
        self.rolled_back += sum(fate is Fate.ABORTED for fate in fates.values())


class Unresolvable(Exception):
    """Nobody can tell from the records how the transaction was decided."""


def runs(batches: Iterable[RecordBatch], producer: int) -> list[Run]:
    """The transactions of a producer among `batches`, which are one partition's in order. Only the last may be open."""
    found: list[Run] = []
    for batch in batches:
        if batch.producer != producer or not batch.transactional:
            continue
        open_one = found[-1] if found and found[-1].fate is Fate.OPEN else None
        if batch.ends is None:
            _extend(found, open_one, batch)
        elif open_one is not None:
            found[-1] = replace(open_one, fate=batch.ends)
    return found


def _extend(found: list[Run], open_one: Run | None, batch: RecordBatch) -> None:
    records = batch.last_offset - batch.offset + 1
    if open_one is None:
        found.append(Run(batch.offset, batch.epoch, batch.sequence, records, Fate.OPEN, batch.manifests))
    else:
        both = open_one.records + records, open_one.manifests + batch.manifests
        found[-1] = replace(open_one, records=both[0], manifests=both[1])


def owner(hanging: Run, place: Place, ledger: Sequence[Run]) -> Run | None:
    """The transaction in the ledger's changelog that `hanging`, open in `place`, is a part of; None: one whose marker
    record never came, so it can't have been committed.

    Raises Unresolvable.
    """
    for run in reversed(ledger):
        manifest = _only(run, place)
        if manifest is None:
            continue
        wrote = manifest.places.get(place, Wrote(0, 0))
        if wrote.records and (hanging.epoch, hanging.sequence) == (run.epoch, wrote.sequence):
            return run
        if hanging.epoch > run.epoch or (hanging.epoch == run.epoch and at_or_after(hanging.sequence, wrote.next)):
            return None
    if ledger and any(run.manifests for run in ledger):
        raise Unresolvable(f"{place}: what hangs there is older than what its marker records tell of")
    return None


def same(run: Run, epoch: int, wrote: Wrote) -> bool:
    """Whether `run` is what a transaction of that epoch wrote there."""
    return (run.epoch, run.sequence) == (epoch, wrote.sequence)


def reached(found: Sequence[Run], epoch: int, wrote: Wrote) -> bool:
    """Whether transactions read backwards reach as far as to what another one `wrote`, or to what was before it."""
    return any(run.epoch < epoch or (run.epoch == epoch and at_or_after(wrote.sequence, run.sequence)) for run in found)


def _only(run: Run, place: Place) -> Manifest | None:
    if len(run.manifests) > 1:
        raise Unresolvable(f"{place}: two transactions were ended by one marker, at offset {run.offset} and behind it")
    if run.manifests and run.manifests[0] is None:
        raise Unresolvable(
            f"{place}: written by a version of Sidestep whose marker records do not say what belongs to them"
        )
    return run.manifests[0] if run.manifests else None


def verdict(run: Run, elsewhere: Mapping[Place, Run | None]) -> Fate:
    """How a transaction that hangs in the ledger's changelog too has to end: COMMITTED or ABORTED.

    `elsewhere`: what there is of it in each place of its manifest; None: nothing. Raises Unresolvable.
    """
    manifest = run.manifests[0]
    assert manifest is not None, "owner() looked at it"
    fates = {place: _fate(elsewhere.get(place), wrote) for place, wrote in manifest.written()}
    committed = [str(place) for place, fate in fates.items() if fate is Fate.COMMITTED]
    undone = [str(place) for place, fate in fates.items() if fate in (Fate.ABORTED, None)]
    if committed and undone:
        raise Unresolvable(f"it is committed in {', '.join(committed)}, but not whole in {', '.join(undone)}")
    return Fate.ABORTED if undone else Fate.COMMITTED


def _fate(run: Run | None, wrote: Wrote) -> Fate | None:
    """None: not all of it is there."""
    if run is None or run.records < wrote.records:
        return None
    if run.records > wrote.records:
        raise Unresolvable("more records than its marker record tells of")
    return run.fate
