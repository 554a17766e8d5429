"""Sidestep as the protector of a simulated company: Screen's pure parts and Decide's fold, over ledgers in memory.
Pure.

What is left out: Kafka, name servers (their answers come from the world), block lists, feeds, reputation services, the
probe. All of Decide is real.
"""

from collections.abc import Sequence

from sidestep.schemas import (
    Bounce,
    EmailIntent,
    Engagement,
    Evidence,
    IntentEvidence,
    PolicyRecord,
    Tally,
)
from sidestep.streams.decide.batch import decide, load, load_controls
from sidestep.streams.decide.policy_text import version_of
from sidestep.streams.screen.address.parse import parse
from sidestep.streams.screen.evidence import ReadIntent, feedback_evidence, intent_evidence, intent_keys
from sidestep.streams.screen.examiner import Examiner
from sidestep.streams.screen.feedback.reasons import load_reasons
from sidestep.streams.screen.findings import Findings
from sidestep.streams.screen.keys import Keys
from sidestep.streams.screen.lists.classes import load_lists
from sidestep.streams.screen.lists.domain_facts import DomainBook
from sidestep.streams.screen.lists.typo import suggest
from sidestep.streams.screen.sources.answers import Answers
from sidestep.streams.simulate.live_ledger import LiveLedger
from sidestep.streams.simulate.protect import Advice, LookUp, Offer
from sidestep.streams.simulate.watching import NobodyWatches, Watching
from sidestep.topics.catalog import EVIDENCE

NO_SECRET = bytes(32)
"""Of the keyed hash: there is nobody to hide simulated people from."""


class _Log:
    """One partition: what stands to be folded, and its ledger."""

    def __init__(self, partition: int):
        self.partition = partition
        self.ledger = LiveLedger()
        self.controls = load_controls(self.ledger.read, self.ledger.scan)
        self.pending: list[tuple[int, Evidence]] = []
        self.numbers: list[int] = []
        """Of the offers among what is pending."""
        self.offset = 0

    def append(self, record: Evidence) -> None:
        self.pending.append((self.offset, record))
        self.offset += 1


class SidestepProtector:
    """Sidestep with a policy. `partitions`: of the log."""

    def __init__(
        self, look_up: LookUp, policy: str, began: float, partitions: int = 1, watching: Watching | None = None
    ):
        lists = load_lists()
        self._look_up = look_up
        self._book = DomainBook(lists, suggest, partitions)
        self._examiner = Examiner(lists)
        self._keys = Keys(NO_SECRET)
        self._reasons = load_reasons()
        self.watching: Watching = watching or NobodyWatches()
        self._now = began
        self._logs = [_Log(number) for number in range(partitions)]
        record = PolicyRecord(version=version_of(policy), text=policy, at=int(began * 1000), partitions=partitions)
        for log in self._logs:
            log.append(record)

    def tell(self, at: float, reports: Sequence[Bounce | Engagement]) -> None:
        """Into the log, as Screen would write it."""
        self._now = at
        for report in reports:
            address = parse(report.recipient)
            evidence = feedback_evidence(report, address, self._reasons, self._keys, at, "")
            self._logs[self._of(address.domain)].append(evidence)

    def offer(self, offers: Sequence[Offer]) -> list[Advice]:
        """Screened, folded; what is pending goes first."""
        rulings: list[Advice | None] = [None] * len(offers)
        for number, record in enumerate(self._screen(offers)):
            log = self._logs[self._book.partition(record.to) if not record.domain else self._of(record.domain)]
            log.numbers.append(number)
            log.append(record)
        tallies: list[Tally] = []
        for log in self._logs:
            if log.pending:
                tallies += self._fold(log, rulings)
        if offers:
            self._now = offers[-1].at
        # held at the next step, as in real life a moment later
        for directed in self.watching.take(tallies, self._now):
            for log in self._logs:
                if directed.partition in (None, log.partition):
                    log.append(directed.record)
        return [ruling for ruling in rulings if ruling is not None]

    def _of(self, domain: str) -> int:
        return self._book.facts(domain).partition

    def _screen(self, offers: Sequence[Offer]) -> list[IntentEvidence]:
        """As Screen does it: near misses that come together are examined together."""
        read = [(self._read(offer.intent), offer) for offer in offers]
        answers = [Answers(self._look_up(it.address.domain, offer.at)) for it, offer in read]
        found: list[Findings | None] = [
            self._examiner.at_once(it, said) for (it, _), said in zip(read, answers, strict=True)
        ]
        if None in found:
            near = [number for number, it in enumerate(found) if it is None]
            examined = self._examiner.examine([(read[number][0], answers[number]) for number in near])
            for number, findings in zip(near, examined, strict=True):
                found[number] = findings
        return [
            intent_evidence(it, said, findings, self._keys, offer.at)
            for (it, offer), said, findings in zip(read, answers, found, strict=True)
            if findings is not None
        ]

    def _read(self, intent: EmailIntent) -> ReadIntent:
        address = parse(intent.to)
        facts = self._book.facts(address.domain) if address.domain else None
        id_key, content_key = intent_keys(intent, self._keys)
        return ReadIntent(intent.to, address, facts, intent, 0, id_key, content_key, False, "")

    def _fold(self, log: _Log, rulings: list[Advice | None]) -> list[Tally]:
        records, numbers = log.pending, log.numbers
        log.pending, log.numbers = [], []
        state = load(records, log.controls, log.ledger.read, log.ledger.between)
        decided = decide(records, state, EVIDENCE.name, log.partition)
        log.ledger.keep(state.writes())
        for number, verdict in zip(numbers, decided.verdicts, strict=True):
            rules = tuple(rule.id for rule in verdict.rules) if verdict.rules else ()
            rulings[number] = Advice(verdict.action, verdict.retry_at or 0.0, verdict.risk, rules)
        return decided.tallies
