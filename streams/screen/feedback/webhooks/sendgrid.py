"""Twilio SendGrid's event webhook: an array of events; custom arguments stand beside the event's own fields.

https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event
"""

from collections.abc import Iterator
from typing import Any

from sidestep.streams.screen.feedback.outcome import Event
from sidestep.streams.screen.feedback.webhooks.event import (
    SILENCE,
    WebhookEvent,
    address,
    correlation,
    members,
    moment,
    text,
)

EVENTS: dict[str, Event] = {
    "bounce": "bounce", "blocked": "bounce", "deferred": "bounce", "dropped": "bounce", "delivered": "delivered",
    "open": "opened", "click": "clicked", "spamreport": "complaint", "unsubscribe": "unsubscribed",
    "group_unsubscribe": "unsubscribed", "group_resubscribe": "subscribed",
}  # fmt: skip
SILENT = ("processed", "account_status_change")
"""Accepted by SendGrid, and news of our own account."""
IDS = ("sg_event_id", "sg_message_id", "smtp-id")
CLASSES = {
    "Invalid Address": "userunknown",
    "Mailbox Unavailable": "mailboxfull",
    "Reputation": "badreputation",
    "Content": "spamdetected",
    "Frequency/Volume": "speeding",
    "Frequency or Volume Too High": "speeding",
    "Technical": "networkerror",
    "Unclassified": "onhold",
}
DROPS = ("Bounced Address", "Unsubscribed Address", "Spam Reporting Address", "Recipient List over Package Quota")


def recognises(body: Any) -> bool:
    """Whether a body is SendGrid's: an array of events, or one, with ids of its own."""
    return any("event" in fields and any(id in fields for id in IDS) for fields in members(body))


def read(body: Any) -> Iterator[WebhookEvent]:
    """The events of a body that have SendGrid's ids. An open by a machine says nothing."""
    for fields in members(body):
        kind = text(fields.get("event")) if any(id in fields for id in IDS) else ""
        if kind in SILENT or (kind == "open" and fields.get("sg_machine_open") is True):
            yield SILENCE
        elif kind in EVENTS:
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
