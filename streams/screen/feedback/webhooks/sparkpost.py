"""SparkPost's (Bird's) webhooks: an array of {"msys": {"message_event": {…}}}.

https://developers.sparkpost.com/api/webhooks/ and https://support.sparkpost.com/docs/deliverability/bounce-classification-codes
"""

from collections.abc import Iterator
from typing import Any

from sidestep.streams.screen.feedback.arf import event_of
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
    "bounce": "bounce",
    "out_of_band": "bounce",
    "delay": "bounce",
    "policy_rejection": "bounce",
    "generation_failure": "bounce",
    "generation_rejection": "bounce",
    "delivery": "delivered",
    "spam_complaint": "complaint",
    "open": "opened",
    "initial_open": "opened",
    "click": "clicked",
    "amp_open": "opened",
    "amp_initial_open": "opened",
    "amp_click": "clicked",
    "list_unsubscribe": "unsubscribed",
    "link_unsubscribe": "unsubscribed",
}
SILENT = (
    "injection", "sms_status", "relay_injection", "relay_rejection", "relay_delivery", "relay_tempfail",
    "relay_permfail", "ab_test_completed", "ab_test_cancelled", "success", "error",
)  # fmt: skip
"""Accepted by SparkPost, no mail of ours, or its own affairs."""
CLASSES = {
    "10": "userunknown",
    "30": "userunknown",
    "90": "",
    "20": "onhold",
    "21": "networkerror",
    "22": "mailboxfull",
    "23": "mesgtoobig",
    "24": "expired",
    "25": "suppressed",
    "26": "suppressed",
    "40": "onhold",
    "50": "blocked",
    "51": "blocked",
    "52": "spamdetected",
    "53": "policyviolation",
    "54": "norelaying",
    "60": "vacation",
    "80": "silent",
    "70": "expired",
    "100": "filtered",
}
NO_BOUNCES: dict[str, Event] = {"60": "", "80": "", "90": "unsubscribed"}
"""Classes of out-of-band replies that are none: autoreply, subscription, unsubscription."""
REFUSED_BY_THEM = ("policy_rejection", "generation_failure", "generation_rejection")


def recognises(body: Any) -> bool:
    """Whether a body is SparkPost's: by `msys`."""
    return isinstance(first_of(body).get("msys"), dict)


def read(body: Any) -> Iterator[WebhookEvent]:
    """The events of a body that say something of delivery or of a person."""
    for item in members(body):
        for fields in map(table, table(item.get("msys")).values()):
            kind = text(fields.get("type"))
            if kind in EVENTS:
                yield _webhook_event(kind, fields)
            elif kind in SILENT:
                yield SILENCE


def _webhook_event(kind: str, fields: Any) -> WebhookEvent:
    name = address(fields.get("rcpt_to")) or address(fields.get("raw_rcpt_to"))
    category, at = text(fields.get("bounce_class")), moment(fields.get("timestamp"))
    identity = text(fields.get("event_id")) or f"{text(fields.get('message_id'))}:{kind}:{name}:{at}"
    reason = CLASSES.get(category, "expired" if kind == "delay" else "onhold")
    if kind in REFUSED_BY_THEM and reason == "onhold":
        reason = "policyviolation"
    return WebhookEvent(
        _event(kind, category, fields), name, identity, at,
        text(fields.get("raw_reason")) or text(fields.get("reason")), "", "", reason,
        decided=kind in REFUSED_BY_THEM or category in ("25", "26", "60"), temporary=kind == "delay",
        **correlation(fields.get("rcpt_meta"), fields.get("rcpt_tags")),
    )  # fmt: skip


def _event(kind: str, category: str, fields: Any) -> Event:
    if kind == "spam_complaint":
        return "not-spam" if event_of(text(fields.get("fbtype"))) == "not-spam" else "complaint"
    if EVENTS[kind] == "bounce":
        return NO_BOUNCES.get(category, "bounce")
    return EVENTS[kind]
