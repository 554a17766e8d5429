"""Amazon SES's notifications: through SNS (envelope) or bare, `notificationType` (old) and `eventType` (new).

https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html and event-publishing-retrieving-sns-contents.html
"""

import json
from collections.abc import Iterator
from typing import Any

from sidestep.streams.screen.feedback.arf import event_of
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
CONFIRMATIONS = ("SubscriptionConfirmation", "UnsubscribeConfirmation")


def recognises(body: Any) -> bool:
    """Whether a body is SES's: by the envelope of SNS, or by a `mail` next to the type of an event."""
    fields = table(body)
    if "TopicArn" in fields or fields.get("Type") in ("Notification", *CONFIRMATIONS):
        return True
    return "mail" in fields and ("notificationType" in fields or "eventType" in fields)


def read(body: Any) -> Iterator[WebhookEvent]:
    """The events of a notification; nothing for SNS's own questions and for what was merely sent."""
    fields = table(body)
    if "Message" in fields and "mail" not in fields:
        fields = _inside(fields)
    kind = text(fields.get("notificationType") or fields.get("eventType"))
    reader = READERS.get(kind)
    if reader:
        yield from reader(fields, table(fields.get("mail")))


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


def _bounces(fields: Any, mail: Any) -> Iterator[WebhookEvent]:
    bounce = table(fields.get("bounce"))
    subtype, kind = text(bounce.get("bounceSubType")), text(bounce.get("bounceType"))
    reason = SUBTYPES.get(subtype, "userunknown" if kind == "Permanent" else "")
    for recipient in map(table, items(bounce.get("bouncedRecipients"))):
        name = address(recipient.get("emailAddress"))
        yield WebhookEvent(
            "bounce", name, f"{text(bounce.get('feedbackId')) or text(mail.get('messageId'))}:{name}",
            moment(bounce.get("timestamp")), _diagnostic(recipient), text(recipient.get("status")), "", reason,
            reason == "suppressed", **_common(mail),
        )  # fmt: skip


def _diagnostic(recipient: Any) -> str:
    said = text(recipient.get("diagnosticCode"))
    return said.partition(";")[2].strip() if said[:20].lower().startswith(("smtp;", "x-")) else said


def _complaints(fields: Any, mail: Any) -> Iterator[WebhookEvent]:
    complaint = table(fields.get("complaint"))
    event = event_of(text(complaint.get("complaintFeedbackType")) or "abuse")
    for recipient in map(table, items(complaint.get("complainedRecipients"))):
        name = address(recipient.get("emailAddress"))
        identity = f"{text(complaint.get('feedbackId')) or text(mail.get('messageId'))}:{name}"
        yield WebhookEvent(event or "complaint", name, identity, moment(complaint.get("timestamp")), **_common(mail))


def _deliveries(fields: Any, mail: Any) -> Iterator[WebhookEvent]:
    delivery = table(fields.get("delivery"))
    for value in items(delivery.get("recipients")) or items(mail.get("destination")):
        name = address(value)
        yield WebhookEvent(
            "delivered", name, f"{text(mail.get('messageId'))}:delivery:{name}", moment(delivery.get("timestamp")),
            text(delivery.get("smtpResponse")), **_common(mail),
        )  # fmt: skip


def _delays(fields: Any, mail: Any) -> Iterator[WebhookEvent]:
    delay = table(fields.get("deliveryDelay"))
    reason = DELAYS.get(text(delay.get("delayType")), "expired")
    for recipient in map(table, items(delay.get("delayedRecipients"))):
        name = address(recipient.get("emailAddress"))
        at = moment(delay.get("timestamp"))
        yield WebhookEvent(
            "bounce", name, f"{text(mail.get('messageId'))}:delay:{name}:{at}", at, _diagnostic(recipient),
            text(recipient.get("status")), "", reason, temporary=True, **_common(mail),
        )  # fmt: skip


def _rejects(fields: Any, mail: Any) -> Iterator[WebhookEvent]:
    """Messages that SES itself did not take: a virus, or a template that does not render. No mailbox is to blame."""
    said = table(fields.get("reject")).get("reason") or table(fields.get("failure")).get("errorMessage")
    reason = "virusdetected" if "reject" in fields else "contenterror"
    for value in items(mail.get("destination")):
        name = address(value)
        identity, at = f"{text(mail.get('messageId'))}:reject:{name}", moment(mail.get("timestamp"))
        yield WebhookEvent("bounce", name, identity, at, text(said), reason=reason, decided=True, **_common(mail))


def _engagements(fields: Any, mail: Any) -> Iterator[WebhookEvent]:
    event: Event = "opened" if "open" in fields else "clicked"
    key = "open" if "open" in fields else "click"
    at = moment(table(fields.get(key)).get("timestamp"))
    for value in items(mail.get("destination")):
        name = address(value)
        yield WebhookEvent(event, name, f"{text(mail.get('messageId'))}:{key}:{name}:{at}", at, **_common(mail))


def _subscriptions(fields: Any, mail: Any) -> Iterator[WebhookEvent]:
    subscription = table(fields.get("subscription"))
    wanted = table(subscription.get("newTopicPreferences"))
    for value in items(mail.get("destination")) if wanted.get("unsubscribeAll") is True else []:
        name = address(value)
        at = moment(subscription.get("timestamp"))
        yield WebhookEvent(
            "unsubscribed", name, f"{text(mail.get('messageId'))}:unsubscribe:{name}", at, **_common(mail)
        )


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
