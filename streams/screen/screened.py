"""A batch on its way through Screen: what is ready to be published, what waits, and what is counted of it."""

import logging
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from typing import NamedTuple

from sidestep.schemas import FeedbackEvidence, IntentEvidence, SoughtFeedback, TrapRecord
from sidestep.schemas.codec import ContractError, encode
from sidestep.schemas.reading import read_service
from sidestep.streams.errors import without_text
from sidestep.streams.masking import without_local_parts
from sidestep.streams.runtime.batches import Batch
from sidestep.streams.runtime.collective_letter import collective_letter
from sidestep.streams.runtime.cut_record import CutRecord, PackedBatch
from sidestep.streams.runtime.dead_letters import SEEKS, SOUGHT, UnreadRecords, dead_letter
from sidestep.streams.runtime.outgoing import Keyed, Outgoing, Single
from sidestep.streams.runtime.record import Record
from sidestep.streams.screen.by_id import WAITS
from sidestep.streams.screen.evidence import ReadIntent
from sidestep.streams.screen.intake import FeedbackForm
from sidestep.streams.screen.quarantine_notes import QuarantineNote
from sidestep.streams.screen.signers import REASONS, TopicSigners
from sidestep.streams.screen.traps import note, other_notes
from sidestep.streams.terminal import printable
from sidestep.topics.catalog import CONTROL, DEAD_LETTERS, EVIDENCE, INTENTS
from sidestep.topics.own_topics import general_of

HELD = "held"
"""What became of a record that is proved; others name the reason."""

SERVICES = 3
"""Named at most, of those that broken records name."""

log = logging.getLogger(__name__)


class Refusal(NamedTuple):
    """A record that becomes a dead letter, and why."""

    record: Record
    code: str
    text: str


class Screened:
    """`kinds` of evidence, `reasons` of dead letters and `signatures` by key and outcome are for the metrics; `example`
    is the text of a refusal."""

    def __init__(self, batch: Batch, check: TopicSigners | None = None) -> None:
        """`check`: who may say what in this topic; None: nobody is asked for a signature."""
        self.origin = f"{batch.tp.topic}/{batch.tp.partition}/"
        self.waiting: dict[str, list[ReadIntent]] = defaultdict(list)
        """Intents that wait, by what is asked for."""
        self.kinds: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.signatures: Counter[tuple[str, str]] = Counter()
        self.ties: Counter[tuple[str, str]] = Counter()
        """Feedback by whether a token ties it to a message, and whether it is proved."""
        self.forms: Counter[FeedbackForm] = Counter()
        """Feedback by who tells so or in what form, event and rule."""
        self.forged = 0
        """How many of the refused lack a right signature: whoever may write to a topic can make any number of them, so
        they don't tell of a producer that is broken."""
        self.example = ""
        self.check = check
        self._batch = batch
        self.unread_records: dict[int, Record] = {}
        """The refused ones that are not forged, by offset."""
        self._kind = "intent" if general_of(batch.tp.topic) == INTENTS.name else "feedback"
        self._ready: dict[int, list[Keyed]] = defaultdict(list)
        self._refusals: list[Refusal] = []
        self._dead: list[Single] = []
        self._in_several: dict[int, list[Keyed]] = defaultdict(list)
        self._notes: list[Keyed] = []

    def whole(self, records: list[Record]) -> list[Record]:
        """The records that are here whole. Others are refused."""
        if {CutRecord, PackedBatch}.isdisjoint(map(type, records)):
            return records
        for record in records:
            if isinstance(record, CutRecord):
                self.refuse(record, ContractError("too-large", record.fault))
        return [record for record in records if not isinstance(record, CutRecord)]

    @property
    def refused(self) -> int:
        """How many records became dead letters."""
        return self.reasons.total()

    def add(self, evidence: IntentEvidence | FeedbackEvidence, partition: int, key: str) -> None:
        """Evidence for a partition of the log. Raises where it can't be written as JSON."""
        self._ready[partition].append({"key": key, "value": encode(evidence)})

    def heard(self, said: FeedbackEvidence | TrapRecord) -> None:
        """Feedback, for the account of how it is tied."""
        self.ties[said.tied or "none", "yes" if said.proved else "no"] += 1

    def add_trap(self, record: TrapRecord, partitions: Iterable[int], secret: str = "") -> None:
        """A trap hit that was reported: for each of these partitions of the log, and a note of it for people. `secret`:
        the fingerprint of that which it is keyed with."""
        value = encode(record)
        for partition in partitions:
            self._in_several[partition].append({"key": "trap", "value": value})
        key, kept = note(record, secret)
        self._notes.append({"key": key, "value": kept})
        self._notes += [{"key": gone, "value": None} for gone in other_notes(record)]
        self.kinds["trap"] += 1

    def add_sought(self, record: SoughtFeedback, partitions: Iterable[int]) -> None:
        """Feedback by an intent's id alone: for these partitions of the log."""
        value = encode(record)
        for partition in partitions:
            self._in_several[partition].append({"key": "feedback-by-id", "value": value})
        self.kinds["feedback-by-id"] += 1

    def wait_for_recipients(self, record: Record, events: int) -> None:
        """Keep a record whose recipients are sought: the dead letter ends when they are found, those of so many events.
        It could be read, so it is no sign of a broken producer."""
        letter = dead_letter(record, SOUGHT, WAITS, DEAD_LETTERS.name)
        letter["headers"].append((SEEKS, b"%d" % events))
        self._dead.append(letter)

    def note(self, key: str, kept: QuarantineNote) -> None:
        """A note for email-control, to go out together with the batch."""
        self._notes.append({"key": key, "value": encode(kept)})

    def held(self, proved: str) -> None:
        """A record was proved, by a signature or by its topic; "": by nothing."""
        if proved:
            self.signatures[proved, HELD] += 1

    def refuse(self, record: Record, error: Exception) -> None:
        """Keep a record as a dead letter: it breaks the contract, or we can't deal with it, which is logged as well."""
        if isinstance(error, ContractError):
            code, text = error.code, str(error)
        else:
            log.error("%s%d: an error of ours", self.origin, record.offset(), exc_info=without_text(error))
            code, text = "internal-error", f"{type(error).__name__}: {error}"
        self._refusals.append(Refusal(record, code, text))
        self.reasons[code] += 1
        if code in REASONS:
            self.forged += 1
            self.signatures[self.check.claimed(record) if self.check is not None else "", code] += 1
        else:
            self.example = text
            self.unread_records[record.offset()] = record

    def refuse_at(self, offset: int, error: Exception) -> None:
        """The same for the record at an offset of the batch."""
        records = self._batch.records
        self.refuse(records[bisect_left(records, offset, key=lambda record: record.offset())], error)

    def gather(self, offsets: Collection[int]) -> None:
        """Have the refused records at these offsets stand in one dead letter for each reason, instead of in one for
        each record."""
        gathered: dict[str, list[Refusal]] = defaultdict(list)
        for refusal in self._refusals:
            if refusal.record.offset() in offsets:
                gathered[refusal.code].append(refusal)
        for code, refusals in gathered.items():
            records = [refusal.record for refusal in refusals]
            self._dead.append(collective_letter(records, code, refusals[-1].text, DEAD_LETTERS.name))
        self._refusals = [refusal for refusal in self._refusals if refusal.record.offset() not in offsets]

    def unread(self) -> UnreadRecords | None:
        """Of those that were refused and are not forged: where they stand, and whose they are. A name is whatever
        somebody wrote. None: there are none."""
        if not self.unread_records:
            return None
        offsets = self.unread_records.keys()
        services = Counter(name for record in self.unread_records.values() if (name := read_service(record.value())))
        named = tuple(printable(without_local_parts(name)) for name, _ in services.most_common(SERVICES))
        return UnreadRecords(self.origin.rstrip("/"), min(offsets), max(offsets), named, self.example)

    def refused_by(self) -> dict[str, int]:
        """How many were refused for who says them, by PRINCIPAL/REASON."""
        return {f"{who}/{outcome}": times for (who, outcome), times in self.signatures.items() if outcome != HELD}

    def take(self) -> Outgoing:
        """What became ready since the last call, for whoever publishes it."""
        self.kinds[self._kind] += sum(map(len, self._ready.values()))
        for partition, records in self._in_several.items():
            self._ready[partition] += records
        batches = {(EVIDENCE.name, partition): records for partition, records in self._ready.items()}
        if self._notes:
            batches[CONTROL.name, 0] = self._notes
        letters = [dead_letter(*refusal, DEAD_LETTERS.name) for refusal in self._refusals]
        outgoing = Outgoing(batches, self._dead + letters)
        self._ready, self._in_several = defaultdict(list), defaultdict(list)
        self._refusals, self._dead, self._notes = [], [], []
        return outgoing
