"""Who goes on although a source of addresses is held: lists have living people on them. Pure.

A mailbox whose owner has opened, clicked or answered lately is nobody's import. Nor is one that took mail lately and is
hardly at risk, but where a person has put the source on hold: most people are never seen to read anything. A recycled
trap was seen by a person before it was given up, and then it bounced for months, or its domain has moved to other mail
servers: signs from before either say nothing.
"""

from sidestep.schemas import IntentEvidence
from sidestep.streams.decide.holds import source_hold
from sidestep.streams.decide.policy import DAY, Policy
from sidestep.streams.decide.rules.case import day_of
from sidestep.streams.decide.state import State
from sidestep.streams.decide.tables import RecipientRow

ON_HOLD = "source-on-hold"


def sign_of_life(
    state: State, evidence: IntentEvidence, rule: str, recipient: RecipientRow, policy: Policy, now: int
) -> str:
    """Why a mailbox is not kept back by `rule`, as the end of a sentence; empty: it is kept back. `now`: seconds."""
    domain = state.domains.get(evidence.domain.encode())
    settled = domain.settled_at if domain is not None else 0
    doubtful = max(recipient.hard_bounced_at, recipient.suspended_at, settled, 0)
    if recipient.last_engaged > max(doubtful, now - policy.spared_days * DAY):
        return f"somebody has opened, clicked or answered mail there, last on {day_of(recipient.last_engaged)}"
    if recipient.last_delivered <= max(doubtful, now - policy.dormant_days * DAY):
        return ""
    if state.risk.whole >= policy.spared or (rule == ON_HOLD and _by_a_person(state, evidence)):
        return ""
    return f"it has taken mail, last on {day_of(recipient.last_delivered)}, and is hardly at risk"


def _by_a_person(state: State, evidence: IntentEvidence) -> bool:
    hold = source_hold(state.controls, evidence)
    return hold is None or not hold.by_watch
