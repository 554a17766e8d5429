"""Mailgun's webhooks: `signature` and `event-data`.

https://documentation.mailgun.com/docs/mailgun/user-manual/events/event-structure
"""

from collections.abc import Iterator
from typing import Any

from sidestep.streams.screen.feedback.outcome import Event
from sidestep.streams.screen.feedback.webhooks.event import (
    SILENCE,
    WebhookEvent,
    address,
    correlation,
    moment,
    table,
    text,
)

EVENTS: dict[str, Event] = {
    "failed": "bounce", "rejected": "bounce", "delivered": "delivered", "opened": "opened", "clicked": "clicked",
    "complained": "complaint", "unsubscribed": "unsubscribed",
}  # fmt: skip
SILENT = (
    "accepted", "stored", "list_member_uploaded", "list_member_upload_error", "list_uploaded", "email_validation",
)  # fmt: skip
"""Accepted by Mailgun, mail to us, changes of lists."""
REASONS = {"old": "expired", "espblock": "blocked", "hardfail": "userunknown", "greylisted": "expired"}


def recognises(body: Any) -> bool:
    """Whether a body is Mailgun's: by `event-data`, or by the fields of an event from the Events API."""
    fields = table(body)
    return "event" in table(fields.get("event-data")) or {"event", "recipient", "log-level"} <= fields.keys()


def read(body: Any) -> Iterator[WebhookEvent]:
    """The event of a body."""
    fields = table(table(body).get("event-data")) or table(body)
    kind = text(fields.get("event"))
    if kind in EVENTS:
        yield _webhook_event(kind, fields)
    elif kind in SILENT:
        yield SILENCE


def _webhook_event(kind: str, fields: Any) -> WebhookEvent:
    status = table(fields.get("delivery-status"))
    why, name = text(fields.get("reason")), address(fields.get("recipient"))
    suppressed = why.startswith("suppress-")
    permanent = text(fields.get("severity")) == "permanent"
    return WebhookEvent(
        EVENTS[kind], name, text(fields.get("id")) or f"{kind}:{name}:{text(fields.get('timestamp'))}",
        moment(fields.get("timestamp")), _reply(status), text(status.get("enhanced-code")),
        text(status.get("mx-host")).lower(), "suppressed" if suppressed else _category(kind, why, permanent),
        suppressed or kind == "rejected", kind == "failed" and not permanent,
        **correlation(fields.get("user-variables"), table(table(fields.get("message")).get("headers"))),
    )  # fmt: skip


def _category(kind: str, why: str, permanent: bool) -> str:
    if kind == "rejected":
        return "policyviolation"
    return REASONS.get(why, "userunknown" if permanent and why == "bounce" else "" if permanent else "expired")


def _reply(status: Any) -> str:
    """The reply with its code in front, as a server says it."""
    code = text(status.get("code"))
    said = text(status.get("message")) or text(status.get("description"))
    return f"{code} {said}".strip() if len(code) == 3 and not said.startswith(code) else said
