"""What became of one message for one recipient, whoever said so and in whatever form."""

from typing import Any, Literal

from msgspec import Struct

from sidestep.schemas import Bounce, Engagement
from sidestep.schemas.feedback import Scope

Kind = Literal["bounce", "complaint", "delivered", "engagement", "none"]
Event = Literal["bounce", "complaint", "not-spam", "delivered", "opened", "clicked", "replied", "unsubscribed", ""]


class Outcome(Struct, frozen=True, kw_only=True):
    """One event. `kind` none with a reason (vacation, undefined) is something read that says nothing of delivery."""

    kind: Kind
    event: Event = ""
    """The kind in our own schema; "" where nothing has to be counted."""
    recipient: str = ""
    status: str = ""
    """Enhanced status code, RFC 3463."""
    reply: str = ""
    """What the remote server said, at most 1,000 characters."""
    code: str = ""
    """SMTP reply code."""
    reason: str = ""
    hard: bool = False
    scope: Scope | Literal[""] = ""
    id: str = ""
    """Counts once by it: the provider's event id, or a digest of what is said."""
    service: str = ""
    intent_id: str = ""
    occurred_at: float | str | None = None
    """Unix seconds or RFC 3339, as given."""
    rule: str = ""
    """Name of the rule that decided the reason."""
    source: str = ""
    """Form it came in: dsn, text, arf, auto-reply, or the provider's name."""


def to_feedback(outcome: Outcome) -> Bounce | Engagement | None:
    """In our own schema; None where there is nothing to count."""
    if not outcome.event or "@" not in outcome.recipient:
        return None
    named: dict[str, Any] = {
        "recipient": outcome.recipient,
        "id": outcome.id,
        "service": outcome.service,
        "intent_id": outcome.intent_id,
        "occurred_at": outcome.occurred_at,
    }
    if outcome.event in ("complaint", "not-spam"):
        return Bounce(kind=outcome.event, **named)
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
