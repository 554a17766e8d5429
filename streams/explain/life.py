"""The story of an address or of a domain: what the ledger knows now, and what the log tells of late. Reads Kafka,
writes nothing, joins no group. Blocks."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from heapq import nlargest

from msgspec import Struct, structs

from sidestep.streams.audit.beginning import LogSnapshots
from sidestep.streams.decide.tables import BOUNCE_HISTORY, DOMAIN_RATES, DomainRow, RecipientRow
from sidestep.streams.explain.events import LifeEvent, LifeSubject
from sidestep.streams.explain.find import first_at, last_judged, read_verdict, verdict_on
from sidestep.streams.explain.ledger_rows import LedgerRows
from sidestep.streams.explain.run import Progress
from sidestep.streams.explain.shelf import Lying, Shelf
from sidestep.streams.explain.shelves import KafkaShelf, KafkaShelves
from sidestep.topics.catalog import APPROVED, EVIDENCE, LEDGER_CHANGELOG, REJECTED
from sidestep.topics.connection import Connection

EVENTS = 30
"""The latest ones; the rest is counted."""


class LifeStory(Struct, frozen=True):
    """What is known of somebody, in one partition."""

    partition: int
    recipient: RecipientRow | None
    domain: DomainRow | None
    events: tuple[LifeEvent, ...]
    """In the log's order."""
    earlier: int
    """How many more there are."""


def life_of(
    connection: Connection,
    subject: LifeSubject,
    partition: int,
    since: float,
    progress: Progress,
    snapshots: LogSnapshots | None = None,
) -> LifeStory:
    """`since`: events since then, Unix seconds of log time. `snapshots`: with one of the ledger less of its changelog
    has to be read. Raises SidestepError."""
    with closing(KafkaShelves(connection)) as shelves, closing(LedgerRows(snapshots)) as ledgers:
        rows = [BOUNCE_HISTORY.prefix + key for key in subject.keys]
        domain = DOMAIN_RATES.prefix + subject.domain.encode()
        values = _last(shelves, ledgers, partition, [*rows, domain], progress)
        found = next((values[key] for key in rows if values.get(key)), None)
        at = values.get(domain)
        verdicts = [shelf for name in (APPROVED.name, REJECTED.name) for shelf in shelves.shelves(name, [partition])]
        events = _events(shelves, partition, subject, _first_since(verdicts, since), progress)
        shown = nlargest(EVENTS, events, key=lambda event: event.offset)
        return LifeStory(
            partition,
            BOUNCE_HISTORY.decode(found) if found else None,
            DOMAIN_RATES.decode(at) if at else None,
            tuple(_judged(event, verdicts) for event in reversed(shown)),
            len(events) - len(shown),
        )


def _last(
    shelves: KafkaShelves, ledgers: LedgerRows, partition: int, keys: Sequence[bytes], progress: Progress
) -> dict[bytes, bytes | None]:
    """The last that the ledger says of some rows."""
    (changelog,) = shelves.shelves(LEDGER_CHANGELOG.name, [partition])
    wanted = frozenset(keys)
    known, start = ledgers.known("rows", partition, keys, changelog.end)
    start = max(start, changelog.start)
    with progress("reading the ledger's changelog", max(changelog.end - start, 1)) as show:
        records = _watched(shelves, changelog, start, show)
        return {**known, **{record.key: record.value for record in records if record.key in wanted}}


def _events(
    shelves: KafkaShelves, partition: int, subject: LifeSubject, start: int, progress: Progress
) -> list[LifeEvent]:
    (log,) = shelves.shelves(EVIDENCE.name, [partition])
    with progress("reading the log", max(log.end - max(start, log.start), 1)) as show:
        return list(subject.events(_watched(shelves, log, start, show)))


def _watched(shelves: KafkaShelves, shelf: KafkaShelf, start: int, show: Callable[[int, int], None]) -> Iterable[Lying]:
    done = 0

    def told(records: int) -> None:
        nonlocal done
        done += records
        show(done, done)

    shelves.told = told
    return shelf.between(start, shelf.end)


def _first_since(verdicts: Sequence[Shelf], since: float) -> int:
    """Offset of the log from which on its verdicts are not older; behind the last one that was judged where all are; 0
    where no verdict tells."""
    found = []
    for shelf in verdicts:
        record = shelf.peek(first_at(shelf, since))
        verdict = read_verdict(record) if record is not None else None
        if verdict is not None:
            found.append(verdict.evidence.offset)
    return min(found) if found else max(map(last_judged, verdicts), default=-1) + 1


def _judged(event: LifeEvent, verdicts: Sequence[KafkaShelf]) -> LifeEvent:
    found = verdict_on(verdicts, event.offset) if event.is_intent else None
    if found is None:
        return event
    rules = f" ({found.verdict.rules[0].id})" if found.verdict.rules else ""
    return structs.replace(event, verdict=f"{found.verdict.action}{rules}")
