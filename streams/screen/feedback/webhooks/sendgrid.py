"""Twilio SendGrid's event webhook: an array of events; custom arguments stand beside the event's own fields.

https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event
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

EVENTS: dict[str, Event] = {
    "bounce": "bounce", "blocked": "bounce", "deferred": "bounce", "dropped": "bounce", "delivered": "delivered",
    "open": "opened", "click": "clicked", "spamreport": "complaint", "unsubscribe": "unsubscribed",
    "group_unsubscribe": "unsubscribed",
}  # fmt: skip
CLASSES = {
    "Invalid Address": "userunknown",
    "Mailbox Unavailable": "mailboxfull",
    "Reputation": "badreputation",
    "Content": "spamdetected",
    "Frequency/Volume": "speeding",
    "Frequency or Volume Too High": "speeding",
    "Technical": "networkerror",
}
DROPS = ("Bounced Address", "Unsubscribed Address", "Spam Reporting Address", "Recipient List over Package Quota")


def recognises(body: Any) -> bool:
    """Whether a body is SendGrid's: an array of objects with `email` and `event`, or one such object with its ids."""
    first = table(next(iter(items(body)), None)) if isinstance(body, list) else table(body)
    ids = "sg_event_id" in first or "sg_message_id" in first
    return "event" in first and "email" in first and (ids or isinstance(body, list))


def read(body: Any) -> Iterator[WebhookEvent]:
    """The events of a body that say something; `processed` and an open by a machine do not."""
    for fields in map(table, items(body) if isinstance(body, list) else [body]):
        kind = text(fields.get("event"))
        if kind in EVENTS and not (kind == "open" and fields.get("sg_machine_open") is True):
            yield _webhook_event(kind, fields)


def _webhook_event(kind: str, fields: Any) -> WebhookEvent:
    name, reply = address(fields.get("email")), text(fields.get("reason")) or text(fields.get("response"))
    at, dropped = moment(fields.get("timestamp")), kind == "dropped"
    identity = text(fields.get("sg_event_id")) or f"{text(fields.get('sg_message_id'))}:{kind}:{name}:{at}"
    return WebhookEvent(
        EVENTS[kind], name, identity, at, reply, text(fields.get("status")), "",
        _category(kind, reply, fields), decided=dropped, temporary=kind == "deferred", **correlation(fields),
    )  # fmt: skip


def _category(kind: str, reply: str, fields: Any) -> str:
    if kind == "dropped":
        if reply.startswith(DROPS):
            return "suppressed"
        return "userunknown" if reply.startswith("Invalid") else "policyviolation"
    if kind == "deferred":
        return "expired"
    blocked = kind == "blocked" or text(fields.get("type")) == "blocked"
    return CLASSES.get(text(fields.get("bounce_classification")), "blocked" if blocked else "userunknown")
