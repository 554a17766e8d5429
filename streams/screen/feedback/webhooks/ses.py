"""Amazon SES's notifications: through SNS (envelope) or bare, `notificationType` (old) and `eventType` (new).

https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html and event-publishing-retrieving-sns-contents.html
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sidestep.streams.screen.feedback.arf import event_of
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

SUBTYPES = {
    "NoEmail": "userunknown",
    "MailboxFull": "mailboxfull",
    "MessageTooLarge": "mesgtoobig",
    "ContentRejected": "contenterror",
    "AttachmentRejected": "securityerror",
    "Suppressed": "suppressed",
    "OnAccountSuppressionList": "suppressed",
    "UnsubscribedRecipient": "suppressed",
}
DELAYS = {"MailboxFull": "mailboxfull", "SpamDetected": "spamdetected", "IPFailure": "blocked"}
SILENT = ("Send", "Received", "AmazonSnsSubscriptionSucceeded")
"""Accepted by SES, mail to us, and its test of a topic."""
CONFIRMATIONS = ("SubscriptionConfirmation", "UnsubscribeConfirmation")


def recognises(body: Any) -> bool:
    """Whether a body is SES's: by the envelope of SNS or of EventBridge, or by a `mail` with its id next to the type of
    an event."""
    fields = table(body)
    if text(fields.get("TopicArn")).startswith("arn:") or fields.get("Type") in CONFIRMATIONS:
        return True
    fields = _of_bridge(fields)
    return "messageId" in table(fields.get("mail")) and ("notificationType" in fields or "eventType" in fields)


def read(body: Any) -> Iterator[WebhookEvent]:
    """The events of a notification; nothing for SNS's own questions and for what was merely sent."""
    fields = table(body)
    if "Message" in fields and "mail" not in fields:
        fields = _inside(fields)
    fields = _of_bridge(fields)
    kind = text(fields.get("notificationType") or fields.get("eventType"))
    reader = READERS.get(kind)
    if reader:
        mail = table(fields.get("mail"))
        yield from reader(fields, mail, _common(mail))
    elif kind in SILENT:
        yield SILENCE


def _of_bridge(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """The event in EventBridge's envelope, or the same fields."""
    return table(fields.get("detail")) if fields.get("source") == "aws.ses" else fields


def _inside(envelope: Any) -> Any:
    try:
        return table(json.loads(text_of(envelope.get("Message")), strict=False))
    except (ValueError, RecursionError):
        return {}


def text_of(value: Any) -> str:
    """The notification as SNS wraps it: JSON in a string, or raw."""
    return value if isinstance(value, str) else json.dumps(value)


def _common(mail: Any) -> dict[str, Any]:
    return correlation(mail.get("headers"), mail.get("tags"))


def _bounces(fields: Any, mail: Any, common: dict[str, Any]) -> Iterator[WebhookEvent]:
    bounce = table(fields.get("bounce"))
    subtype, kind = text(bounce.get("bounceSubType")), text(bounce.get("bounceType"))
    reason = SUBTYPES.get(subtype, "userunknown" if kind == "Permanent" else "")
    for recipient in map(table, items(bounce.get("bouncedRecipients"))):
        name = address(recipient.get("emailAddress"))
        yield WebhookEvent(
            "bounce", name, f"{text(bounce.get('feedbackId')) or text(mail.get('messageId'))}:{name}",
            moment(bounce.get("timestamp")), _diagnostic(recipient), text(recipient.get("status")), "", reason,
            reason == "suppressed", **common,
        )  # fmt: skip


def _diagnostic(recipient: Any) -> str:
    said = text(recipient.get("diagnosticCode"))
    return said.partition(";")[2].strip() if said[:20].lower().startswith(("smtp;", "x-")) else said


def _complaints(fields: Any, mail: Any, common: dict[str, Any]) -> Iterator[WebhookEvent]:
    complaint = table(fields.get("complaint"))
    event = event_of(text(complaint.get("complaintFeedbackType")) or "abuse")
    reason = "" if event else "authfailure"  # a report on authentication, RFC 6591
    if text(complaint.get("complaintSubType")) == "OnAccountSuppressionList":
        event, reason = "bounce", "suppressed"  # SES did not send it, and nobody complained of it
    for recipient in map(table, items(complaint.get("complainedRecipients"))):
        name = address(recipient.get("emailAddress"))
        identity = f"{text(complaint.get('feedbackId')) or text(mail.get('messageId'))}:{name}"
        at = moment(complaint.get("timestamp"))
        yield WebhookEvent(event, name, identity, at, reason=reason, decided=True, **common)


def _deliveries(fields: Any, mail: Any, common: dict[str, Any]) -> Iterator[WebhookEvent]:
    delivery = table(fields.get("delivery"))
    for value in items(delivery.get("recipients")) or items(mail.get("destination")):
        name = address(value)
        yield WebhookEvent(
            "delivered", name, f"{text(mail.get('messageId'))}:delivery:{name}", moment(delivery.get("timestamp")),
            text(delivery.get("smtpResponse")), **common,
        )  # fmt: skip


def _delays(fields: Any, mail: Any, common: dict[str, Any]) -> Iterator[WebhookEvent]:
    delay = table(fields.get("deliveryDelay"))
    reason = DELAYS.get(text(delay.get("delayType")), "expired")
    for recipient in map(table, items(delay.get("delayedRecipients"))):
        name = address(recipient.get("emailAddress"))
        at = moment(delay.get("timestamp"))
        yield WebhookEvent(
            "bounce", name, f"{text(mail.get('messageId'))}:delay:{name}:{at}", at, _diagnostic(recipient),
            text(recipient.get("status")), "", reason, temporary=True, **common,
        )  # fmt: skip


def _rejects(fields: Any, mail: Any, common: dict[str, Any]) -> Iterator[WebhookEvent]:
    """Messages that SES itself did not take: a virus, or a template that does not render. No mailbox is to blame."""
    said = table(fields.get("reject")).get("reason") or table(fields.get("failure")).get("errorMessage")
    reason = "virusdetected" if "reject" in fields else "contenterror"
    for value in items(mail.get("destination")):
        name = address(value)
        identity, at = f"{text(mail.get('messageId'))}:reject:{name}", moment(mail.get("timestamp"))
        yield WebhookEvent("bounce", name, identity, at, text(said), reason=reason, decided=True, **common)


def _engagements(fields: Any, mail: Any, common: dict[str, Any]) -> Iterator[WebhookEvent]:
    event: Event = "opened" if "open" in fields else "clicked"
    key = "open" if "open" in fields else "click"
    at = moment(table(fields.get(key)).get("timestamp"))
    for value in items(mail.get("destination")):
        name = address(value)
        yield WebhookEvent(event, name, f"{text(mail.get('messageId'))}:{key}:{name}:{at}", at, **common)


def _subscriptions(fields: Any, mail: Any, common: dict[str, Any]) -> Iterator[WebhookEvent]:
    subscription = table(fields.get("subscription"))
    before, after = (
        table(subscription.get(name)).get("unsubscribeAll") for name in ("oldTopicPreferences", "newTopicPreferences")
    )
    event: Event = "unsubscribed" if after is True else "subscribed"
    for value in items(mail.get("destination")) if after is True or (before is True and after is False) else []:
        name, at = address(value), moment(subscription.get("timestamp"))
        identity = f"{text(mail.get('messageId'))}:{event[:-1]}:{name}"
        yield WebhookEvent(event, name, identity + (f":{at}" if event == "subscribed" else ""), at, **common)
    if after is not True and before is not True:
        yield SILENCE  # of topics, which are no streams of ours


READERS = {
    "Bounce": _bounces,
    "Complaint": _complaints,
    "Delivery": _deliveries,
    "DeliveryDelay": _delays,
    "Reject": _rejects,
    "Rendering Failure": _rejects,
    "Open": _engagements,
    "Click": _engagements,
    "Subscription": _subscriptions,
}
