"""MailerSend's webhooks: {"type": "activity.hard_bounced", "webhook_id": …, "data": {…}}, in two versions of `data`.

https://developers.mailersend.com/api/v1/webhooks.html
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
    "activity.delivered": "delivered",
    "activity.soft_bounced": "bounce",
    "activity.hard_bounced": "bounce",
    "activity.deferred": "bounce",
    "activity.suppressed": "bounce",
    "activity.opened": "opened",
    "activity.opened_unique": "opened",
    "activity.clicked": "clicked",
    "activity.clicked_unique": "clicked",
    "activity.unsubscribed": "unsubscribed",
    "activity.spam_complaint": "complaint",
    "activity.spam_complaints": "complaint",
}
SILENT = (
    "activity.sent", "activity.survey_opened", "activity.survey_submitted", "sender_identity.verified",
    "maintenance.start", "maintenance.end", "inbound_forward.failed", "email_single.verified", "email_list.verified",
    "bulk_email.completed", "webhook.test",
)  # fmt: skip
REASONS = {
    "activity.hard_bounced": "userunknown",
    "activity.deferred": "expired",
    "activity.suppressed": "suppressed",
}
"""What an event means where its words say nothing."""
SAID = ("readable_reason", "reason", "bounce_reason", "reject_reason", "suppression_reason")


def recognises(body: Any) -> bool:
    """Whether a body is MailerSend's: by a type of its own next to a webhook's or a domain's id of its own."""
    fields = table(body)
    kind = text(fields.get("type"))
    return (kind.startswith("activity.") or kind in SILENT) and ("webhook_id" in fields or "domain_id" in fields)


def read(body: Any) -> Iterator[WebhookEvent]:
    """The event of a body."""
    fields = table(body)
    kind, data = text(fields.get("type")), table(fields.get("data"))
    if kind in EVENTS:
        yield _webhook_event(kind, data, moment(data.get("created_at")) or moment(fields.get("created_at")))
    elif kind in SILENT:
        yield SILENCE


def _webhook_event(kind: str, data: Any, at: float | str | None) -> WebhookEvent:
    email = table(data.get("email"))
    name = address(table(email.get("recipient")).get("email")) or address(data.get("recipient"))
    message = text(table(email.get("message")).get("id")) or text(data.get("message_id"))
    more = {**table(data.get("morph")), **table(data.get("meta"))}
    reply = " ".join(filter(None, (text(more.get("bounce_code")), _said(more))))
    return WebhookEvent(
        EVENTS[kind], name, text(data.get("id")) or f"{message}:{kind}:{name}:{at}", at, reply, "", "",
        REASONS.get(kind, "onhold"), decided=kind == "activity.suppressed",
        temporary=kind in ("activity.soft_bounced", "activity.deferred"), **correlation(data.get("headers"), more),
    )  # fmt: skip


def _said(more: Any) -> str:
    return next((said for name in SAID if (said := text(more.get(name)))), "")
