"""Mailjet's Event API: an object an event, or an array of them where events are grouped.

https://dev.mailjet.com/email/guides/webhooks/
"""

import json
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
    "sent": "delivered", "bounce": "bounce", "blocked": "bounce", "open": "opened", "click": "clicked",
    "spam": "complaint", "unsub": "unsubscribed",
}  # fmt: skip
"""`sent`: the recipient's server has taken it."""
SILENT = ("typofix",)
ERRORS = {
    "user unknown": "userunknown",
    "mailbox inactive": "suspend",
    "quota exceeded": "mailboxfull",
    "blacklisted": "suppressed",
    "spam reporter": "suppressed",
    "invalid domain": "hostunknown",
    "no mail host": "hostunknown",
    "relay/access denied": "norelaying",
    "greylisted": "expired",
    "typofix": "suppressed",
    "sender blocked": "blocked",
    "content blocked": "spamdetected",
    "policy issue": "policyviolation",
    "system issue": "systemerror",
    "protocol issue": "networkerror",
    "connection issue": "networkerror",
    "preblocked": "suppressed",
    "duplicate in campaign": "suppressed",
    "bad or empty template": "contenterror",
    "error in template language": "contenterror",
}
"""The table of errors on that page, by `error`."""
OWN = ("suppressed", "contenterror")
"""What Mailjet itself decided: nobody else had a word."""


def recognises(body: Any) -> bool:
    """Whether a body is Mailjet's: by the campaign's or the contact's number, or by its spelling of the ids."""
    first = first_of(body)
    return "event" in first and ("mj_campaign_id" in first or {"MessageID", "CustomID"} <= first.keys())


def read(body: Any) -> Iterator[WebhookEvent]:
    """The events of a body."""
    for fields in members(body):
        kind = text(fields.get("event"))
        if kind in EVENTS:
            yield _webhook_event(kind, fields)
        elif kind in SILENT:
            yield SILENCE


def _webhook_event(kind: str, fields: Any) -> WebhookEvent:
    name, at = address(fields.get("email")), moment(fields.get("time"))
    identity = f"{text(fields.get('Message_GUID')) or text(fields.get('MessageID'))}:{kind}:{name}:{at}"
    final = kind == "bounce" and fields.get("hard_bounce") is True
    reason = ERRORS.get(text(fields.get("error")).lower(), "userunknown" if final else "onhold")
    return WebhookEvent(
        EVENTS[kind], name, identity, at, text(fields.get("smtp_reply")) or text(fields.get("comment")), "", "",
        reason, decided=kind == "blocked" or reason in OWN, temporary=not final, **_correlation(fields),
    )  # fmt: skip


def _correlation(fields: Any) -> dict[str, Any]:
    """Ours in the payload; else CustomID is the intent's."""
    try:
        payload = table(json.loads(text(fields.get("Payload"))))
    except (ValueError, RecursionError):
        payload = {}
    return correlation(payload, {"intent_id": fields.get("CustomID")})
