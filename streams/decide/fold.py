"""The fold: one record of the log and the state before it -> the state after it, and perhaps a verdict. Pure.

No clock, no randomness, no network, no environment: the same log gives the same verdicts and the same ledger, for
ever. Time is the greatest stamp seen in this partition so far.
"""

from sidestep.schemas import (
    ErasureRecord,
    Evidence,
    FeedbackEvidence,
    HoldRecord,
    IntentEvidence,
    ListsRecord,
    LogPosition,
    MarksRecord,
    ModelRecord,
    PaceRecord,
    PolicyRecord,
    SoughtFeedback,
    SourceHoldRecord,
    SuppressRecord,
    TrapRecord,
    Verdict,
)
from sidestep.schemas.codec import encode
from sidestep.schemas.verdicts import Action
from sidestep.streams.decide import life
from sidestep.streams.decide.by_id import find_recipient
from sidestep.streams.decide.claims import history_name
from sidestep.streams.decide.control_records import fold_control
from sidestep.streams.decide.counted import Bombed, RefusedRecords
from sidestep.streams.decide.erasure import erase
from sidestep.streams.decide.feedback import count_feedback
from sidestep.streams.decide.former import move
from sidestep.streams.decide.holds import hold_of
from sidestep.streams.decide.hosts import domain_came, host_row, message_sent, silence
from sidestep.streams.decide.hygiene import offered
from sidestep.streams.decide.id_rows import DEFER, DROP, SEND
from sidestep.streams.decide.known import is_known
from sidestep.streams.decide.limits import limit
from sidestep.streams.decide.marks import take_marks_back
from sidestep.streams.decide.partition_rows import ControlRow
from sidestep.streams.decide.policy import Policy
from sidestep.streams.decide.risk import NO_RISK, Scales
from sidestep.streams.decide.rules.case import NEVER, Case, Finding
from sidestep.streams.decide.rules.dirty_source import dirty_source
from sidestep.streams.decide.rules.expiring import stop_in_time
from sidestep.streams.decide.rules.ladder import Ladder
from sidestep.streams.decide.rules.trap_risk import trap_risk, valid_since
from sidestep.streams.decide.slow_down import another_minute
from sidestep.streams.decide.sources import is_watched, meter, sent
from sidestep.streams.decide.standing import JUDGED, Follows, judged, pass_over, refuse, situation, unreadable
from sidestep.streams.decide.state import State, Stories
from sidestep.streams.decide.suppress import suppress
from sidestep.streams.decide.sweep import sweep
from sidestep.streams.decide.tables import DomainRow, RecipientRow, ServiceRow
from sidestep.streams.decide.traps import mark_trap
from sidestep.streams.decide.trial import try_out
from sidestep.streams.decide.verdict import verdict_of
from sidestep.streams.errors import NoPolicy

REPRESENTATIVE = 10_000
"""Sends over which a domain's bounce and complaint shares are reckoned: at that many all counts are halved."""


def fold(state: State, record: Evidence, position: LogPosition) -> Verdict | None:
    """Take one record of the log into the state. `position` is where it stands. Raises NoPolicy."""
    controls = state.controls
    if record.at > controls.clock_ms:
        before_ms, ends_ms = controls.clock_ms, controls.hour_ends_ms
        controls.clock_ms = record.at
        if record.at >= ends_ms:
            sweep(state, before_ms)
    if isinstance(record, IntentEvidence):
        if record.former:
            move(state, record)
        return _fold_intent(state, record, position)
    if isinstance(record, FeedbackEvidence):
        move(state, record)
        count_feedback(state, record)
    elif isinstance(record, SoughtFeedback):
        if (found := find_recipient(state, record)) is not None:
            state.found.append(found)
            move(state, found)
            count_feedback(state, found)
    elif isinstance(record, SuppressRecord):
        move(state, record)
        suppress(state, record)
    elif isinstance(record, TrapRecord):
        move(state, record)
        mark_trap(state, record)
    elif isinstance(record, MarksRecord):
        move(state, record)
        take_marks_back(state, record)
    elif isinstance(record, ErasureRecord):
        move(state, record)
        erase(state, record)
    elif isinstance(record, PolicyRecord | ListsRecord | ModelRecord | HoldRecord | SourceHoldRecord):
        fold_control(state, record)
    elif isinstance(record, PaceRecord):
        row = ControlRow("", encode(record.providers).decode())
        state.controls.rows[b"pace"] = state.written_control[b"pace"] = row
        state.controls.refresh()
    elif record.refused:  # a tick
        state.others.append(RefusedRecords(record.refused))
    return None


def _fold_intent(state: State, evidence: IntentEvidence, position: LogPosition) -> Verdict | None:
    controls = state.controls
    policy, ladder, scales = controls.policy, controls.ladder, controls.scales
    if policy is None or ladder is None or scales is None:
        raise NoPolicy(
            f"{position.topic}/{position.partition}@{position.offset}: an intent stands before any policy in the log. "
            "Screen writes the "
            "policy when it starts: start a Screen worker of this version first, or find out who else writes "
            "to this topic."
        )
    met = situation(state, evidence)
    if met.follows is JUDGED:
        if evidence.unreadable:
            judged(state, evidence, DROP)
            state.risk = NO_RISK
            return verdict_of(state, evidence, position, "drop", [unreadable(evidence)], NO_RISK)
        judge = _try_out if evidence.test else _judge
        return judge(state, evidence, policy, ladder, scales, position)
    if met.follows is Follows.PASSED_OVER:
        pass_over(state, evidence)
        return None
    state.risk = NO_RISK
    return verdict_of(state, evidence, position, "drop", [refuse(state, evidence, met)], NO_RISK)


def _judge(
    state: State, evidence: IntentEvidence, policy: Policy, ladder: Ladder, scales: Scales, position: LogPosition
) -> Verdict:
    controls = state.controls
    now_ms = controls.clock_ms
    now = now_ms // 1000
    name = history_name(evidence)
    pair = controls.service_at(name, evidence.domain, evidence.service)
    # a domain that can't be read keeps no row
    domain = state.domain(pair.domain_key, now) if pair.domain_key else DomainRow()
    comes = life.seen(domain, evidence, now)
    recipient = state.known(evidence.recipient_key, now) or NEVER
    hold = hold_of(controls, evidence) if controls.holds else None
    # nearly every intent is plain: it has nothing of what any rule needs to see
    traits = ladder.traits(evidence, recipient, domain, hold)
    stop: Finding | None = None
    flags: list[Finding] = []
    if traits:
        stop, flags = ladder.climb(Case(evidence, recipient, hold, policy, now, domain), traits)
    stories = state.stories(name, evidence, now)
    source = stories.source
    if evidence.proved and not stories.service.proved_at:
        stories.service.proved_at = now
    fired = flags if stop is None else [stop, *flags]
    host = host_row(state, evidence.domain, domain, now)
    hosts = (domain, host)
    if comes and host is not None:
        domain_came(host, evidence)
    quiet = silence(state, evidence, hosts, recipient, policy, now)
    risk = state.risk = scales.weigh(evidence, fired, recipient, domain, quiet, source, now)
    if source is not None and (recipient is NEVER or fired) and evidence.recipient_key:
        offered(source, evidence, recipient, risk.nobody, fired)
    if stop is None and risk.risky:
        stop, told = trap_risk(evidence, risk, source, hosts, policy, now)
        if told is not None:
            flags = [*flags, told]
    if stop is None and risk.brought and source is not None:
        stop = dirty_source(evidence, source, policy, now)
    if stop is None and (evidence.source or evidence.campaign):
        stop, told = meter(state, evidence, stories, recipient, policy, now)
        flags = flags if told is None else [*flags, told]
    if stop is None:
        service = state.service(pair.service_key, now, evidence.service)
        stop = limit(state, evidence, pair, domain, service, policy, now_ms * 1000, is_known(stories.service))
        if stop is None:
            _count_send(state, evidence, policy, hosts, recipient, service, stories, now)
    if stop is not None:
        stop, flags = _in_time(evidence, stop, flags, policy)
    action = _note(state, evidence, stop)
    # a stranger whom a source has brought is remembered as well: its address counts once. So is who is to be asked
    if stop is not None and (
        recipient is not NEVER or ((source is not None or stop.rule == "trap-risk") and evidence.recipient_key)
    ):
        _count_stop(state, evidence, policy, now)
    verdict = verdict_of(state, evidence, position, action, flags, risk)
    if stop is None and (since := valid_since(recipient, evidence, risk)):
        verdict.valid_since = float(since)
    return verdict


def _try_out(
    state: State, evidence: IntentEvidence, policy: Policy, ladder: Ladder, scales: Scales, position: LogPosition
) -> Verdict:
    """The verdict on a test intent, of which nothing is noted but its id."""
    stop, flags, risk = try_out(state, evidence, policy, ladder, scales)
    if stop is not None:
        stop, flags = _in_time(evidence, stop, flags, policy)
    action = _note(state, evidence, stop)
    return verdict_of(state, evidence, position, action, flags, risk)


def _in_time(
    evidence: IntentEvidence, stop: Finding, flags: list[Finding], policy: Policy
) -> tuple[Finding, list[Finding]]:
    """What stops an intent in the end, and all that its verdict names: what would have it wait for too long, too."""
    if not (stop.retry_us and evidence.expires_at):
        return stop, [stop, *flags]
    last = stop_in_time(stop, evidence, policy)
    return last, [stop, *flags] if last is stop else [last, stop, *flags]


def _note(state: State, evidence: IntentEvidence, stop: Finding | None) -> Action:
    action: Action = "send" if stop is None else "defer" if stop.retry_us else "drop"
    judged(state, evidence, SEND if stop is None else DEFER if stop.retry_us else DROP)
    return action


def _count_send(
    state: State,
    evidence: IntentEvidence,
    policy: Policy,
    hosts: tuple[DomainRow, DomainRow | None],
    recipient: RecipientRow,
    service: ServiceRow,
    stories: Stories,
    now: int,
) -> None:
    domain, host = hosts
    row = state.written_recipient(evidence.recipient_key, None if recipient is NEVER else recipient, now)
    if not row.last_approved:
        service.never_mailed += 1
        if stories.source is not None:
            stories.source.tried += 1
    watched = is_watched(stories.service, policy)
    life.approved(row, evidence, domain.settled_at, watched, now)
    if watched:  # else nothing would ever be seen there
        message_sent(state, row, domain, host, now)
    sent(stories, now)
    row.awaiting = state.risk.signals
    _count_meant(state, evidence, policy, row, now)
    domain.sends += 1
    minute = now // 60
    if domain.minute == minute:
        domain.in_minute += 1
    else:
        another_minute(domain, minute)
    if domain.sends >= REPRESENTATIVE:
        _halve(domain)
    service.sends += 1
    if service.sends >= REPRESENTATIVE:
        _halve(service)
        service.never_mailed >>= 1


def _count_stop(state: State, evidence: IntentEvidence, policy: Policy, now: int) -> None:
    row = state.recipient(evidence.recipient_key, now)
    row.last_stopped = now
    _count_meant(state, evidence, policy, row, now)


def _count_meant(state: State, evidence: IntentEvidence, policy: Policy, row: RecipientRow, now: int) -> None:
    """A message that waits and comes again is one."""
    if evidence.attempt == 1 and life.meant(row, evidence, now) and life.is_flooded(row, policy.bombed, now):
        state.others.append(Bombed(history_name(evidence), evidence.recipient_key, row.hour_messages, evidence.id))


def _halve(row: DomainRow | ServiceRow) -> None:
    row.sends >>= 1
    row.hard_bounces >>= 1
    row.complaints >>= 1
