"""Webhook bodies as the providers document them: one event each, in our vocabulary, once."""

import json
from typing import Any

import pytest

from sidestep.streams.screen.feedback.outcome import Outcome
from sidestep.streams.screen.feedback.parse import parse

Body = dict[str, Any]

TOKEN = "5165b9ff2c3d4e5f60718293a4b5c6"
MAIL = {
    "timestamp": "2024-05-06T07:08:09.000Z",
    "source": "shiro@example.org",
    "messageId": "0100018f-m1",
    "destination": ["kuro@example.net"],
    "headers": [{"name": "X-Sidestep-Intent", "value": "order-17"}, {"name": "X-Sidestep-Token", "value": TOKEN}],
    "tags": {"sidestep_service": ["shop"]},
}


def ses(kind: str, generation: str = "eventType", **event: object) -> Body:
    """An SES event, bare."""
    return {generation: kind, "mail": MAIL, **event}


def sns(body: Body) -> Body:
    """The same in SNS's envelope."""
    return {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": "arn:aws:sns:us-west-2:123456789012:ses",
        "Message": json.dumps(body),
        "Timestamp": "2024-05-06T07:08:10.000Z",
        "SignatureVersion": "1",
    }


def ses_bounce(kind: str, subtype: str, **recipient: str) -> Body:
    """The `bounce` of an SES event."""
    return {
        "bounceType": kind,
        "bounceSubType": subtype,
        "bouncedRecipients": [{"emailAddress": "kuro@example.net", "action": "failed", **recipient}],
        "timestamp": "2024-05-06T07:08:09.500Z",
        "feedbackId": "0100018f-f1",
        "reportingMTA": "dns; a8-31.smtp-out.amazonses.com",
    }


UNKNOWN = {"status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 user unknown"}
BLOCKED = {"status": "5.7.1", "diagnosticCode": "smtp; 554 5.7.1 Client host blocked using zen.spamhaus.org"}
COMPLAINED = {"complainedRecipients": [{"emailAddress": "kuro@example.net"}], "feedbackId": "f2"}
SENDGRID = {
    "email": "kuro@example.net",
    "timestamp": 1714979289,
    "sg_event_id": "ev1",
    "sg_message_id": "m1",
    "intent_id": "order-17",
    "sidestep_token": TOKEN,
}
MAILGUN = {
    "id": "ev1",
    "timestamp": 1714979289.5,
    "recipient": "kuro@example.net",
    "user-variables": {"intent_id": "order-17", "sidestep_token": TOKEN},
    "message": {"headers": {"message-id": "m1@example.org"}},
}
POSTMARK = {"MessageID": "m1", "Metadata": {"intent_id": "order-17", "sidestep_token": TOKEN}}
SPARKPOST = {
    "event_id": "ev1",
    "message_id": "m1",
    "rcpt_to": "kuro@example.net",
    "timestamp": "1714979289",
    "rcpt_meta": {"intent_id": "order-17", "sidestep_token": TOKEN},
}
RESEND = {"email_id": "m1", "to": ["kuro@example.net"], "tags": {"intent_id": "order-17", "sidestep_token": TOKEN}}


def sendgrid(event: str, **fields: object) -> list[Body]:
    """One SendGrid event."""
    return [SENDGRID | {"event": event} | fields]


def mailgun(event: str, **fields: object) -> Body:
    """One Mailgun event."""
    signature = {"timestamp": "1714979290", "token": "t", "signature": "s"}
    return {"signature": signature, "event-data": MAILGUN | {"event": event} | fields}


def sparkpost(event: str, family: str = "message_event", **fields: object) -> list[Body]:
    """One SparkPost event."""
    return [{"msys": {family: SPARKPOST | {"type": event} | fields}}]


def resend(event: str, **fields: object) -> Body:
    """One Resend event."""
    return {"type": event, "created_at": "2024-05-06T07:08:09.000Z", "data": RESEND | fields}


# body, kind, event, reason, hard
EVENTS = {
    "ses bounce, in SNS, new": (
        sns(ses("Bounce", bounce=ses_bounce("Permanent", "General", **UNKNOWN))),
        "bounce", "bounce", "userunknown", True,
    ),
    "ses bounce, bare, old": (
        ses("Bounce", "notificationType", bounce=ses_bounce("Permanent", "General", **UNKNOWN)),
        "bounce", "bounce", "userunknown", True,
    ),
    "ses bounce that is a block of ours": (
        ses("Bounce", bounce=ses_bounce("Permanent", "General", **BLOCKED)), "bounce", "bounce", "blocked", False,
    ),
    "ses bounce without words": (
        ses("Bounce", bounce=ses_bounce("Transient", "MailboxFull")), "bounce", "bounce", "mailboxfull", False,
    ),
    "ses suppressed": (
        ses("Bounce", bounce=ses_bounce("Permanent", "OnAccountSuppressionList", **UNKNOWN)),
        "bounce", "bounce", "suppressed", False,
    ),
    "ses complaint": (ses("Complaint", complaint=COMPLAINED), "complaint", "complaint", "feedback", False),
    "ses complaint taken back": (
        ses("Complaint", complaint=COMPLAINED | {"complaintFeedbackType": "not-spam"}),
        "complaint", "not-spam", "feedback", False,
    ),
    "ses delivery": (
        ses("Delivery", delivery={"recipients": ["kuro@example.net"], "smtpResponse": "250 2.6.0 ok"}),
        "delivered", "delivered", "delivered", False,
    ),
    "ses delay": (
        ses("DeliveryDelay", deliveryDelay={
            "delayType": "TransientCommunicationFailure", "delayedRecipients": [{"emailAddress": "kuro@example.net"}],
        }), "bounce", "bounce", "expired", False,
    ),
    "ses reject": (ses("Reject", reject={"reason": "Bad content"}), "bounce", "bounce", "virusdetected", False),
    "ses open": (ses("Open", open={"timestamp": "2024-05-06T07:09:00Z"}), "engagement", "opened", "", False),
    "ses click": (ses("Click", click={"timestamp": "2024-05-06T07:09:00Z"}), "engagement", "clicked", "", False),
    "ses subscription": (
        ses("Subscription", subscription={"newTopicPreferences": {"unsubscribeAll": True}}),
        "engagement", "unsubscribed", "", False,
    ),
    "sendgrid bounce": (
        sendgrid("bounce", type="bounce", status="5.1.1", reason="550 5.1.1 no such user"),
        "bounce", "bounce", "userunknown", True,
    ),
    "sendgrid block": (
        sendgrid("bounce", type="blocked", reason="554 no", bounce_classification="Reputation"),
        "bounce", "bounce", "badreputation", False,
    ),
    "sendgrid deferred": (
        sendgrid("deferred", response="450 4.1.1 user unknown, try later", attempt="3"),
        "bounce", "bounce", "userunknown", False,
    ),
    "sendgrid dropped": (sendgrid("dropped", reason="Bounced Address"), "bounce", "bounce", "suppressed", False),
    "sendgrid delivered": (sendgrid("delivered", response="250 OK"), "delivered", "delivered", "delivered", False),
    "sendgrid open": (sendgrid("open"), "engagement", "opened", "", False),
    "sendgrid spamreport": (sendgrid("spamreport"), "complaint", "complaint", "feedback", False),
    "sendgrid unsubscribe": (sendgrid("group_unsubscribe"), "engagement", "unsubscribed", "", False),
    "mailgun permanent": (
        mailgun("failed", severity="permanent", reason="bounce", **{"delivery-status": {
            "code": 550, "message": "No Such User Here", "enhanced-code": "5.1.1", "mx-host": "mx.example.net",
        }}), "bounce", "bounce", "userunknown", True,
    ),
    "mailgun temporary": (
        mailgun("failed", severity="temporary", reason="generic", **{"delivery-status": {
            "code": 452, "message": "4.2.2 mailbox full",
        }}), "bounce", "bounce", "mailboxfull", False,
    ),
    "mailgun suppressed": (
        mailgun("failed", severity="permanent", reason="suppress-bounce", **{"delivery-status": {
            "code": 605, "message": "Not delivering to previously bounced address",
        }}), "bounce", "bounce", "suppressed", False,
    ),
    "mailgun delivered": (mailgun("delivered"), "delivered", "delivered", "delivered", False),
    "mailgun complained": (mailgun("complained"), "complaint", "complaint", "feedback", False),
    "mailgun clicked": (mailgun("clicked"), "engagement", "clicked", "", False),
    "postmark hard bounce": (
        POSTMARK | {"RecordType": "Bounce", "ID": 42, "Type": "HardBounce", "Email": "kuro@example.net",
                    "Details": "smtp;550 5.1.1 The email account that you tried to reach does not exist"},
        "bounce", "bounce", "userunknown", True,
    ),
    "postmark spam notification": (
        POSTMARK | {"RecordType": "Bounce", "ID": 43, "Type": "SpamNotification", "Email": "kuro@example.net"},
        "bounce", "bounce", "spamdetected", False,
    ),
    "postmark autoresponder": (
        POSTMARK | {"RecordType": "Bounce", "ID": 44, "Type": "AutoResponder", "Email": "kuro@example.net"},
        "none", "", "vacation", False,
    ),
    "postmark complaint": (
        POSTMARK | {"RecordType": "SpamComplaint", "ID": 45, "Email": "kuro@example.net"},
        "complaint", "complaint", "feedback", False,
    ),
    "postmark delivery": (
        POSTMARK | {"RecordType": "Delivery", "Recipient": "kuro@example.net", "DeliveredAt": "2024-05-06T07:08:09Z"},
        "delivered", "delivered", "delivered", False,
    ),
    "postmark open": (
        POSTMARK | {"RecordType": "Open", "Recipient": "kuro@example.net"}, "engagement", "opened", "", False,
    ),
    "postmark unsubscription": (
        POSTMARK | {"RecordType": "SubscriptionChange", "Recipient": "kuro@example.net", "SuppressSending": True,
                    "SuppressionReason": "ManualSuppression"},
        "engagement", "unsubscribed", "", False,
    ),
    "sparkpost bounce": (
        sparkpost("bounce", bounce_class="10", raw_reason="550 5.1.1 unknown recipient"),
        "bounce", "bounce", "userunknown", True,
    ),
    "sparkpost spam block": (
        sparkpost("out_of_band", bounce_class="51", raw_reason="554 no"), "bounce", "bounce", "blocked", False,
    ),
    "sparkpost autoreply": (sparkpost("out_of_band", bounce_class="60"), "none", "", "vacation", False),
    "sparkpost delivery": (sparkpost("delivery"), "delivered", "delivered", "delivered", False),
    "sparkpost complaint": (sparkpost("spam_complaint", fbtype="abuse"), "complaint", "complaint", "feedback", False),
    "sparkpost open": (sparkpost("initial_open", "track_event"), "engagement", "opened", "", False),
    "sparkpost unsubscribe": (
        sparkpost("list_unsubscribe", "unsubscribe_event"), "engagement", "unsubscribed", "", False,
    ),
    "resend bounce": (
        resend("email.bounced", bounce={"type": "Permanent", "subType": "General", "message": "It does not exist."}),
        "bounce", "bounce", "userunknown", True,
    ),
    "resend suppressed": (
        resend("email.bounced", bounce={"type": "Permanent", "subType": "Suppressed", "message": "suppressed"}),
        "bounce", "bounce", "suppressed", False,
    ),
    "resend delay": (resend("email.delivery_delayed"), "bounce", "bounce", "expired", False),
    "resend delivered": (resend("email.delivered"), "delivered", "delivered", "delivered", False),
    "resend complaint": (resend("email.complained"), "complaint", "complaint", "feedback", False),
    "resend click": (resend("email.clicked"), "engagement", "clicked", "", False),
}  # fmt: skip


def read(body: object) -> list[Outcome]:
    """What is made of a body."""
    return parse(json.dumps(body).encode())


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_of(name: str) -> None:
    """Kind, event, reason and hardness; the recipient, our intent with its token and the provider are told."""
    body, *expected = EVENTS[name]
    (outcome,) = read(body)
    assert expected == [outcome.kind, outcome.event, outcome.reason, outcome.hard]
    assert ("kuro@example.net", "order-17", TOKEN) == (outcome.recipient, outcome.intent_id, outcome.token)
    assert outcome.source == name.split()[0]


@pytest.mark.parametrize("name", EVENTS)
def test_a_second_delivery_has_the_same_id(name: str) -> None:
    """Providers deliver at least once: whatever is new in the envelope, the event is the same."""
    body = EVENTS[name][0]
    (first,), (again,) = read(body), read(sns(body) if isinstance(body, dict) and "mail" in body else body)
    assert first.id == again.id
    assert first.id.startswith(f"{first.source}:")


def test_events_of_one_body_that_are_the_same_count_once() -> None:
    """An array may hold a repetition; different recipients stay apart."""
    twice = sendgrid("delivered") + sendgrid("delivered") + sendgrid("delivered", email="mike@example.net")
    assert ["kuro@example.net", "mike@example.net"] == [outcome.recipient for outcome in read(twice)]


@pytest.mark.parametrize(
    "body",
    [
        sns({}) | {"Type": "SubscriptionConfirmation", "SubscribeURL": "https://sns.example"},
        sendgrid("processed"),
        sendgrid("open", sg_machine_open=True),
        mailgun("accepted"),
        resend("email.sent"),
        {"hello": "world"},
        [],
    ],
)
def test_what_says_nothing_of_delivery_is_none(body: object) -> None:
    """Questions of SNS, mail merely accepted, opens by machines, and JSON of others."""
    assert [("none", "")] == [(outcome.kind, outcome.event) for outcome in read(body)]


def test_our_own_schema_is_read() -> None:
    """As services publish it, see schemas/feedback.py."""
    (bounce,) = read({"recipient": "kuro@example.net", "status": "5.1.1", "id": "b1", "service": "shop"})
    assert ("bounce", "userunknown", True, "recipient", "b1", "shop") == (
        bounce.kind, bounce.reason, bounce.hard, bounce.scope, bounce.id, bounce.service,
    )  # fmt: skip
    (bounce,) = read({"recipient": "kuro@example.net", "reply": "550 5.1.1 no such user here"})
    assert ("userunknown", True, "5.1.1") == (bounce.reason, bounce.hard, bounce.status)
    (opened,) = read({"recipient": "kuro@example.net", "kind": "opened"})
    assert ("engagement", "opened") == (opened.kind, opened.event)


def test_a_notification_sent_by_mail_is_read() -> None:
    """SNS has mail subscriptions too; the JSON stands in the body with a footer below."""
    body = json.dumps(EVENTS["ses bounce, in SNS, new"][0])
    octets = f"From: SES <no-reply@sns.amazonaws.com>\nSubject: AWS Notification Message\n\n{body}\n\n--\nUnsubscribe"
    (outcome,) = parse(octets.encode())
    assert ("bounce", "userunknown") == (outcome.kind, outcome.reason)
