"""Where a service has its addresses from: a new source is metered until it is known what becomes of its first
messages, and a bad one is held. Pure: it changes only the state that it is given.

What was approved can't be called back. So of a source that is new, or has been silent for long, only so many messages
go out; the rest waits until there has been time for what comes back of them.
"""

from sidestep.schemas import IntentEvidence
from sidestep.streams.decide.policy import DAY, Policy, RulePolicy
from sidestep.streams.decide.rules.case import Finding, span
from sidestep.streams.decide.state import State
from sidestep.streams.decide.tables import RecipientRow, SourceRow, source_key

HOUR = 3600
REPRESENTATIVE = 10_000


def meter(state: State, evidence: IntentEvidence, policy: Policy, now: int) -> Finding | None:
    """A finding that keeps the intent back for its source's sake. An intent without a source is nobody's business."""
    probation, held = policy.rules["source-probation"], policy.rules["source-held"]
    if not evidence.source or evidence.test or (probation.mode == "off" and held.mode == "off"):
        return None
    row = state.source(source_key(evidence.service, evidence.source), now)
    _begin(row, probation, held, now)
    if held.mode != "off" and (found := _hold(row, evidence, held, now)) is not None:
        return found
    return _wait(row, evidence, probation, state.controls.partitions, now) if probation.mode != "off" else None


def sent(state: State, evidence: IntentEvidence, now: int) -> None:
    """A message to an address from there goes out."""
    if not evidence.source:
        return
    row = state.source(source_key(evidence.service, evidence.source), now)
    row.last_sent = now
    row.sent += 1
    if row.sent >= REPRESENTATIVE:
        row.sent >>= 1
        row.hard_bounces >>= 1
        row.complaints >>= 1
        row.engaged >>= 1


def brought(state: State, recipient: RecipientRow) -> SourceRow | None:
    """The source that an address came from first, to count feedback in; None: it is not known."""
    return state.known_source(source_key(recipient.service, recipient.source)) if recipient.source else None


def _begin(row: SourceRow, probation: RulePolicy, held: RulePolicy, now: int) -> None:
    """A source after a long silence, or whose hold is over, is new again."""
    silent = row.sent and now - row.last_sent > probation.days * DAY
    over = row.held_at and now - row.held_at > held.days * DAY
    if silent or over:
        row.began, row.sent, row.passed, row.held_at = now, 0, False, 0
        row.hard_bounces = row.complaints = row.engaged = 0


def _hold(row: SourceRow, evidence: IntentEvidence, rule: RulePolicy, now: int) -> Finding | None:
    if not row.held_at:
        if row.sent < rule.least or not _is_bad(row, rule):
            return None
        row.held_at = now
    share = 100 * row.hard_bounces / row.sent
    text = (
        f"The source {evidence.source} of {evidence.service} is held: of {row.sent} messages to addresses from there "
        f"{row.hard_bounces} bounced for good ({share:.0f} %), {row.complaints} were reported as spam. Clean the list."
    )
    return Finding("source-held", text, (row.held_at + rule.days * DAY) * 1_000_000)


def _is_bad(row: SourceRow, rule: RulePolicy) -> bool:
    return row.hard_bounces >= rule.bounce_share * row.sent or row.complaints >= rule.complaint_share * row.sent


def _wait(row: SourceRow, evidence: IntentEvidence, rule: RulePolicy, partitions: int, now: int) -> Finding | None:
    """A partition's share of the first messages goes out, at least one."""
    if row.passed or row.sent < max(1, rule.messages // partitions):
        return None
    until = row.last_sent + rule.hours * HOUR
    if now >= until:
        row.passed = True
        return None
    text = (
        f"The source {evidence.source} of {evidence.service} is new here: its first messages are out, the rest waits "
        f"{span(until - now)} for what comes back of them."
    )
    return Finding("source-probation", text, until * 1_000_000)
