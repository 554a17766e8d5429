"""Where a service has its addresses from: a new source is metered until it is known what becomes of its first
messages, and a bad one is held. Pure: it changes only the state that it is given.

What was approved can't be called back. So of a source that is new, or has been silent for long, only so many messages
go out; the rest waits until there has been time for what comes back of them. Whom none of that keeps back stands in
sparing.py.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from sidestep.schemas import FeedbackEvidence, IntentEvidence
from sidestep.streams.decide.claims import told_name
from sidestep.streams.decide.holds import source_hold
from sidestep.streams.decide.hygiene import brought_keys, forget, worst_share
from sidestep.streams.decide.keys import campaign_key, service_key, source_key
from sidestep.streams.decide.known import count_day
from sidestep.streams.decide.policy import DAY, Policy, RulePolicy
from sidestep.streams.decide.rules.case import Finding, moment, span
from sidestep.streams.decide.rules.held import after_hold
from sidestep.streams.decide.rules.reasons import finding
from sidestep.streams.decide.sparing import ON_HOLD, sign_of_life
from sidestep.streams.decide.state import State, Stories
from sidestep.streams.decide.tables import LastMessage, RecipientRow, SourceRow

REPRESENTATIVE = 10_000
HELD, PROBATION = "source-held", "source-probation"


class _Kept(NamedTuple):
    """What keeps an intent back: the rule, the values of its sentence, and until when, microseconds."""

    rule: str
    said: Mapping[str, object]
    retry_us: int


def meter(
    state: State, evidence: IntentEvidence, stories: Stories, recipient: RecipientRow, policy: Policy, now: int
) -> tuple[Finding | None, Finding | None]:
    """A finding that keeps the intent back for the sake of its source or campaign, and one that is only told, where
    that is held and the mailbox goes on; at most one of them. `stories`: the intent's own."""
    probation, held = policy.rules[PROBATION], policy.rules[HELD]
    source, campaign = stories.source, stories.campaign
    kept = None
    if source is not None and (
        state.controls.holds
        or not source.passed
        or now - source.last_sent > probation.days * DAY
        or _may_be_held(source, held)
    ):
        kept = _of_source(state, evidence, source, policy, now)
    if kept is None and campaign is not None and held.mode != "off" and _may_be_held(campaign, held):
        kept = _hold(campaign, "campaign", evidence.campaign, evidence, policy, now)
    if kept is None:
        return None, None
    sign = sign_of_life(state, evidence, kept.rule, recipient, policy, now)
    if not sign:
        return finding(policy, evidence, kept.rule, kept.said, retry_us=kept.retry_us), None
    if kept.rule == PROBATION:  # nothing is wrong with its source as yet
        return None, None
    return None, finding(policy, evidence, kept.rule, {**kept.said, "sign": sign}, "reason_spared")


def sent(stories: Stories, now: int) -> None:
    """A message goes out."""
    if stories.service.last_sent != now:
        count_day(stories.service, now)
    for row in stories.rows:
        if row.last_sent != now:
            row.last_sent = now
        row.sent = count = row.sent + 1
        if count >= REPRESENTATIVE:
            _halve(row)


def _halve(row: SourceRow) -> None:
    row.sent >>= 1
    row.hard_bounces >>= 1
    row.complaints >>= 1
    row.engaged >>= 1


def release(state: State, key: bytes, policy: Policy | None, now: int) -> None:
    """A person lets a source go on. One that is held for what came back, or whose addresses are bad, begins anew: its
    first messages are metered as those of a new one. `key`: of its row; `now`: log time, seconds."""
    row = state.known_source(key)
    if row is None or policy is None:
        return
    if row.held_at or worst_share(row, policy.source_least) >= policy.source_dirty:
        _begin_anew(row, now)
        forget(row)


def is_watched(service: SourceRow, policy: Policy) -> bool:
    """Whether it is reported who opens, clicks and answers a service's mail: if not, silence says nothing."""
    if not policy.engagement:
        return True
    return service.sent >= policy.source_least and service.engaged >= policy.engagement * service.sent


def came_back(state: State, recipient: RecipientRow) -> Iterator[SourceRow]:
    """The stories that feedback counts in: of the last message's source and of its campaign."""
    for key in _keys(last_message(recipient)):
        row = state.known_source(key)
        if row is not None:
            yield row


def came_back_badly(state: State, recipient: RecipientRow) -> Iterator[SourceRow]:
    """Likewise, what counts against somebody: in the story of all that the service sends, too."""
    yield from came_back(state, recipient)
    service = state.known_source(service_key(recipient.last_service))
    if service is not None:
        yield service


def sender(state: State, recipient: RecipientRow, feedback: FeedbackEvidence) -> SourceRow | None:
    """The story of the service that feedback counts for: the one that it names, else the last message's."""
    name = told_name(feedback, recipient) if feedback.service else recipient.last_service
    return state.known_source(service_key(name))


def brought_by(state: State, recipient: RecipientRow) -> Iterator[SourceRow]:
    """The sources that an address came from: at first, and for the last message."""
    for key in brought_keys(recipient):
        row = state.known_source(key)
        if row is not None:
            yield row


def last_message(recipient: RecipientRow) -> LastMessage:
    """Whose the last message to a mailbox was."""
    return recipient.last or LastMessage(recipient.service, recipient.source)


def source_keys(recipients: Collection[RecipientRow]) -> set[bytes]:
    """Keys of all stories that feedback about these mailboxes, or a report of a trap, may count in."""
    keys = {key for recipient in recipients for key in _keys(last_message(recipient))}
    keys |= {service_key(last_message(recipient).service) for recipient in recipients}
    return keys.union(*map(brought_keys, recipients))


def _keys(last: LastMessage) -> Iterator[bytes]:
    if last.source:
        yield source_key(last.service, last.source)
    if last.campaign:
        yield campaign_key(last.service, last.campaign)


def _may_be_held(row: SourceRow, rule: RulePolicy) -> bool:
    """What nearly every source is not, told by a glance."""
    return bool(
        row.held_at
        or (row.hard_bounces and row.hard_bounces >= rule.bounce_share * row.sent > 0)
        or row.complaints >= rule.least_complaints
    )


def _of_source(state: State, evidence: IntentEvidence, row: SourceRow, policy: Policy, now: int) -> _Kept | None:
    probation, held = policy.rules[PROBATION], policy.rules[HELD]
    if state.controls.holds and (kept := _on_hold(state, evidence, policy)) is not None:
        return kept
    if held.mode != "off" and (kept := _hold(row, "source", evidence.source, evidence, policy, now)) is not None:
        return kept
    return None if probation.mode == "off" else _wait(row, evidence, policy, state, now)


def _on_hold(state: State, evidence: IntentEvidence, policy: Policy) -> _Kept | None:
    hold, rule = source_hold(state.controls, evidence), policy.rules[ON_HOLD]
    if hold is None or rule.mode == "off":
        return None
    now = state.controls.clock_ms // 1000
    said = {"source": evidence.source, "why": hold.reason, "until": moment(hold.until_ms // 1000), "sign": ""}
    return _Kept(ON_HOLD, said, after_hold(hold.until_ms, rule.spread, evidence, now))


def _begin_anew(row: SourceRow, now: int) -> None:
    row.began, row.sent, row.passed, row.held_at = now, 0, False, 0
    row.hard_bounces = row.complaints = row.engaged = 0


def _hold(row: SourceRow, kind: str, name: str, evidence: IntentEvidence, policy: Policy, now: int) -> _Kept | None:
    rule = policy.rules[HELD]
    if row.held_at and now - row.held_at > rule.days * DAY:
        _begin_anew(row, now)
    if not row.held_at:
        # dead addresses are the list's fault, where it is known; what people complain of is the campaign's
        if not _is_bad(row, rule, bounces=kind == "source" or not evidence.source):
            return None
        row.held_at = now
    until = row.held_at + rule.days * DAY
    said = {
        "kind": kind,
        "name": name,
        "sent": row.sent,
        "bounced": row.hard_bounces,
        "share": f"{100 * row.hard_bounces / row.sent:.0f}",
        "complaints": row.complaints,
        "until": moment(until),
        "sign": "",
    }
    return _Kept(HELD, said, after_hold(until * 1000, rule.spread, evidence, now))


def _is_bad(row: SourceRow, rule: RulePolicy, bounces: bool) -> bool:
    """Of few messages nothing can be said, and one person who complains is no pattern. `bounces`: they count, too."""
    if row.sent < rule.least:
        return False
    if bounces and row.hard_bounces >= rule.bounce_share * row.sent:
        return True
    return row.complaints >= rule.least_complaints and row.complaints > rule.complaint_share * row.sent


def _wait(row: SourceRow, evidence: IntentEvidence, policy: Policy, state: State, now: int) -> _Kept | None:
    """A partition's share of the first messages goes out, at least one."""
    rule = policy.rules[PROBATION]
    controls = state.controls
    if row.sent and now - row.last_sent > rule.days * DAY:
        _begin_anew(row, now)
    row.passed = row.passed or row.began < controls.sources_since + rule.learning_days * DAY
    if row.passed or row.sent < max(1, rule.messages // controls.partitions):
        return None
    until = row.last_sent + rule.wait
    if now >= until:
        row.passed = True
        return None
    return _Kept(PROBATION, {"source": evidence.source, "wait": span(until - now)}, until * 1_000_000)
