"""Postmark's webhooks, told by `RecordType`.

https://postmarkapp.com/developer/webhooks/webhooks-overview and /developer/api/bounce-api#bounce-types
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

TYPES = {
    "HardBounce": "userunknown",
    "BadEmailAddress": "userunknown",
    "SoftBounce": "onhold",
    "Transient": "expired",
    "DnsError": "networkerror",
    "SpamNotification": "spamdetected",
    "Blocked": "blocked",
    "DMARCPolicy": "authfailure",
    "AddressChange": "hasmoved",
    "VirusNotification": "virusdetected",
    "ManuallyDeactivated": "suppressed",
    "SMTPApiError": "systemerror",
    "InboundError": "systemerror",
    "TemplateRenderingFailed": "contenterror",
    "Unconfirmed": "onhold",
    "Unknown": "onhold",
    "ChallengeVerification": "filtered",
}
NO_BOUNCES: dict[str, Event] = {
    "AutoResponder": "",
    "OpenRelayTest": "",
    "Subscribe": "",
    "Unsubscribe": "unsubscribed",
    "SpamComplaint": "complaint",
}
SILENT = ("Inbound",)
IDS = ("MessageID", "ServerID", "MessageStream", "ID")
DECIDED = ("ManuallyDeactivated", "TemplateRenderingFailed", "DMARCPolicy")


def recognises(body: Any) -> bool:
    """Whether a body is Postmark's: by a `RecordType` of its own, next to one of its ids."""
    fields = table(body)
    known = text(fields.get("RecordType")) in READERS or text(fields.get("RecordType")) in SILENT
    return known and any(id in fields for id in IDS)


def read(body: Any) -> Iterator[WebhookEvent]:
    """The event of a body; autoresponders and inbound mail say nothing."""
    fields = table(body)
    reader = READERS.get(text(fields.get("RecordType")))
    if reader:
        yield from reader(fields)
    elif text(fields.get("RecordType")) in SILENT:
        yield SILENCE


def _bounce(fields: Any) -> Iterator[WebhookEvent]:
    kind, name = text(fields.get("Type")), address(fields.get("Email"))
    identity = f"bounce:{text(fields.get('ID')) or text(fields.get('MessageID')) + kind + name}"
    at, metadata = moment(fields.get("BouncedAt")), correlation(fields.get("Metadata"))
    if kind in NO_BOUNCES:
        yield WebhookEvent(
            NO_BOUNCES[kind], name, identity, at, reason="" if NO_BOUNCES[kind] else "vacation", **metadata
        )
        return
    reply = text(fields.get("Details")) or text(fields.get("Description"))
    yield WebhookEvent(
        "bounce", name, identity, at, _server(reply), reason=TYPES.get(kind, "onhold"), decided=kind in DECIDED,
        temporary=kind == "Transient", **metadata,
    )  # fmt: skip


def _server(reply: str) -> str:
    return reply[5:] if reply.startswith(("smtp;", "SMTP;")) else reply


def _complaint(fields: Any) -> Iterator[WebhookEvent]:
    name = address(fields.get("Email"))
    identity = f"complaint:{text(fields.get('ID')) or text(fields.get('MessageID'))}:{name}"
    yield WebhookEvent(
        "complaint", name, identity, moment(fields.get("BouncedAt")), **correlation(fields.get("Metadata"))
    )


def _delivery(fields: Any) -> Iterator[WebhookEvent]:
    name = address(fields.get("Recipient"))
    identity = f"{text(fields.get('MessageID'))}:delivery:{name}"
    said = text(fields.get("Details"))
    yield WebhookEvent(
        "delivered", name, identity, moment(fields.get("DeliveredAt")), said, **correlation(fields.get("Metadata"))
    )


def _open(fields: Any) -> Iterator[WebhookEvent]:
    event: Event = "opened" if fields.get("RecordType") == "Open" else "clicked"
    name, at = address(fields.get("Recipient")), text(fields.get("ReceivedAt"))
    identity = f"{text(fields.get('MessageID'))}:{event}:{name}:{at}"
    yield WebhookEvent(event, name, identity, moment(at), **correlation(fields.get("Metadata")))


def _subscription(fields: Any) -> Iterator[WebhookEvent]:
    """What a recipient asked for: bounces and complaints that suppress, Postmark has told before; what an operator or
    a program did says nothing of him."""
    suppressed, why = fields.get("SuppressSending") is True, text(fields.get("SuppressionReason"))
    wanted = not suppressed and text(fields.get("Origin")) == "Recipient"
    if not wanted and not (suppressed and why == "ManualSuppression"):
        yield SILENCE
        return
    event: Event = "subscribed" if wanted else "unsubscribed"
    name, at = address(fields.get("Recipient")), text(fields.get("ChangedAt"))
    identity = f"{text(fields.get('MessageID'))}:{event.removesuffix('d')}:{name}:{at}"
    yield WebhookEvent(event, name, identity, moment(at), **correlation(fields.get("Metadata")))


READERS = {
    "Bounce": _bounce,
    "SpamComplaint": _complaint,
    "Delivery": _delivery,
    "Open": _open,
    "Click": _open,
    "SubscriptionChange": _subscription,
}
