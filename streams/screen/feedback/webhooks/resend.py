"""Resend's webhooks: {"type": "email.bounced", "data": {…}}; its bounce types are those of Amazon SES.

https://resend.com/docs/webhooks/event-types
"""

from collections.abc import Iterator
from typing import Any

from sidestep.streams.screen.feedback.outcome import Event
from sidestep.streams.screen.feedback.webhooks.event import (
    WebhookEvent,
    address,
    correlation,
    items,
    moment,
    table,
    text,
)
from sidestep.streams.screen.feedback.webhooks.ses import SUBTYPES

EVENTS: dict[str, Event] = {
    "email.bounced": "bounce",
    "email.delivery_delayed": "bounce",
    "email.failed": "bounce",
    "email.suppressed": "bounce",
    "email.delivered": "delivered",
    "email.complained": "complaint",
    "email.opened": "opened",
    "email.clicked": "clicked",
}


def recognises(body: Any) -> bool:
    """Whether a body is Resend's: by a type that begins with `email.` or `contact.` next to `data`."""
    fields = table(body)
    return text(fields.get("type")).startswith(("email.", "contact.")) and "data" in fields


def read(body: Any) -> Iterator[WebhookEvent]:
    """The events of a body, one for each recipient."""
    fields = table(body)
    kind, data = text(fields.get("type")), table(fields.get("data"))
    if kind == "contact.updated" and data.get("unsubscribed") is True:
        at = moment(fields.get("created_at"))
        yield WebhookEvent("unsubscribed", address(data.get("email")), f"{text(data.get('id'))}:unsubscribed:{at}", at)
    for value in (items(data.get("to")) or [data.get("to")]) if kind in EVENTS else []:
        yield _webhook_event(kind, address(value), data, moment(fields.get("created_at")))


def _webhook_event(kind: str, name: str, data: Any, at: float | str | None) -> WebhookEvent:
    bounce = table(data.get("bounce"))
    subtype, permanent = text(bounce.get("subType")), text(bounce.get("type")) == "Permanent"
    reason = SUBTYPES.get(subtype, "userunknown" if permanent else "onhold")
    if kind != "email.bounced":
        reason = {"email.delivery_delayed": "expired", "email.suppressed": "suppressed"}.get(kind, "systemerror")
    repeats = kind in ("email.opened", "email.clicked", "email.delivery_delayed")
    return WebhookEvent(
        EVENTS[kind], name, f"{text(data.get('email_id'))}:{kind}:{name}" + (f":{at}" if repeats else ""), at,
        text(bounce.get("message")) or text(table(data.get("failed")).get("reason")), "", "", reason,
        reason == "suppressed" or subtype in SUBTYPES, kind == "email.delivery_delayed",
        **correlation(data.get("tags"), data.get("headers")),
    )  # fmt: skip
