"""An explanation from beginning to end: finds the verdict, folds the log up to it, looks for what else there is of its
id. Reads Kafka, writes nothing, joins no group. Blocks."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from functools import cached_property
from typing import NamedTuple, TypeVar

from msgspec import MsgspecError, json

from sidestep.schemas import EmailIntent, IntentEvidence
from sidestep.schemas.codec import ContractError, decode, decode_evidence
from sidestep.schemas.framed import innermost
from sidestep.streams.audit.beginning import LogSnapshots
from sidestep.streams.decide.id_rows import IdRow
from sidestep.streams.errors import LedgerError, NoPolicy, SnapshotNeeded, UnknownEngine
from sidestep.streams.explain.again import Again, judged_again
from sidestep.streams.explain.beginning import beginning_before
from sidestep.streams.explain.find import NEAR_SECONDS, FoundVerdict, Wanted, anywhere, last_judged, latest, within
from sidestep.streams.explain.ids import id_keys, rows_among
from sidestep.streams.explain.key_in_force import require_key_in_force
from sidestep.streams.explain.ledger_rows import LedgerRows
from sidestep.streams.explain.letters import letters_of
from sidestep.streams.explain.shelf import Shelf
from sidestep.streams.explain.shelves import KafkaShelf, KafkaShelves
from sidestep.streams.explain.story import OtherVerdict, UnjudgedStory, VerdictStory
from sidestep.streams.partition_note import PartitionNote
from sidestep.streams.read_partitions import note_or_none
from sidestep.streams.runtime.readable import UNREADABLE
from sidestep.streams.screen.keys import Keys
from sidestep.topics.catalog import APPROVED, EVIDENCE, IDS_CHANGELOG, INTENTS, REJECTED
from sidestep.topics.cluster import admin_client, require
from sidestep.topics.connection import Connection
from sidestep.topics.errors import NotLetIn
from sidestep.topics.stretch import topic_of

ResultT = TypeVar("ResultT")
Progress = Callable[[str, int], AbstractContextManager[Callable[[int, int], None]]]
"""What is being done, and how many records that are, roughly -> is told how far it is."""


class VerdictQuestion(NamedTuple):
    """What somebody wants to know."""

    wanted: Wanted
    attempt: int | None = None
    near: float | None = None
    """When it was decided, roughly: Unix seconds."""


def silent(_doing: str, _total: int) -> AbstractContextManager[Callable[[int, int], None]]:
    """Shows nothing."""
    return nullcontext(lambda _done, _records: None)


def explain(
    connection: Connection,
    asked: VerdictQuestion,
    keys: Keys | None = None,
    snapshots_url: str = "",
    progress: Progress = silent,
) -> VerdictStory | UnjudgedStory:
    """The story of an id's last verdict, or of that on one attempt. `keys`: with them the ledger's row of the id leads
    to it; `snapshots_url`: with snapshots of the ledger less of the log has to be folded. Raises SidestepError."""
    snapshots = snapshots_in(connection, snapshots_url)
    with closing(KafkaShelves(connection)) as shelves, closing(LedgerRows(snapshots)) as ledgers:
        return _Explainer(connection, shelves, ledgers, asked, keys, snapshots, progress).story()


def snapshots_in(connection: Connection, url: str) -> LogSnapshots | None:
    """Of this cluster; empty: none are looked for."""
    return LogSnapshots(url, topic_of(connection, EVIDENCE.name).cluster) if url else None


class _Explainer:
    def __init__(
        self,
        connection: Connection,
        shelves: KafkaShelves,
        ledgers: LedgerRows,
        asked: VerdictQuestion,
        keys: Keys | None,
        snapshots: LogSnapshots | None,
        progress: Progress,
    ):
        self._connection, self._shelves, self._ledgers, self._asked = connection, shelves, ledgers, asked
        self._keys, self._snapshots, self._progress = keys, snapshots, progress
        self._topics = require(admin_client(connection), connection, [EVIDENCE.name, APPROVED.name, REJECTED.name])
        self._verdicts = [*self._of(APPROVED.name), *self._of(REJECTED.name)]

    def story(self) -> VerdictStory | UnjudgedStory:
        found = list({each.place: each for each in self._find()}.values())
        chosen = latest(found, self._asked.attempt)
        if chosen is None:
            return self._unjudged(found)
        return self._story(chosen, [each for each in found if each is not chosen])

    # -- the verdict

    def _find(self) -> list[FoundVerdict]:
        """By the ledger's row, near the time that was told, or anywhere; the first that leads to one."""
        asked = self._asked
        for way in (self._by_row, self._near):
            found = way()
            if latest(found, asked.attempt) is not None:
                return found
        return self._read("reading verdicts", self._verdicts, lambda some: list(anywhere(some, asked.wanted)))

    def _by_row(self) -> list[FoundVerdict]:
        if self._keys is None:
            return []
        wanted, found = id_keys(self._keys, *self._asked.wanted), list[FoundVerdict]()
        changelog, anything = self._of(IDS_CHANGELOG.name), False
        for number, shelf in enumerate(changelog, 1):
            of, partition = f"looking for the id, {number} of {len(changelog)}", shelf.place.partition
            known, start = self._ledgers.known("window", partition, wanted, shelf.end)

            def look(some: list[Shelf], known: dict[bytes, bytes] = known, start: int = start) -> dict[bytes, IdRow]:
                return rows_among(some[0].between(start, some[0].end), wanted, known)

            rows = self._read(of, [shelf], look, shelf.end - max(start, shelf.start))
            anything = anything or bool(rows)
            here = [each for each in self._verdicts if each.place.partition == partition]
            for second in sorted({row.at for row in rows.values()}):
                found += within(here, self._asked.wanted, (second, second + 1))
        if not anything:
            require_key_in_force(self._connection, self._keys)
        return found

    def _near(self) -> list[FoundVerdict]:
        near = self._asked.near
        if near is None:
            return []
        return list(within(self._verdicts, self._asked.wanted, (near - NEAR_SECONDS, near + NEAR_SECONDS)))

    # -- its story

    def _story(self, chosen: FoundVerdict, others: Iterable[FoundVerdict]) -> VerdictStory:
        position = chosen.verdict.evidence
        (log,) = self._shelves.shelves(EVIDENCE.name, [position.partition])
        record = log.peek(position.offset)
        evidence = _intent(record.value) if record is not None and record.offset == position.offset else None
        again = Again(None, "its evidence is not retained any more")
        if evidence is not None:
            again = self._again(chosen, log)
        return VerdictStory(
            verdict=chosen.verdict,
            place=chosen.place,
            evidence=evidence,
            others=_others(others),
            **again._asdict(),
        )

    @cached_property
    def _note(self) -> PartitionNote | None:
        return note_or_none(self._connection)

    def _is_carried_on(self, log: Shelf) -> bool:
        return self._note is not None and self._note.is_carried_on(log.place.partition)

    def _again(self, chosen: FoundVerdict, log: KafkaShelf) -> Again:
        try:
            with suppress(LedgerError, MsgspecError):  # of a snapshot that was lent only what is read was looked at
                again, sure = self._folded(chosen, log, lend=True)
                if sure or (again.seen is not None and not again.difference):
                    return again
            return self._folded(chosen, log, lend=False)[0]
        except (SnapshotNeeded, UnknownEngine, NoPolicy) as error:
            return Again(None, str(error))

    def _folded(self, chosen: FoundVerdict, log: KafkaShelf, *, lend: bool) -> tuple[Again, bool]:
        """And whether all that it was folded from was looked at closely."""
        offset = chosen.verdict.evidence.offset
        carried_on = self._is_carried_on(log)
        with beginning_before(log, offset, self._snapshots, carried_on, lend=lend) as begins:

            def fold(some: list[Shelf]) -> Again:
                records = ((one.offset, one.value) for one in some[0].between(begins.start, offset + 1))
                return judged_again(chosen.verdict, chosen.value, begins.tables, begins.start, records)

            again = self._read("folding the log", [log], fold, offset - begins.start)
            return again, not lend or begins.snapshot is None

    # -- no verdict

    def _unjudged(self, others: Iterable[FoundVerdict]) -> UnjudgedStory:
        wanted, unseen = self._asked.wanted, list[str]()
        waits = self._waiting()
        intent, letters = "", list[tuple[str, str]]()
        try:
            letters = letters_of(self._connection, wanted)
        except NotLetIn as error:
            unseen.append(f"Whether it became a dead letter can't be told: {error}")
        if not waits:
            try:
                intent = self._published()
            except NotLetIn as error:
                unseen.append(f"Whether it was published can't be told: {error}")
        return UnjudgedStory(
            service=wanted.service,
            id=wanted.id,
            attempt=self._asked.attempt,
            others=_others(others),
            evidence=waits,
            intent=intent,
            dead_letters=tuple(letters),
            unseen=tuple(unseen),
        )

    def _waiting(self) -> str:
        """Where its evidence lies behind all that Decide has judged."""
        for log in self._of(EVIDENCE.name):
            here = [each for each in self._verdicts if each.place.partition == log.place.partition]
            judged = max((last_judged(shelf) for shelf in here), default=-1)
            for record in log.between(judged + 1, log.end):
                evidence = _intent(record.value) if _names(record.value, self._asked.wanted) else None
                if evidence is not None and self._is_asked(evidence.service, evidence.id, evidence.attempt):
                    return f"{log.place}/{record.offset}"
        return ""

    def _published(self) -> str:
        """Where its intent lies."""
        topics = require(admin_client(self._connection), self._connection, [INTENTS.name])
        shelves = self._shelves.shelves(INTENTS.name, sorted(topics[INTENTS.name].partitions))
        return self._read("reading intents", shelves, lambda some: next(self._intents(some), ""))

    def _intents(self, shelves: list[Shelf]) -> Iterator[str]:
        for shelf in shelves:
            for record in shelf.between(shelf.start, shelf.end):
                if _names(record.value, self._asked.wanted):
                    try:
                        intent = decode(EmailIntent, innermost(record.value))
                    except ContractError:
                        continue
                    if self._is_asked(intent.service, intent.id, intent.attempt):
                        yield f"{shelf.place}/{record.offset}"

    def _is_asked(self, service: str, intent_id: str, attempt: int) -> bool:
        asked = self._asked
        return (service, intent_id) == asked.wanted and asked.attempt in (None, attempt)

    # -- reading

    def _of(self, topic: str) -> list[KafkaShelf]:
        return self._shelves.shelves(topic, sorted(self._topics[EVIDENCE.name].partitions))

    def _read(
        self, doing: str, shelves: Sequence[Shelf], work: Callable[[list[Shelf]], ResultT], total: int | None = None
    ) -> ResultT:
        whole = sum(shelf.end - shelf.start for shelf in shelves) if total is None else total
        done = 0
        with self._progress(doing, max(whole, 1)) as show:

            def told(records: int) -> None:
                nonlocal done
                done += records
                show(min(done, whole), done)

            self._shelves.told = told
            try:
                return work(list(shelves))
            finally:
                self._shelves.told = lambda _: None


def _others(found: Iterable[FoundVerdict]) -> tuple[OtherVerdict, ...]:
    return tuple(
        OtherVerdict(
            each.verdict.attempt,
            each.verdict.action,
            each.verdict.rules[0].id if each.verdict.rules else "",
            each.verdict.decided_at,
            each.place,
        )
        for each in sorted(found, key=lambda each: each.order)
    )


def _names(value: bytes | None, wanted: Wanted) -> bool:
    """At a glance: JSON has its id in it, as most programs write it."""
    return value is not None and (json.encode(wanted.id) in value or b"\\" in value)


def _intent(value: bytes | None) -> IntentEvidence | None:
    try:
        record = decode_evidence(value)
    except UNREADABLE:
        return None
    return record if isinstance(record, IntentEvidence) else None
