"""One batch through Screen: what can be said at once goes out at once, what waits for DNS is parked and follows.

A name that answers slowly holds up nothing but its own intents: neither those of its batch nor later batches of the
partition. What waits is bounded: a full car park keeps the partition's next batch back.
"""

import asyncio
import logging
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple

from sidestep.schemas import Bounce, EmailIntent, Engagement, FeedbackEvidence, IntentEvidence, MxFinding
from sidestep.schemas.codec import ContractError, encode
from sidestep.streams.runtime.batches import Batch, Partition
from sidestep.streams.runtime.dead_letters import DeadLetterWatch, dead_letter
from sidestep.streams.runtime.publisher import Outgoing, Publisher
from sidestep.streams.screen.address import ParsedAddress, parse
from sidestep.streams.screen.classes import Lists
from sidestep.streams.screen.domains import DomainBook, DomainFacts
from sidestep.streams.screen.evidence import feedback_evidence, intent_evidence
from sidestep.streams.screen.feedback_intake import Feedback, read_records
from sidestep.streams.screen.intake import read_intent
from sidestep.streams.screen.keys import Keys
from sidestep.streams.screen.reasons import Reasons
from sidestep.streams.screen.resolver import Resolver
from sidestep.streams.screen.reuse import RecentIds
from sidestep.topics.catalog import BOUNCES, DEAD_LETTERS, EVIDENCE, INTENTS

log = logging.getLogger(__name__)


class Parked(NamedTuple):
    """An intent that waits for its domain's answer."""

    offset: int
    intent: EmailIntent
    address: ParsedAddress
    facts: DomainFacts
    id_key: bytes
    content_key: bytes
    reused: bool
    origin: str


class Examined:
    """A batch on its way: records ready by evidence partition, intents parked by domain, dead letters."""

    def __init__(self) -> None:
        self.ready: dict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
        self.parked: dict[str, list[Parked]] = defaultdict(list)
        self.dead: list[dict[str, Any]] = []
        self.kinds: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.example = ""


class Screener:
    """Everything a batch needs; one for the whole worker."""

    def __init__(
        self,
        *,
        lists: Lists,
        book: DomainBook,
        resolver: Resolver,
        keys: Keys,
        reasons: Reasons,
        publisher: Publisher,
        watch: Callable[[], DeadLetterWatch],
        recent: Callable[[], RecentIds],
        parked_max: int,
        reach: Callable[[str], None],
    ):
        self._lists = lists
        self._book = book
        self._resolver = resolver
        self._keys = keys
        self._reasons = reasons
        self._publisher = publisher
        self._new_watch = watch
        self._watches: dict[Partition, DeadLetterWatch] = {}
        self._recent: dict[Partition, RecentIds] = defaultdict(recent)
        self._parked_max = parked_max
        self._reach = reach
        self.parked: Counter[Partition] = Counter()
        """Intents that wait for DNS, by partition."""

    def forget(self, assigned: set[Partition]) -> None:
        """Drop what is remembered of partitions that went elsewhere."""
        for remembered in (self._watches, self._recent, self.parked):
            for tp in set(remembered) - assigned:
                del remembered[tp]

    async def screen(self, batch: Batch) -> Examined:
        """Returns when all of the batch is in the log. Raises SidestepError when it can't be; then nothing of it may
        be acked."""
        examined = await self._examine(batch)
        watch = self._watches.setdefault(batch.tp, self._new_watch())
        watch.note(len(batch.records), len(examined.dead), examined.example)
        waiting = self._park(batch, examined)
        self._reach("screen-before-publish")
        await self._publisher.send(
            Outgoing(examined.ready, [{"topic": DEAD_LETTERS.name, **letter} for letter in examined.dead])
        )
        self._reach("screen-after-publish")
        if self.parked[batch.tp] < self._parked_max:
            batch.release()
        if waiting:
            await self._unpark(batch, examined, waiting)
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

    def _refuse(self, examined: Examined, record: Any, code: str, text: str) -> None:
        examined.dead.append(dead_letter(record, code, text))
        examined.reasons[code] += 1
        examined.example = text

    def _intent(self, examined: Examined, record: Any, recent: RecentIds, prefix: str, now: float) -> None:
        intent = read_intent(record.value(), now)
        address = parse(intent.to)
        keys = self._keys
        id_key = keys.intent(intent.service, intent.id)
        content_key = keys.content(id_key, intent.to, intent.stream, intent.test)
        reused = recent.reused(id_key, content_key)
        origin = f"{prefix}{record.offset()}"
        facts = mx = None
        if address.domain:
            facts = self._book.facts(address.domain)
            if not address.reason:
                mx = self._resolver.cached(address.domain)
                if mx is None:
                    parked = Parked(record.offset(), intent, address, facts, id_key, content_key, reused, origin)
                    examined.parked[address.domain].append(parked)
                    return
        evidence = intent_evidence(
            intent, address, facts, mx, self._lists, keys, id_key, content_key, reused, now, origin
        )
        self._add(examined, evidence, facts.partition if facts is not None else self._book.partition(intent.to))

    def _feedback(self, examined: Examined, events: list[Feedback], origin: str, now: float) -> None:
        """All events of a record, or none of them where one has no recipient."""
        addresses = [parse(event.recipient) for event in events]
        unsound = next((address.reason for address in addresses if address.reason), "")
        if unsound:
            raise ContractError("no-recipient", f"the recipient is not an email address ({unsound})")
        for event, address in zip(events, addresses, strict=True):
            evidence = feedback_evidence(event, address, self._reasons, self._keys, now, origin)
            self._add(examined, evidence, self._book.facts(address.domain).partition)

    def _add(self, examined: Examined, evidence: IntentEvidence | FeedbackEvidence, partition: int) -> None:
        examined.ready[EVIDENCE.name, partition].append({"key": evidence.domain, "value": encode(evidence)})
        examined.kinds["intent" if type(evidence) is IntentEvidence else "feedback"] += 1

    # -- what waits ----------------------------------------------------------------------------------------------------

    def _park(self, batch: Batch, examined: Examined) -> set[int]:
        offsets = {parked.offset for group in examined.parked.values() for parked in group}
        self.parked[batch.tp] += len(offsets)
        if offsets:
            batch.low = min(batch.low, min(offsets))
        return offsets

    async def _unpark(self, batch: Batch, examined: Examined, waiting: set[int]) -> None:
        batch.low = min(waiting)  # everything before it is in the log
        groups = [self._answer(batch, examined, domain, group, waiting) for domain, group in examined.parked.items()]
        try:
            # on the first failure the worker leaves: the rest is not waited for
            await asyncio.gather(*groups)
        finally:
            self.parked[batch.tp] -= len(waiting)

    async def _answer(
        self, batch: Batch, examined: Examined, domain: str, group: list[Parked], waiting: set[int]
    ) -> None:
        """All intents of a batch that wait for the same name."""
        mx = await self._resolver.find(domain)
        ready = self._evidence_of(group, mx, examined)
        await self._publisher.send(Outgoing({(EVIDENCE.name, group[0].facts.partition): ready}))
        waiting.difference_update(parked.offset for parked in group)
        self.parked[batch.tp] -= len(group)
        batch.low = min(waiting, default=batch.end)
        if self.parked[batch.tp] < self._parked_max:
            batch.release()

    def _evidence_of(self, group: list[Parked], mx: MxFinding, examined: Examined) -> list[dict[str, Any]]:
        now = time.time()
        examined.kinds["intent"] += len(group)
        ready = []
        for p in group:
            evidence = intent_evidence(
                p.intent,
                p.address,
                p.facts,
                mx,
                self._lists,
                self._keys,
                p.id_key,
                p.content_key,
                p.reused,
                now,
                p.origin,
            )
            ready.append({"key": evidence.domain, "value": encode(evidence)})
        return ready
