"""Where the verdicts on an id lie. Pure: shelves.py reads Kafka, tests have shelves of their own.

Verdicts lie in the partition of their evidence, in the log's order, so `decided_at`, the log's time, never goes back on
a shelf: a time is found on it by halving, some twenty records looked at in ten million. The ledger's row of the id has
that time to the second.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from sidestep.schemas import Verdict
from sidestep.schemas.codec import ContractError, decode
from sidestep.streams.explain.shelf import Lying, Shelf

NEAR_SECONDS = 600.0
"""Before and behind a time that somebody has told."""
LOOK = 64
"""One of so many records is read for its time; the others for their keys alone."""


class Wanted(NamedTuple):
    """Whose verdict it is."""

    service: str
    id: str

    def is_of(self, record: Lying) -> Verdict | None:
        """The verdict, if this record is one on this id."""
        if record.key != self.id.encode("utf-8", "surrogatepass"):
            return None
        verdict = read_verdict(record)
        return verdict if verdict is not None and (verdict.service, verdict.id) == self else None


class FoundVerdict(NamedTuple):
    """A verdict, and where it lies."""

    verdict: Verdict
    place: str
    """TOPIC/PARTITION/OFFSET."""
    value: bytes

    @property
    def order(self) -> tuple[float, int]:
        """The latest one last."""
        return self.verdict.decided_at, self.verdict.evidence.offset


Seconds = tuple[float, float]
"""Log time: from the first on, before the second."""


def read_verdict(record: Lying) -> Verdict | None:
    """None: it is none that can be read."""
    try:
        return decode(Verdict, record.value or b"")
    except (ContractError, ValueError):
        return None


def within(shelves: Iterable[Shelf], wanted: Wanted, span: Seconds) -> Iterator[FoundVerdict]:
    """The verdicts on an id that were made in some seconds."""
    for shelf in shelves:
        for number, record in enumerate(shelf.between(first_at(shelf, span[0]), shelf.end), 1):
            if number % LOOK == 0 and _is_later(record, span[1]):
                break
            yield from _found(shelf, record, wanted)


def anywhere(shelves: Iterable[Shelf], wanted: Wanted) -> Iterator[FoundVerdict]:
    """All verdicts on an id: reads everything."""
    for shelf in shelves:
        for record in shelf.between(shelf.start, shelf.end):
            yield from _found(shelf, record, wanted)


def first_at(shelf: Shelf, second: float) -> int:
    """Offset of the first verdict made at a time or later; the shelf's end where there is none."""
    return _first(shelf, second, lambda verdict: verdict.decided_at)


def verdict_on(shelves: Iterable[Shelf], evidence: int) -> FoundVerdict | None:
    """The verdict that follows from the record of the log at this offset, on shelves of its partition."""
    for shelf in shelves:
        record = shelf.peek(_first(shelf, evidence, lambda verdict: verdict.evidence.offset))
        verdict = read_verdict(record) if record is not None else None
        if record is not None and verdict is not None and verdict.evidence.offset == evidence:
            return FoundVerdict(verdict, f"{shelf.place}/{record.offset}", record.value or b"")
    return None


def _first(shelf: Shelf, least: float, of: Callable[[Verdict], float]) -> int:
    """Offset of the first verdict of which something that never goes back is so much at least."""
    low, high = shelf.start, shelf.end
    while low < high:
        middle = (low + high) // 2
        offset, verdict = _readable_from(shelf, middle, high)
        if verdict is None or of(verdict) >= least:
            high = middle
        else:
            low = offset + 1
    return low


def last_judged(shelf: Shelf) -> int:
    """Offset in the log of the evidence of a shelf's last verdict; -1: it has none that can be read."""
    step = 1
    while step <= 2 * (shelf.end - shelf.start):
        record = shelf.peek(max(shelf.start, shelf.end - step))
        if record is not None:
            rest = list(shelf.between(record.offset, shelf.end))
            offsets = [verdict.evidence.offset for one in rest if (verdict := read_verdict(one)) is not None]
            if offsets:
                return max(offsets)
        step *= 2
    return -1


def latest(found: Sequence[FoundVerdict], attempt: int | None) -> FoundVerdict | None:
    """The last one, of all attempts or of one; None: there is none."""
    some = [each for each in found if attempt is None or each.verdict.attempt == attempt]
    return max(some, key=lambda each: each.order, default=None)


def _found(shelf: Shelf, record: Lying, wanted: Wanted) -> Iterator[FoundVerdict]:
    verdict = wanted.is_of(record)
    if verdict is not None:
        yield FoundVerdict(verdict, f"{shelf.place}/{record.offset}", record.value or b"")


def _readable_from(shelf: Shelf, offset: int, stop: int) -> tuple[int, Verdict | None]:
    """The first verdict from an offset on, and where it stands; None: there is none before `stop`. What can't be
    read, which no worker has written, is passed over."""
    while offset < stop and (record := shelf.peek(offset)) is not None and record.offset < stop:
        verdict = read_verdict(record)
        if verdict is not None:
            return record.offset, verdict
        offset = record.offset + 1
    return stop, None


def _is_later(record: Lying, second: float) -> bool:
    verdict = read_verdict(record)
    return verdict is not None and verdict.decided_at >= second
