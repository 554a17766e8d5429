"""One batch through Screen: what can be said at once goes out at once, what waits for an answer is parked and follows.

A name that answers slowly holds up nothing but its own intents: neither those of its batch nor later batches of the
partition. What waits is bounded: a full car park keeps the partition's next batch back.
"""

import asyncio
import logging
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

from sidestep.schemas import Bounce, Engagement, FeedbackEvidence, IntentEvidence
from sidestep.schemas.codec import ContractError, encode
from sidestep.streams.runtime.batches import Batch, Partition
from sidestep.streams.runtime.dead_letters import DeadLetterLimit, dead_letter
from sidestep.streams.runtime.outgoing import Outgoing
from sidestep.streams.runtime.publisher import Publisher
from sidestep.streams.runtime.record import Record
from sidestep.streams.screen.address.parse import parse
from sidestep.streams.screen.evidence import Taken, feedback_evidence, intent_evidence
from sidestep.streams.screen.feedback.reasons import Reasons
from sidestep.streams.screen.feedback_intake import Feedback, read_records
from sidestep.streams.screen.intake import read_intent
from sidestep.streams.screen.keys import Keys
from sidestep.streams.screen.lists.domain_facts import DomainBook
from sidestep.streams.screen.lists.near_misses import NearMisses
from sidestep.streams.screen.parking import CarPark, Parked
from sidestep.streams.screen.recent_ids import RecentIds
from sidestep.streams.screen.sources.inquiry import Answers, Inquiry
from sidestep.streams.screen.sources.probe.memory import MailboxHistory
from sidestep.topics.catalog import BOUNCES, DEAD_LETTERS, EVIDENCE, INTENTS

log = logging.getLogger(__name__)


class Examined:
    """A batch on its way: records ready by evidence partition, intents that wait by what is asked for, dead letters."""

    def __init__(self) -> None:
        self.ready: dict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
        self.waiting: dict[str, list[Taken]] = defaultdict(list)
        self.dead: list[dict[str, Any]] = []
        self.kinds: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.example = ""


class Screener:
    """Everything a batch needs; one for the whole worker."""

    def __init__(
        self,
        *,
        book: DomainBook,
        inquiry: Inquiry,
        keys: Keys,
        reasons: Reasons,
        publisher: Publisher,
        new_limit: Callable[[], DeadLetterLimit],
        recent: Callable[[], RecentIds],
        parked_max: int,
        failpoint: Callable[[str], None],
        history: MailboxHistory | None = None,
    ):
        """`history` hears what feedback says of mailboxes."""
        self._book = book
        self._inquiry = inquiry
        self._near_misses = NearMisses()
        self._history = history
        self._keys = keys
        self._reasons = reasons
        self._publisher = publisher
        self._new_limit = new_limit
        self._limits: dict[Partition, DeadLetterLimit] = {}
        self._recent: dict[Partition, RecentIds] = defaultdict(recent)
        self._car_park = CarPark(parked_max)
        self._failpoint = failpoint

    def forget(self, assigned: set[Partition]) -> None:
        """Drop what is remembered of partitions that went elsewhere."""
        self._car_park.forget(assigned)
        for remembered in (self._limits, self._recent):
            for tp in set(remembered) - assigned:
                del remembered[tp]

    @property
    def parked(self) -> dict[Partition, int]:
        """Intents that wait for answers, by partition."""
        return self._car_park.taken()

    async def screen(self, batch: Batch) -> Examined:
        """Returns when all of the batch is in the log. Raises SidestepError when it can't be; then nothing of it may
        be acked."""
        examined = await self._examine(batch)
        limit = self._limits.setdefault(batch.tp, self._new_limit())
        limit.note(len(batch.records), len(examined.dead), examined.example)
        places = self._car_park.of(batch.tp)
        parked = Parked(places, examined.waiting)
        self._failpoint("screen-before-publish")
        await self._publisher.send(
            Outgoing(examined.ready, [{"topic": DEAD_LETTERS.name, **letter} for letter in examined.dead])
        )
        self._failpoint("screen-after-publish")
        batch.finish_all_but(parked)
        places.release(batch)
        # on the first failure the worker leaves: the rest is not waited for
        await asyncio.gather(*(self._answer(key, group, examined, parked) for key, group in parked.groups().items()))
        return examined

    # -- what can be said at once --------------------------------------------------------------------------------------

    async def _examine(self, batch: Batch) -> Examined:
        if batch.tp.topic == INTENTS.name:
            return self._examine_intents(batch)
        kind = Bounce if batch.tp.topic == BOUNCES.name else Engagement
        loop, now = asyncio.get_running_loop(), time.time()
        # a bounce as its server wrote it takes a hundred times as long to read as one in our schema
        said = await loop.run_in_executor(None, read_records, batch.records, kind, now)
        return self._examine_feedback(batch, said, now)

    def _examine_feedback(self, batch: Batch, said: list[list[Feedback] | ContractError], now: float) -> Examined:
        examined = Examined()
        prefix = f"{batch.tp.topic}/{batch.tp.partition}/"
        for record, events in zip(batch.records, said, strict=True):
            if isinstance(events, ContractError):
                self._refuse(examined, record, events.code, str(events))
                continue
            try:
                self._feedback(examined, events, f"{prefix}{record.offset()}", now)
            except ContractError as error:
                self._refuse(examined, record, error.code, str(error))
        return examined

    def _examine_intents(self, batch: Batch) -> Examined:
        examined = Examined()
        now = time.time()
        recent = self._recent[batch.tp]
        prefix = f"{batch.tp.topic}/{batch.tp.partition}/"
        for record in batch.records:
            try:
                self._intent(examined, record, recent, prefix, now)
            except ContractError as error:
                self._refuse(examined, record, error.code, str(error))
            except Exception as error:
                log.exception("%s%d: an error of ours", prefix, record.offset())
                self._refuse(examined, record, "internal-error", f"{type(error).__name__}: {error}")
        return examined

    def _refuse(self, examined: Examined, record: Record, code: str, text: str) -> None:
        examined.dead.append(dead_letter(record, code, text))
        examined.reasons[code] += 1
        examined.example = text

    def _intent(self, examined: Examined, record: Record, recent: RecentIds, prefix: str, now: float) -> None:
        intent = read_intent(record.value(), now)
        address = parse(intent.to)
        keys = self._keys
        id_key = keys.intent(intent.service, intent.id)
        content_key = keys.content(id_key, intent.to, intent.stream, intent.test)
        facts = self._book.facts(address.domain) if address.domain else None
        reused = recent.reused(id_key, content_key)
        offset = record.offset()
        taken = Taken(offset, intent, address, facts, id_key, content_key, reused, f"{prefix}{offset}")
        answers = None
        if facts is not None and not address.reason:
            answers = self._inquiry.known(address)
            if answers is None:
                key = address.normalized if self._inquiry.by_address else address.domain
                examined.waiting[key].append(taken)
                return
        evidence = intent_evidence(taken, answers, self._book.lists, self._near_misses, keys, now)
        self._add(examined, evidence, facts.partition if facts is not None else self._book.partition(intent.to))

    def _feedback(self, examined: Examined, events: list[Feedback], origin: str, now: float) -> None:
        """All events of a record, or none of them where one has no recipient."""
        addresses = [parse(event.recipient) for event in events]
        unsound = next((address.reason for address in addresses if address.reason), "")
        if unsound:
            raise ContractError("no-recipient", f"the recipient is not an email address ({unsound})")
        for event, address in zip(events, addresses, strict=True):
            evidence = feedback_evidence(event, address, self._reasons, self._keys, now, origin)
            if self._history is not None:
                self._history.hear(evidence, address.identity)
            self._add(examined, evidence, self._book.facts(address.domain).partition)

    def _add(self, examined: Examined, evidence: IntentEvidence | FeedbackEvidence, partition: int) -> None:
        examined.ready[EVIDENCE.name, partition].append({"key": evidence.domain, "value": encode(evidence)})
        examined.kinds["intent" if type(evidence) is IntentEvidence else "feedback"] += 1

    # -- what waits ----------------------------------------------------------------------------------------------------

    async def _answer(self, key: str, group: list[Taken], examined: Examined, parked: Parked[Taken]) -> None:
        """All intents of a batch that wait for the same answers."""
        answers = await self._inquiry.ask(group[0].address)
        ready = self._evidence_of(group, answers, examined)
        facts = group[0].facts
        assert facts is not None, "only what has a domain waits"
        await self._publisher.send(Outgoing({(EVIDENCE.name, facts.partition): ready}))
        parked.leave(key)

    def _evidence_of(self, group: list[Taken], answers: Answers, examined: Examined) -> list[dict[str, Any]]:
        now = time.time()
        examined.kinds["intent"] += len(group)
        ready = []
        for taken in group:
            evidence = intent_evidence(taken, answers, self._book.lists, self._near_misses, self._keys, now)
            ready.append({"key": evidence.domain, "value": encode(evidence)})
        return ready
