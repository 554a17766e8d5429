"""One partition's judge: a batch of records in, one transaction out. Blocks; the agent calls it from a thread."""

import logging
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from sidestep.schemas import Evidence, FeedbackEvidence, IntentEvidence, LogPosition, PolicyRecord, Tally, Verdict
from sidestep.schemas.codec import decode_evidence, encode
from sidestep.streams.decide.fold import fold
from sidestep.streams.decide.state import Controls, State
from sidestep.streams.decide.tables import (
    BOUNCE_HISTORY,
    CLOCK,
    CONTROL,
    DOMAIN_RATES,
    HOLDS,
    IDS,
    SERVICES,
    provider_key,
)
from sidestep.streams.decide.tally import tally
from sidestep.streams.errors import LedgerError
from sidestep.streams.runtime.dead_letters import dead_letter
from sidestep.streams.runtime.ledger import Aborted, Ledger
from sidestep.streams.runtime.record import Record
from sidestep.streams.runtime.tables import Writes
from sidestep.topics.catalog import APPROVED, DEAD_LETTERS, EVIDENCE, REJECTED, TALLIES

log = logging.getLogger(__name__)

TRIES = 5


@dataclass
class Judged:
    """What became of a batch."""

    records: int = 0
    seconds: float = 0.0
    transaction_seconds: float = 0.0
    decisions: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Verdicts by (decision, action)."""
    rules: Counter[str] = field(default_factory=Counter)
    dead_letters: int = 0


class Judge:
    """Folds the evidence of one partition into its ledger."""

    def __init__(self, ledger: Ledger, topic: str = EVIDENCE.name):
        self._ledger = ledger
        self._topic = topic
        self._controls = self._load_controls()

    def _load_controls(self) -> Controls:
        ledger = self._ledger
        clock = dict(ledger.read(CLOCK, [b"clock"]))
        at = clock[b"clock"].at_ms if clock else 0
        # written by the last few service holds only: a scan is fine, once
        return Controls(ledger.read(CONTROL, [b"policy", b"lists", b"model"]), dict(ledger.rows(HOLDS)), at)

    def judge(self, records: list[Record]) -> Judged:
        """Fold what is new of `records` (Kafka messages, in offset order) and commit it. Raises SidestepError."""
        marker = self._ledger.marker
        if records[0].offset() <= marker:
            records = [record for record in records if record.offset() > marker]
        if not records:
            return Judged()
        for _ in range(TRIES):
            try:
                return self._try(records)
            except Aborted as error:
                log.warning("transaction rolled back, folding again: %s", error)
                self._controls = self._load_controls()
        raise LedgerError(
            f"partition {self._ledger.partition}: Kafka rolled the transaction back {TRIES} times; see the broker's log"
        )

    def _try(self, records: list[Record]) -> Judged:
        began = time.monotonic()
        ledger, topic, partition = self._ledger, self._topic, self._ledger.partition
        judged = Judged(records=len(records))
        evidence, dead = self._decode(records)
        state = self._load(evidence)
        verdicts: list[Verdict] = []
        for offset, record in evidence:
            verdict = fold(state, record, LogPosition(topic, partition, offset))
            if verdict is not None:
                verdicts.append(verdict)
        tallies = tally(evidence, verdicts, state.counted, state.never_mailed, partition, state.controls.clock_ms)
        writes = Writes()
        writes.rows.update(state.writes())
        judged.transaction_seconds = ledger.commit(_outputs(verdicts, tallies, dead), writes, records[-1].offset())
        judged.seconds = time.monotonic() - began
        judged.decisions.update([(verdict.decision, verdict.action) for verdict in verdicts])
        judged.dead_letters = len(dead)
        judged.rules.update([rule.id for verdict in verdicts if verdict.rules for rule in verdict.rules])
        return judged

    def _decode(self, records: list[Record]) -> tuple[list[tuple[int, Evidence]], list[dict[str, Any]]]:
        """What can be read, and dead letters for the rest: only Screen may write here, but one odd record must not
        stop a partition."""
        try:
            return [(record.offset(), decode_evidence(record.value())) for record in records], []
        except (ValueError, RecursionError, TypeError):
            return self._decode_one_by_one(records)

    def _decode_one_by_one(self, records: list[Record]) -> tuple[list[tuple[int, Evidence]], list[dict[str, Any]]]:
        evidence: list[tuple[int, Evidence]] = []
        dead: list[dict[str, Any]] = []
        for record in records:
            try:
                evidence.append((record.offset(), decode_evidence(record.value())))
            except (ValueError, RecursionError, TypeError) as error:
                log.error("%s/%d@%d is not evidence: %s", self._topic, self._ledger.partition, record.offset(), error)
                dead.append(dead_letter(record, "not-evidence", str(error)))
        return evidence, dead

    def _load(self, evidence: list[tuple[int, Evidence]]) -> State:
        """A state with every row that these records may need, each table read in one call."""
        places: set[tuple[str, str]] = set()
        recipients: set[bytes] = set()
        ids: list[bytes] = []
        contents: list[bytes] = []
        for _, record in evidence:
            if type(record) is IntentEvidence:
                places.add((record.service, record.domain))
                recipients.add(record.recipient_key)
                ids.append(record.id_key)
                if record.reused:
                    contents.append(record.content_key)
            elif type(record) is FeedbackEvidence:
                places.add((record.service, record.domain))
                recipients.add(record.recipient_key)
                ids.append(record.event_key)
        state = State(self._controls)
        read = self._ledger.read
        domains = {domain.encode() for _, domain in places}
        state.domains = read(DOMAIN_RATES, domains | self._providers(evidence))
        state.services = read(SERVICES, {f"{service}@{domain}".encode() for service, domain in places})
        state.recipients = read(BOUNCE_HISTORY, recipients)
        state.ids = read(IDS, ids)
        self._load_contents(state, evidence, ids, contents)
        return state

    def _providers(self, evidence: list[tuple[int, Evidence]]) -> set[bytes]:
        """Keys of the rows that MX providers' domains share."""
        policies = [record for _, record in evidence if type(record) is PolicyRecord]
        policy = self._controls.policy
        # a policy in this very batch may bring such limits
        if not policies and (policy is None or not policy.provider_limits.named):
            return set()
        findings = [record.mx for _, record in evidence if type(record) is IntentEvidence]
        return {provider_key(mx.provider) for mx in findings if mx is not None and mx.provider}

    def _load_contents(
        self, state: State, evidence: list[tuple[int, Evidence]], ids: list[bytes], contents: list[bytes]
    ) -> None:
        """Of ids that occur again, the rows that tell whether *this* content has been answered already."""
        if state.ids or len(set(ids)) < len(ids) or contents:
            again = {key for key, count in Counter(ids).items() if count > 1} | state.ids.keys()
            contents += [r.content_key for _, r in evidence if type(r) is IntentEvidence and r.id_key in again]
            state.ids |= self._ledger.read(IDS, contents)

    @property
    def policy_version(self) -> str:
        """Version of the policy in force; empty: none stands in the log yet."""
        return self._controls.versions.policy


def _outputs(
    verdicts: list[Verdict], tallies: list[Tally], dead: list[dict[str, Any]]
) -> dict[str, list[dict[str, Any]]]:
    approved: list[dict[str, Any]] = []
    rejected: list[dict[str, Any]] = []
    for verdict in verdicts:
        into = approved if verdict.decision == "approved" else rejected
        into.append({"key": verdict.id, "value": encode(verdict)})
    return {
        APPROVED.name: approved,
        REJECTED.name: rejected,
        TALLIES.name: [{"key": tally.service, "value": encode(tally)} for tally in tallies],
        DEAD_LETTERS.name: dead,
    }
