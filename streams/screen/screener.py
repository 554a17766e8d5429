"""One batch through Screen: what can be said at once goes out at once, what waits for an answer is parked and follows.

A name that answers slowly holds up nothing but its own intents: neither those of its batch nor later batches of the
partition. What waits is bounded: a full car park keeps the partition's next batch back.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

from sidestep.schemas import Bounce, Engagement
from sidestep.schemas.codec import ContractError
from sidestep.schemas.reading import Feedback, read_intent
from sidestep.streams.runtime.batches import Batch, Partition
from sidestep.streams.runtime.dead_letters import DeadLetterLimit
from sidestep.streams.runtime.outgoing import Outgoing, Sender
from sidestep.streams.runtime.record import Record
from sidestep.streams.screen.address.parse import parse
from sidestep.streams.screen.by_id import sought_evidence
from sidestep.streams.screen.evidence import ReadIntent, feedback_evidence, intent_evidence, intent_keys, trap_evidence
from sidestep.streams.screen.examiner import Examiner
from sidestep.streams.screen.feedback.reasons import Reasons
from sidestep.streams.screen.feedback_readers import FeedbackReaders
from sidestep.streams.screen.findings import Findings
from sidestep.streams.screen.formers import Formers
from sidestep.streams.screen.intake import read_framed_intent
from sidestep.streams.screen.keys import Keys
from sidestep.streams.screen.lists.domain_facts import DomainBook
from sidestep.streams.screen.parking import CarPark, Parked
from sidestep.streams.screen.proved import read_proved_intent
from sidestep.streams.screen.provenance import Provenance
from sidestep.streams.screen.quarantine import QuarantineWard, outgoing_note
from sidestep.streams.screen.recent_ids import RecentIds
from sidestep.streams.screen.screened import Screened
from sidestep.streams.screen.signers import Signers
from sidestep.streams.screen.sources.answers import NOT_ASKED, Answers
from sidestep.streams.screen.sources.inquiry import Inquiry
from sidestep.streams.screen.sources.probe.memory import MailboxHistory
from sidestep.streams.screen.ticks import Ticks
from sidestep.streams.screen.traps import places_of, target_of
from sidestep.streams.screen.turn import LOOK_EVERY, Turn, portions
from sidestep.streams.screen.unreadable import unreadable_evidence
from sidestep.topics.catalog import BOUNCES, EVIDENCE, INTENTS
from sidestep.topics.own_topics import general_of


class Screener:
    """Everything a batch needs; one for the whole worker."""

    def __init__(
        self,
        *,
        book: DomainBook,
        inquiry: Inquiry,
        keys: Keys,
        reasons: Reasons,
        publisher: Sender,
        new_limit: Callable[[], DeadLetterLimit] | None = None,
        recent: Callable[[], RecentIds],
        parked_max: int,
        failpoint: Callable[[str], None],
        ticks: Ticks,
        history: MailboxHistory | None = None,
        signers: Callable[[], Signers] | None = None,
        formers: Formers | None = None,
        ward: QuarantineWard | None = None,
        readers: FeedbackReaders | None = None,
    ):
        """`history` hears what feedback says of mailboxes. `signers` gives those of now; None: nothing is signed.
        `new_limit`: of a partition, by which the worker leaves; None: nobody's records make it leave."""
        self._book = book
        self._inquiry = inquiry
        self._examiner = Examiner(book.lists)
        self._history = history
        self._keys = keys
        self._formers = formers or Formers(keys)
        self._reasons = reasons
        self._publisher = publisher
        self._ward = ward or QuarantineWard(1.0, 1, 1, lambda _: None)
        self._new_limit = new_limit
        self._limits: dict[Partition, DeadLetterLimit] = {}
        self._recent: dict[Partition, RecentIds] = defaultdict(recent)
        self._car_park = CarPark(parked_max)
        self._failpoint = failpoint
        self._ticks = ticks
        self._signers = signers
        self._readers = readers or FeedbackReaders()

    def forget(self, assigned: set[Partition]) -> None:
        """Drop what is remembered of partitions that went elsewhere."""
        self._car_park.forget(assigned)
        self._ward.forget(assigned)
        for remembered in (self._limits, self._recent):
            for tp in set(remembered) - assigned:
                del remembered[tp]

    @property
    def parked(self) -> dict[Partition, int]:
        """Intents that wait for answers, by partition."""
        return self._car_park.taken()

    @property
    def recent_ids(self) -> dict[Partition, int]:
        """How many ids are remembered, by partition."""
        return {tp: len(ids) for tp, ids in self._recent.items()}

    @property
    def octets_read(self) -> int:
        """Octets of the feedback that is being read."""
        return self._readers.octets

    async def close(self) -> None:
        """Returns when nothing is read any more."""
        await self._readers.close()

    async def screen(self, batch: Batch) -> Screened:
        """Returns when all of the batch is in the log. Raises SidestepError when it can't be; then nothing of it may
        be acked."""
        screened = await self._screen_at_once(batch)
        self._limit(batch, screened)
        for note in self._ward.judge(batch, screened.unread_records, screened.example):
            screened.note(*outgoing_note(note))
        screened.gather(self._ward.beyond_rate(batch, screened.unread_records))
        places = self._car_park.of(batch.tp)
        parked = Parked(places, screened.waiting)
        self._failpoint("screen-before-publish")
        await self._send(screened.take())
        self._failpoint("screen-after-publish")
        batch.finish_all_but(parked)
        places.release(batch)
        # on the first failure the worker leaves: the rest is not waited for
        await asyncio.gather(*(self._answer(key, group, screened, parked) for key, group in parked.groups().items()))
        return screened

    def _limit(self, batch: Batch, screened: Screened) -> None:
        """Raises TooManyDeadLetters; forged records are left out of the account."""
        if self._new_limit is None:
            return
        limit = self._limits.setdefault(batch.tp, self._new_limit())
        if records := len(batch.records) - screened.forged:
            limit.note(records, screened.refused - screened.forged, screened.unread())

    async def _answer(self, key: str, group: list[ReadIntent], screened: Screened, parked: Parked[ReadIntent]) -> None:
        """All intents of a batch that wait for the same answers."""
        answers = await self._inquiry.ask(group[0].address)
        heard, turn, now = [(read, answers) for read in group], Turn(), time.time()
        found, taken = self._examiner.examine(heard), []
        for portion in portions(heard):
            self._add_together(portion, found, screened, now)
            taken.append(screened.take())  # before others of the batch come: what is ours must not leave with theirs
            await turn.look()
        await asyncio.gather(*map(self._send, taken))
        parked.leave(key)

    async def _send(self, outgoing: Outgoing) -> None:
        await self._publisher.send(outgoing)
        # the records are stamped already, so their second is this one at the latest
        wrote = [partition for topic, partition in outgoing.batches if topic == EVIDENCE.name]
        self._ticks.wrote(wrote, time.time())

    async def _screen_at_once(self, batch: Batch) -> Screened:
        check = self._signers().of_topic(batch.tp.topic) if self._signers is not None else None
        screened, now = Screened(batch, check), time.time()
        if general_of(batch.tp.topic) == INTENTS.name:
            await self._screen_intents(batch.tp, screened.whole(batch.records), screened, now)
        else:
            await self._screen_feedback(batch, screened, now)
        return screened

    # -- intents -------------------------------------------------------------------------------------------------------

    async def _screen_intents(self, tp: Partition, records: list[Record], screened: Screened, now: float) -> None:
        near_misses: list[tuple[ReadIntent, Answers]] = []
        recent, known, at_once = self._recent[tp], self._inquiry.known, self._examiner.at_once
        turn = Turn()
        for number, record in enumerate(records):
            if number % LOOK_EVERY == 0:
                await turn.look()
            try:
                read = self._read_intent(record, recent, screened, now)
                answers = NOT_ASKED if read.address.reason else known(read.address)
                if answers is None:
                    screened.waiting[self._inquiry.key(read.address)].append(read)
                elif (found := at_once(read, answers)) is not None:
                    self._add(read, answers, found, screened, now)
                else:
                    near_misses.append((read, answers))
            except ContractError as error:
                screened.refuse(record, error)
                self._tell_sender(record, error, screened, now)
            except Exception as error:  # noqa: BLE001 - kept with the record
                screened.refuse(record, error)
        weighed = self._examiner.examine(near_misses)
        for portion in portions(near_misses):
            self._add_together(portion, weighed, screened, now)
            await turn.look()

    def _tell_sender(self, record: Record, error: ContractError, screened: Screened, now: float) -> None:
        """Evidence of an intent that can't be read, where its service can be told."""
        origin = f"{screened.origin}{record.offset()}"
        evidence = unreadable_evidence(record, error, self._keys, screened.check, now, origin)
        if evidence is not None:
            screened.add(evidence, self._book.partition(evidence.id), "")

    def _read_intent(self, record: Record, recent: RecentIds, screened: Screened, now: float) -> ReadIntent:
        claimed = False
        if screened.check is None:
            value, proved = record.value(), ""
            try:
                intent = read_intent(value, now)
            except ContractError as error:
                intent = read_framed_intent(value, error, now)
        else:
            intent, proved = read_proved_intent(record, screened.check, now)
            claimed = not proved and screened.check.can_prove(intent.service)
            screened.held(proved)
        address = parse(intent.to)
        facts = self._book.facts(address.domain) if address.domain else None
        offset = record.offset()
        origin = f"{screened.origin}{offset}"
        id_key, content_key = intent_keys(intent, self._keys, bool(proved))
        parts = self._keys.parts(intent.to, intent.stream, intent.campaign, intent.source, intent.metadata)
        other = recent.reused(id_key, content_key, parts)
        return ReadIntent(
            intent.to,
            address,
            facts,
            intent,
            offset,
            id_key,
            content_key,
            other is not None,
            origin,
            proved,
            claimed,
            parts,
            other or b"",
        )

    def _add_together(
        self, heard: Sequence[tuple[ReadIntent, Answers]], found: Iterator[Findings], screened: Screened, now: float
    ) -> None:
        """Evidence of intents whose answers came together. `found`: what follows for them, and for those behind."""
        for read, answers in heard:
            try:
                self._add(read, answers, next(found), screened, now)
            except Exception as error:  # noqa: BLE001 - kept with the record
                screened.refuse_at(read.offset, error)

    def _add(self, read: ReadIntent, answers: Answers, found: Findings, screened: Screened, now: float) -> None:
        evidence = intent_evidence(read, answers, found, self._keys, now)
        if self._formers.in_use(now):
            evidence.former = self._formers.of_intent(
                read.intent, read.address.identity, evidence.recipient_key, now, bool(read.proved)
            )
        facts = read.facts
        if facts is not None:
            screened.add(evidence, facts.partition, facts.key)
        else:
            screened.add(evidence, self._book.partition(read.text), "")

    # -- feedback ------------------------------------------------------------------------------------------------------

    async def _screen_feedback(self, batch: Batch, screened: Screened, now: float) -> None:
        """Of as many records as could be read in one turn."""
        kind = Bounce if general_of(batch.tp.topic) == BOUNCES.name else Engagement
        said = await self._readers.read(batch.records, kind, now, screened.check)
        batch.keep(len(said))
        turn = Turn()
        for record, read in zip(batch.records, said, strict=True):
            await turn.look()
            try:
                if isinstance(read, Exception):
                    raise read
                if sought := self._add_feedback(*read, f"{screened.origin}{record.offset()}", screened, now):
                    screened.wait_for_recipients(record, sought)
            except Exception as error:  # noqa: BLE001 - kept with the record
                screened.refuse(record, error)

    def _add_feedback(
        self, events: list[Feedback], way: Provenance, origin: str, screened: Screened, now: float
    ) -> int:
        """All events of a record, or none of them where one has no recipient; of how many the recipient is sought.
        Raises ContractError."""
        screened.held(way.proved)
        named = [event for event in events if event.recipient]
        addresses = [parse(event.recipient) for event in named]
        unsound = next((address.reason for address in addresses if address.reason), "")
        if unsound:
            raise ContractError("no-recipient", f"the recipient is not an email address ({unsound})")
        screened.forms.update(way.forms)
        way_in = self._reasons, self._keys, now, origin, way
        sought = [sought_evidence(event, *way_in) for event in events if not event.recipient]
        for each in sought:
            screened.add_sought(each, range(self._book.partitions))
        for event, address in zip(named, addresses, strict=True):
            if isinstance(event, Bounce) and event.kind == "trap-hit":
                record = trap_evidence(event, address, self._keys, now, origin, way)
                if self._formers.in_use(now):
                    record.former = self._formers.of_event(event, address.identity, record, way, now)
                screened.heard(record)
                places = places_of(target_of(record), self._book.layout, self._book.partitions)
                screened.add_trap(record, places, self._keys.fingerprint)
                continue
            evidence = feedback_evidence(event, address, self._reasons, self._keys, now, origin, way)
            screened.heard(evidence)
            if self._formers.in_use(now):
                evidence.former = self._formers.of_event(event, address.identity, evidence, way, now)
            if self._history is not None:
                self._history.hear(evidence, address.identity)
            facts = self._book.facts(address.domain)
            screened.add(evidence, facts.partition, facts.key)
        return len({each.said.event_key for each in sought})
