"""A test intent: judged by the same rules, at a rate of its own, without leaving a trace. Pure.

Whoever asks with tests learns what everybody may know: what Screen has found out, what operators have said, and the
model's view. Of histories it learns those of its own service alone: the life story of a mailbox to which no other
service has ever written. What domains, hosts and sources have come to is the work of many, and stays out of it.
"""

from typing import NamedTuple

from sidestep.schemas import IntentEvidence
from sidestep.streams.decide import life
from sidestep.streams.decide.buckets import BucketLevel, Passing, RateBucket
from sidestep.streams.decide.claims import history_name
from sidestep.streams.decide.expiry import ended
from sidestep.streams.decide.holds import hold_of
from sidestep.streams.decide.hosts import silence
from sidestep.streams.decide.keys import service_tests_key
from sidestep.streams.decide.policy import Policy
from sidestep.streams.decide.risk import NO_RISK, Risk, Scales
from sidestep.streams.decide.rules.case import NEVER, Case, Finding
from sidestep.streams.decide.rules.ladder import Ladder
from sidestep.streams.decide.rules.trap_risk import trap_risk
from sidestep.streams.decide.state import State
from sidestep.streams.decide.tables import DomainRow, RecipientRow
from sidestep.streams.gcra import advance, earliest, furthest


class TriedOut(NamedTuple):
    """What was found of a test intent: what stops it, if anything, what else is told, and its risk."""

    stop: Finding | None
    flags: list[Finding]
    risk: Risk


def try_out(state: State, evidence: IntentEvidence, policy: Policy, ladder: Ladder, scales: Scales) -> TriedOut:
    """Judge a test intent. Changes nothing but what its service has left of its rate."""
    now = state.controls.clock_ms // 1000
    hold = hold_of(state.controls, evidence)
    held = hold is not None and policy.rules["service-on-hold"].mode != "off"
    if not held and (full := _no_room(state, evidence, policy)) is not None:
        return TriedOut(full, [], NO_RISK)
    domain = told_of_domain(state.domains.get(evidence.domain.encode()), evidence, now)
    recipient = told_of_mailbox(state.recipients.get(evidence.recipient_key), evidence, now)
    case = Case(evidence, recipient, hold, policy, now, domain)
    stop, flags = ladder.judge(case)
    quiet = silence(state, evidence, (domain, None), recipient, policy, now)
    risk = scales.weigh(evidence, flags if stop is None else [stop, *flags], recipient, domain, quiet, None, now)
    if stop is None:
        stop, told = trap_risk(evidence, risk, None, (domain, None), policy, now)
        flags = flags if told is None else [*flags, told]
    return TriedOut(stop, flags, risk)


def _no_room(state: State, evidence: IntentEvidence, policy: Policy) -> Finding | None:
    """A finding where the rate of tests is used up. No slot is promised: no flood pushes the next one far away."""
    rate = policy.test_rate(evidence.service)
    if rate is None:
        return None
    now_us = state.controls.clock_ms * 1000
    key = service_tests_key(evidence.service, bool(evidence.proved))
    row = state.service(key, now_us // 1_000_000, evidence.service)
    row.tat_us = min(row.tat_us, furthest(rate, now_us))
    free = earliest(rate, row.tat_us)
    if free <= now_us:
        row.tat_us = advance(rate, row.tat_us, now_us)
        return None
    return Passing(evidence, policy, now_us).full("test-limit", {"rate": rate.text}, -(-free // 1000) * 1000)


def tests_level(state: State, evidence: IntentEvidence, policy: Policy) -> BucketLevel | None:
    """How full the limit of a service's test intents is; None: there is none. `state`: as limits.levels has it."""
    rate = policy.test_rate(evidence.service)
    if rate is None:
        return None
    now_us = state.controls.clock_ms * 1000
    row = state.service(
        service_tests_key(evidence.service, bool(evidence.proved)), now_us // 1_000_000, evidence.service
    )
    return RateBucket(Passing(evidence, policy, now_us), "test-limit", rate, row).level()


def told_of_domain(known: DomainRow | None, evidence: IntentEvidence, now: int) -> DomainRow:
    """What operators have said of the domain, and what Screen has just seen of it."""
    row = DomainRow() if known is None else DomainRow(suppressed=known.suppressed, trap=known.trap)
    life.seen(row, evidence, now)
    return row


def told_of_mailbox(row: RecipientRow | None, evidence: IntentEvidence, now: int) -> RecipientRow:
    """Where only its own service has written: everything. Else that somebody has stopped all mail there, no more."""
    if row is None or ended(row, now):
        return NEVER
    if row.service == history_name(evidence) and row.alone and (evidence.proved or row.alone == life.CLAIMED):
        return row
    return RecipientRow(suppressed=row.suppressed) if row.suppressed is not None else NEVER
