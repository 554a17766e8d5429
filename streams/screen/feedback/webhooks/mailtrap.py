"""Mailtrap's webhooks: {"events": […]}, or a line of JSON an event.

https://docs.mailtrap.io/email-api-smtp/advanced/webhooks
"""

from collections.abc import Iterator
from typing import Any

from sidestep.streams.screen.feedback.outcome import Event
from sidestep.streams.screen.feedback.webhooks.event import (
    SILENCE,
    WebhookEvent,
    address,
    correlation,
    first_of,
    members,
    moment,
    table,
    text,
)

EVENTS: dict[str, Event] = {
    "delivery": "delivered", "soft bounce": "bounce", "bounce": "bounce", "suspension": "bounce", "reject": "bounce",
    "open": "opened", "click": "clicked", "spam": "complaint", "spam complaint": "complaint",
    "unsubscribe": "unsubscribed",
}  # fmt: skip
SILENT = ("inbound.message_received",)
CATEGORIES = {
    "badmailbox": "userunknown",
    "inactivemailbox": "suspend",
    "baddomain": "hostunknown",
    "badconfiguration": "systemerror",
    "mailboxfull": "mailboxfull",
    "quotaissue": "mailboxfull",
    "spam": "spamdetected",
    "policy": "policyviolation",
    "dmarc": "authfailure",
    "virus": "virusdetected",
    "timeout": "expired",
}
"""Mailtrap's `bounce_category`, without case, blanks and marks."""
REASONS = {"bounce": "userunknown", "soft bounce": "onhold", "suspension": "onhold", "reject": "suppressed"}
"""`suspension`: Mailtrap holds a sender back; `reject`: it did not try, by its own lists."""


def recognises(body: Any) -> bool:
    """Whether a body is Mailtrap's: by the stream it was sent in, which nobody else names so, or by its inbox."""
    first = first_of(_events(body))
    return "event" in first and "message_id" in first and ("sending_stream" in first or "inbox_id" in first)


def read(body: Any) -> Iterator[WebhookEvent]:
    """The events of a body."""
    for fields in members(_events(body)):
        kind = text(fields.get("event"))
        if kind in EVENTS:
            yield _webhook_event(kind, fields)
        elif kind in SILENT:
            yield SILENCE


def _events(body: Any) -> Any:
    return table(body).get("events", body)


def _webhook_event(kind: str, fields: Any) -> WebhookEvent:
    name, at = address(fields.get("email")), moment(fields.get("timestamp"))
    identity = text(fields.get("event_id")) or f"{text(fields.get('message_id'))}:{kind}:{name}:{at}"
    code, said = text(fields.get("response_code")), text(fields.get("response")) or text(fields.get("reason"))
    return WebhookEvent(
        EVENTS[kind], name, identity, at, f"{code} {said}".strip() if not said.startswith(code or "-") else said,
        "", "", CATEGORIES.get(_plain(fields.get("bounce_category")), REASONS.get(kind, "")),
        decided=kind in ("reject", "suspension"), temporary=kind != "bounce",
        **correlation(fields.get("custom_variables")),
    )  # fmt: skip


def _plain(category: Any) -> str:
    return "".join(filter(str.isalpha, text(category).lower()))
