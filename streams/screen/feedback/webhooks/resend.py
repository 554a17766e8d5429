"""Resend's webhooks: {"type": "email.bounced", "data": {…}}; its bounce types are those of Amazon SES.

https://resend.com/docs/webhooks/event-types
"""

from collections.abc import Iterator
from typing import Any

from sidestep.streams.screen.feedback.outcome import Event
from sidestep.streams.screen.feedback.webhooks.event import (
    SILENCE,
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
SILENT = (
    "email.sent", "email.scheduled", "email.received", "contact.created", "contact.updated", "contact.deleted",
    "domain.created", "domain.updated", "domain.deleted", "suppression.added", "suppression.removed",
)  # fmt: skip
"""Accepted by Resend, mail to us, changes of lists and domains. A suppression follows from a bounce or a complaint that
is told as such, or is an operator's."""


def recognises(body: Any) -> bool:
    """Whether a body is Resend's: by a type of its own, next to data with its ids."""
    fields = table(body)
    kind, data = text(fields.get("type")), table(fields.get("data"))
    own = "email_id" in data if kind.startswith("email.") else "id" in data and "object" not in data
    return own and (kind in EVENTS or kind in SILENT) and "event_id" not in fields


def read(body: Any) -> Iterator[WebhookEvent]:
    """The events of a body, one for each recipient."""
    fields = table(body)
    kind, data = text(fields.get("type")), table(fields.get("data"))
    if kind == "contact.updated" and data.get("unsubscribed") is True:
        at = moment(fields.get("created_at"))
        yield WebhookEvent("unsubscribed", address(data.get("email")), f"{text(data.get('id'))}:unsubscribed:{at}", at)
    elif kind in SILENT:
        yield SILENCE
    common = correlation(data.get("tags"), data.get("headers"))
    for value in (items(data.get("to")) or [data.get("to")]) if kind in EVENTS else []:
        yield _webhook_event(kind, address(value), data, moment(fields.get("created_at")), common)


def _webhook_event(kind: str, name: str, data: Any, at: float | str | None, common: dict[str, Any]) -> WebhookEvent:
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
        **common,
    )  # fmt: skip
