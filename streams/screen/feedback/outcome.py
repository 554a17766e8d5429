"""Outcomes: what became of one message for one recipient, in whatever form feedback says so."""

from typing import Any, Literal

from msgspec import Struct

from sidestep.schemas import Bounce, Engagement
from sidestep.schemas.feedback import Scope
from sidestep.streams.screen.feedback.diagnostic import Diagnostic

OutcomeKind = Literal["bounce", "complaint", "trap", "delivered", "engagement", "none"]
Event = Literal[
    "bounce", "complaint", "not-spam", "trap-hit", "delivered", "opened", "clicked", "replied", "unsubscribed",
    "subscribed", "",
]  # fmt: skip
TOO_MANY_EVENTS, UNKNOWN_PROVIDER = "too-many-events", "unknown-provider"
"""Reasons of kind none and of its dead letter: more events than we read; JSON of a provider that we do not know."""

BY_ID_EVENTS = ("bounce", "complaint", "not-spam", "unsubscribed")
"""What counts against somebody, or takes that back: worth looking up in every ledger. Signs of life are too many."""


class Outcome(Struct, frozen=True, kw_only=True):
    """The outcome of a message for one recipient. `kind` none: nothing to count, with a reason why."""

    kind: OutcomeKind
    event: Event = ""
    """The event in our own schema; "" where nothing has to be counted."""
    recipient: str = ""
    final_recipient: str = ""
    """Address that the recipient's mail went on to and that the report is about; "" where it is the same one."""
    status: str = ""
    """Enhanced status code, RFC 3463."""
    reply: str = ""
    """Words of the remote server, at most 1,000 characters."""
    code: str = ""
    """SMTP reply code."""
    reason: str = ""
    hard: bool = False
    scope: Scope | Literal[""] = ""
    id: str = ""
    """Event id, by which the outcome counts once: the provider's, or a digest of the content."""
    service: str = ""
    intent_id: str = ""
    token: str = ""
    occurred_at: float | str | None = None
    """Unix seconds or RFC 3339, as given."""
    rule: str = ""
    """Name of the rule that decided the reason."""
    source: str = ""
    """Form of the feedback: dsn, text, arf, auto-reply, or the provider's name."""
    diagnostic: Diagnostic | None = None
    """What was classified, for who wants to know why; None where nothing had to be."""


def is_by_id(outcome: Outcome, service: str = "") -> bool:
    """Whether it names nobody, and the intent all the same. `service`: whose mail it is about where it doesn't say."""
    named = outcome.intent_id and (outcome.service or service)
    return "@" not in outcome.recipient and bool(named) and outcome.event in BY_ID_EVENTS


def to_feedback(outcome: Outcome) -> Bounce | Engagement | None:
    """The outcome in our own schema; None where there is nothing to count."""
    if not outcome.event or "@" not in outcome.recipient:
        return None
    named: dict[str, Any] = {
        "recipient": outcome.recipient,
        "id": outcome.id,
        "service": outcome.service,
        "intent_id": outcome.intent_id,
        "token": outcome.token,
        "occurred_at": outcome.occurred_at,
    }
    if outcome.event in ("complaint", "not-spam"):
        return Bounce(kind=outcome.event, **named)
    if outcome.event == "trap-hit":
        return Bounce(kind=outcome.event, reply=outcome.reply, **named)
    if outcome.event == "bounce":
        said: dict[str, Any] = {
            "status": outcome.status,
            "reply": outcome.reply,
            "reason": outcome.reason,
            "hard": outcome.hard,
        }
        return Bounce(scope=outcome.scope or None, **said, **named)
    named["kind"] = outcome.event
    return Engagement(**named)
