"""KumoMTA's log records, as it writes them to files (a line a record), to a webhook or to Kafka.

https://docs.kumomta.com/reference/log_record/
"""

from collections.abc import Iterator
from typing import Any

from sidestep.streams.screen.feedback.arf import event_of
from sidestep.streams.screen.feedback.origin import verp
from sidestep.streams.screen.feedback.outcome import Event
from sidestep.streams.screen.feedback.webhooks.event import (
    SILENCE,
    WebhookEvent,
    address,
    correlation,
    first_of,
    items,
    members,
    moment,
    table,
    text,
)

EVENTS: dict[str, Event] = {
    "Delivery": "delivered", "Bounce": "bounce", "TransientFailure": "bounce", "Expiration": "bounce",
    "AdminBounce": "bounce", "OOB": "bounce", "Feedback": "complaint",
}  # fmt: skip
SILENT = (
    "Reception", "Rejection", "Delay", "DeferredInjectionRebind", "AdminRebind", "XferOut", "XferIn",
)  # fmt: skip
"""What it took from us, did not take from us, or moved about: nobody's server has answered."""
CLASSES = {
    "InvalidRecipient": "userunknown",
    "InactiveMailbox": "suspend",
    "BadDomain": "hostunknown",
    "QuotaIssues": "mailboxfull",
    "InvalidSender": "rejected",
    "NoAnswerFromHost": "networkerror",
    "BadConnection": "networkerror",
    "DNSFailure": "networkerror",
    "RoutingErrors": "networkerror",
    "RelayDenied": "norelaying",
    "TransientFailure": "expired",
    "MessageExpired": "expired",
    "ProtocolErrors": "mailererror",
    "AuthenticationFailed": "authfailure",
    "PolicyRelated": "policyviolation",
    "SpamBlock": "blocked",
    "SpamContent": "spamdetected",
    "VirusRelated": "virusdetected",
    "ProhibitedAttachment": "securityerror",
    "MessageTooLarge": "mesgtoobig",
    "TooManyRecipients": "toomanyconn",
    "BadConfiguration": "systemerror",
    "AutoReply": "vacation",
}
"""`bounce_classification`, as its shipped rules name the classes (assets/bounce_classifier/iana.toml there)."""
MARKS = ("nodeid", "egress_pool", "bounce_classification", "num_attempts", "site")
REASONS = {"Bounce": "onhold", "TransientFailure": "expired", "Expiration": "expired", "AdminBounce": "systemerror"}
"""`AdminBounce`: an operator of ours threw it out."""


def recognises(body: Any) -> bool:
    """Whether a body is KumoMTA's: by a type of record next to a queue and what else only its records have."""
    first = first_of(body)
    kind = text(first.get("type"))
    return (kind in EVENTS or kind in SILENT) and "queue" in first and any(name in first for name in MARKS)


def read(body: Any) -> Iterator[WebhookEvent]:
    """The events of one record or several."""
    for fields in members(body):
        kind = text(fields.get("type"))
        if kind == "Feedback":
            yield from _complaints(fields)
        elif kind in EVENTS:
            common = _correlation(fields)
            yield from (_webhook_event(kind, address(name), fields, common) for name in _recipients(fields))
        elif kind in SILENT:
            yield SILENCE


def _recipients(fields: Any) -> list[Any]:
    """One address, or several of one transaction."""
    return items(fields.get("recipient")) or [fields.get("recipient")]


def _webhook_event(kind: str, name: str, fields: Any, common: dict[str, Any]) -> WebhookEvent:
    response, category = table(fields.get("response")), text(fields.get("bounce_classification"))
    at = moment(fields.get("timestamp"))
    identity = f"{text(fields.get('id'))}:{kind}:{name}" + (f":{at}" if kind == "TransientFailure" else "")
    return WebhookEvent(
        EVENTS[kind], name, identity, at, _reply(response), _status(table(response.get("enhanced_code"))),
        text(table(fields.get("peer_address")).get("name")).rstrip(".").lower(),
        CLASSES.get(category, REASONS.get(kind, "onhold")) if kind != "AdminBounce" else REASONS[kind],
        decided=kind == "AdminBounce", temporary=kind == "TransientFailure", **common,
    )  # fmt: skip


def _reply(response: Any) -> str:
    return f"{text(response.get('code'))} {text(response.get('content'))}".strip()


def _status(code: Any) -> str:
    parts = [text(code.get(name)) for name in ("class", "subject", "detail")]
    return ".".join(parts) if all(parts) else ""


def _complaints(fields: Any) -> Iterator[WebhookEvent]:
    """The recipients of a feedback report; none where its sender took them out."""
    report = table(fields.get("feedback_report"))
    event = event_of(text(report.get("feedback_type")) or "abuse")
    more = table(report.get("extensions"))
    sender = text(report.get("original_mail_from"))
    traced = table(report.get("supplemental_trace")).get("recipient") or verp(sender).recipient
    common = _correlation(fields, sender)
    for value in items(report.get("original_rcpto_to")) or items(more.get("removal-recipient")) or [traced]:
        name = address(value)
        identity, at = f"{text(fields.get('id'))}:Feedback:{name}", moment(fields.get("timestamp"))
        yield WebhookEvent(event, name, identity, at, **common)


def _correlation(fields: Any, sender: str = "") -> dict[str, Any]:
    """Ours in the logged metadata and header fields; else what the envelope's sender says (VERP)."""
    found = correlation(fields.get("meta"), fields.get("headers"))
    way = verp(sender or text(fields.get("sender")))
    return found | {"intent_id": found["intent_id"] or way.intent_id, "token": found["token"] or way.token}
