"""A batch of the log -> verdicts, tallies and the state after it. Pure: who calls it reads rows and writes them.

The judge folds with it what Kafka brings, an audit what Kafka kept. How the log is cut into batches makes no
difference.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from sidestep.schemas import (
    ErasureRecord,
    Evidence,
    FeedbackEvidence,
    IntentEvidence,
    LogPosition,
    MarksRecord,
    PaceRecord,
    PolicyRecord,
    SoughtFeedback,
    SourceHoldRecord,
    SuppressRecord,
    Tally,
    TrapRecord,
    Verdict,
)
from sidestep.schemas.intents import CLAIMED
from sidestep.streams.decide.by_id import candidates
from sidestep.streams.decide.claims import claims_of, history_name
from sidestep.streams.decide.control_records import lifts
from sidestep.streams.decide.controls import Controls
from sidestep.streams.decide.counted import Counted
from sidestep.streams.decide.engine import ENGINE
from sidestep.streams.decide.erasure import erasure_tally, late_keys
from sidestep.streams.decide.fold import fold
from sidestep.streams.decide.former import Moving
from sidestep.streams.decide.hosts import host_keys
from sidestep.streams.decide.keys import (
    attempt_key,
    campaign_key,
    provider_key,
    service_key,
    service_provider_key,
    service_tests_key,
    source_key,
)
from sidestep.streams.decide.partition_rows import EngineRow
from sidestep.streams.decide.policy_tally import policy_tally
from sidestep.streams.decide.sources import source_keys
from sidestep.streams.decide.state import State
from sidestep.streams.decide.sweep import Between, find_ending
from sidestep.streams.decide.tables import (
    BOUNCE_HISTORY,
    CLOCK,
    CONTROL,
    DOMAIN_RATES,
    ENGINES,
    HOLDS,
    IDS,
    OPEN_TALLIES,
    SERVICES,
    SOURCES,
    RecipientRow,
)
from sidestep.streams.decide.tally_counts import widen
from sidestep.streams.runtime.tables import Row, Table

Records = Sequence[tuple[int, Evidence]]
"""Evidence of one partition with its offsets, in offset order."""


class Read(Protocol):
    """Looks rows up in a ledger."""

    def __call__(self, table: Table[Row], keys: Iterable[bytes]) -> dict[bytes, Row]:
        """The rows of these keys that exist."""


class Scan(Protocol):
    """Goes through a table of a ledger."""

    def __call__(self, table: Table[Row]) -> Iterable[tuple[bytes, Row]]:
        """All rows, in key order."""


class Decided(NamedTuple):
    """What a batch came to: verdicts in the log's order, the tallies of the seconds that ended in it, and policies that
    took force in it, as tallies."""

    verdicts: list[Verdict]
    tallies: list[Tally]


def load_controls(read: Read, scan: Scan) -> Controls:
    """What lives as long as a partition is open, out of its ledger."""
    clock = read(CLOCK, [b"clock"])
    controls = Controls(
        read(CONTROL, [b"policy", b"lists", b"model", b"pace"]),
        # the services on hold and those of the second that lasts: a scan is fine, once
        dict(scan(HOLDS)),
        clock[b"clock"].at_ms if clock else 0,
        {key: widen(row) for key, row in scan(OPEN_TALLIES)},
        clock[b"clock"].sources_since if clock else 0,
        clock[b"clock"].erased_at if clock else 0,
    )
    for _, row in scan(ENGINES):
        controls.engine = row.engine
    return controls


@dataclass
class Needs:
    """What a batch needs to read, as far as its records say so."""

    subjects: set[tuple[str, str]] = field(default_factory=set)
    """Services and domains."""
    domains: set[bytes] = field(default_factory=set)
    recipients: set[bytes] = field(default_factory=set)
    sources: set[bytes] = field(default_factory=set)
    exchanges: set[str] = field(default_factory=set)
    looked_up: set[str] = field(default_factory=set)
    """Domains of which no record says what servers they have now."""
    tests: set[bytes] = field(default_factory=set)
    """Keys of the rates of test intents."""
    ids: list[bytes] = field(default_factory=list)
    contents: list[bytes] = field(default_factory=list)


def load(records: Records, controls: Controls, read: Read, between: Between) -> State:
    """A state with every row that these records may need, each table read in a call or two; and what they may end."""
    intents = [record for _, record in records if type(record) is IntentEvidence]
    others: list[Evidence] = []
    if len(intents) < len(records):
        others = [record for _, record in records if type(record) is not IntentEvidence]
        others += candidates(others, intents, read)
    needs = _needs(intents, others)
    state, sources = State(controls), needs.sources
    state.recipients = read(BOUNCE_HISTORY, needs.recipients)
    subjects = needs.subjects | _claims_told_of(intents, others, state.recipients)
    domains = needs.domains | {domain.encode() for _, domain in subjects}
    hosted = _hosted(intents, others, controls)
    state.domains = read(DOMAIN_RATES, domains | {provider_key(provider) for _, provider in hosted})
    by_row = [(domain, state.domains.get(domain.encode())) for domain in needs.looked_up]
    state.domains |= read(DOMAIN_RATES, host_keys(needs.exchanges, by_row))
    sources |= {service_key(service) for service in {service for service, _ in subjects} if service}
    pairs = {f"{service}@{domain}".encode() for service, domain in subjects}
    state.services = read(SERVICES, pairs | needs.tests | {service_provider_key(*pair) for pair in hosted})
    if any(isinstance(record, FeedbackEvidence | TrapRecord) for record in others):  # they count for who brought it
        sources |= source_keys(state.recipients.values())
    state.sources = read(SOURCES, sources) if sources else {}
    state.ids = read(IDS, needs.ids + late_keys(others, controls))
    state.ids |= read(IDS, needs.contents + _contents(intents, needs.ids, state.ids.keys()))
    find_ending(records, state, between)
    return state


def _needs(intents: Sequence[IntentEvidence], others: Sequence[Evidence]) -> Needs:
    needs = Needs()
    needs.recipients.update([intent.recipient_key for intent in intents])
    needs.ids += [intent.id_key for intent in intents]
    named: set[tuple[str, str, str, str]] = set()
    for intent in intents:
        # names that many have in common: rows' keys are made of them once
        name = history_name(intent) if intent.claimed else intent.service
        named.add((name, intent.domain, intent.source, intent.campaign))
        mx = intent.mx
        if mx is None or mx.outcome != "yes" or not mx.exchanges:
            needs.looked_up.add(intent.domain)
        elif not mx.provider:
            needs.exchanges.add(mx.exchanges[0])
        if intent.claimed or intent.reused or intent.test or intent.attempt != 1 or intent.former:
            _need_more(needs, intent)
    for name, domain, source, campaign in named:
        needs.subjects.add((name, domain))
        if source:
            needs.sources.add(source_key(name, source))
        if campaign:
            needs.sources.add(campaign_key(name, campaign))
    for record in others:
        _need_other(needs, record)
    return needs


def _need_more(needs: Needs, intent: IntentEvidence) -> None:
    """What few intents need."""
    if intent.claimed:
        _need_past(needs, intent)
    if intent.reused:
        needs.contents.append(intent.content_key)
    if intent.test:
        needs.tests.add(service_tests_key(intent.service, bool(intent.proved)))
    if intent.attempt != 1:
        needs.contents.append(attempt_key(intent.content_key, intent.attempt))
    _need_former(needs, intent)


def _need_other(needs: Needs, record: Evidence) -> None:
    if type(record) is FeedbackEvidence:
        needs.subjects |= {(record.service, record.domain), (history_name(record), record.domain)}
        needs.recipients.add(record.recipient_key)
        needs.ids.append(record.event_key)
        needs.looked_up.add(record.domain)
        _need_former(needs, record)
    elif type(record) is SoughtFeedback:
        needs.ids += record.id_keys
    elif isinstance(record, SourceHoldRecord):
        if lifts(record):
            needs.sources.add(source_key(record.service, record.source))
    elif isinstance(record, ErasureRecord):
        needs.recipients.add(record.recipient_key)
        _need_former(needs, record)
    elif isinstance(record, SuppressRecord | TrapRecord | MarksRecord):
        needs.recipients.add(record.recipient_key)
        needs.domains.add(record.domain.encode())
        if isinstance(record, TrapRecord) and record.event_key:
            needs.ids.append(record.event_key)
        _need_former(needs, record)


def _need_past(needs: Needs, record: IntentEvidence) -> None:
    """What the rows of claims may begin with."""
    needs.subjects.add((record.service, record.domain))
    needs.sources |= {source_key(record.service, record.source), campaign_key(record.service, record.campaign)}


def _claims_told_of(
    intents: Sequence[IntentEvidence], others: Sequence[Evidence], recipients: Mapping[bytes, RecipientRow]
) -> set[tuple[str, str]]:
    """Claims of a service, and the domain, of which feedback may tell that names the service."""
    told = [record for record in others if type(record) is FeedbackEvidence and record.service]
    if not told:
        return set()
    known = set(claims_of(recipients.values()))
    known |= {history_name(intent) for intent in intents if intent.claimed}
    pairs = ((record.service + CLAIMED, record.domain) for record in told) if known else ()
    return {pair for pair in pairs if pair[0] in known}


def _need_former(needs: Needs, record: Moving) -> None:
    """The rows that the same has under keys of before."""
    for former in record.former:
        if former.recipient_key:
            needs.recipients.add(former.recipient_key)
        if former.id_key:
            needs.ids.append(former.id_key)
        if isinstance(record, IntentEvidence) and record.reused:
            needs.contents.append(former.content_key)
        if isinstance(record, IntentEvidence) and record.attempt != 1:
            needs.contents.append(attempt_key(former.content_key, record.attempt))


def _hosted(intents: Sequence[IntentEvidence], others: Sequence[Evidence], controls: Controls) -> set[tuple[str, str]]:
    """Services and the MX providers that they write to, where that makes a difference."""
    # a control record in this very batch may bring limits that go by the provider
    if not controls.by_provider and not any(isinstance(record, PolicyRecord | PaceRecord) for record in others):
        return set()
    found = {(it.service, it.mx.provider) for it in intents if it.mx is not None and it.mx.provider}
    return found | {(history_name(it), it.mx.provider) for it in intents if it.claimed and it.mx is not None}


def _contents(intents: Sequence[IntentEvidence], ids: list[bytes], known: Iterable[bytes]) -> list[bytes]:
    """Of ids that occur again, the rows that tell whether *this* content has been answered already."""
    again = set(known)
    if len(set(ids)) < len(ids):
        again |= {key for key, count in Counter(ids).items() if count > 1}
    if not again:
        return []
    contents = [intent.content_key for intent in intents if intent.id_key in again]
    for intent in intents:
        if intent.former and (intent.id_key in again or any(former.id_key in again for former in intent.former)):
            contents += [intent.content_key, *(former.content_key for former in intent.former)]
    return contents


def _announcement(record: PolicyRecord | ErasureRecord, controls: Controls, partition: int) -> Tally:
    if isinstance(record, ErasureRecord):
        return erasure_tally(record, partition)
    assert controls.policy is not None, "the record was usable"
    return policy_tally(controls.policy, partition, record.at // 1000)


def decide(records: Records, state: State, topic: str, partition: int) -> Decided:
    """Fold the records, which stand in this partition of the log, into the state. Raises NoPolicy."""
    controls, tallies = state.controls, state.tallies
    decided = Decided([], [])
    verdicts = decided.verdicts
    counted = Counted([], [], [])
    others, announced = state.others, state.announced
    second = controls.clock_ms // 1000
    if records and controls.engine != ENGINE:  # from here on it is this one: audits choose their fold by that
        controls.engine = ENGINE
        state.written_engines[records[0][0].to_bytes(8, "big")] = EngineRow(ENGINE)
    for offset, record in records:
        if type(record) is ErasureRecord:  # what was counted of the mailbox must be there to be taken away
            tallies.add(second, counted)
            counted = Counted([], [], [])
        verdict = fold(state, record, LogPosition(topic, partition, offset))
        now = controls.clock_ms // 1000
        if now != second:  # what moved the clock belongs to the second that begins
            tallies.add(second, counted)
            decided.tallies.extend(tallies.close(partition))
            counted, second = Counted([], [], []), now
        if verdict is not None:
            verdicts.append(verdict)
            assert isinstance(record, IntentEvidence), "only intents have verdicts"
            if verdict.test:
                counted.tests.append((history_name(record), verdict))
            else:
                counted.intents.append((record, verdict, state.risk))
        elif announced:
            decided.tallies.append(_announcement(announced.pop(), controls, partition))
        if others:
            counted.others.extend(others)
            others.clear()
    tallies.add(second, counted)
    return decided
