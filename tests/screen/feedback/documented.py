"""Each provider's documented events, with what becomes of each: the tests' inputs, and the table of docs/feedback.md.

`python -m tests.screen.feedback.documented` prints that table.
"""

import json
from collections.abc import Iterator
from typing import Any

from sidestep.streams.screen.feedback.outcome import Outcome
from sidestep.streams.screen.feedback.parse import parse

ADA = "ada@example.com"
Body = Any
SES_MAIL = {"messageId": "0100018f", "timestamp": "2026-05-06T07:08:09.000Z", "destination": [ADA]}


def ses_bounce(kind: str, subtype: str) -> Body:
    """A bounce of SES without a word of the server."""
    recipients = [{"emailAddress": ADA}]
    bounce = {"bounceType": kind, "bounceSubType": subtype, "bouncedRecipients": recipients, "feedbackId": "f"}
    return {"eventType": "Bounce", "mail": SES_MAIL, "bounce": bounce}


def ses_complaint(kind: str | None, subtype: str | None = None) -> Body:
    """A complaint of SES."""
    said = {"complaintFeedbackType": kind, "complaintSubType": subtype}
    return {
        "eventType": "Complaint",
        "mail": SES_MAIL,
        "complaint": said | {"complainedRecipients": [{"emailAddress": ADA}], "feedbackId": "f"},
    }


def ses(kind: str, **event: object) -> Body:
    """Any event of SES."""
    return {"eventType": kind, "mail": SES_MAIL, **event}


def ses_delay(kind: str) -> Body:
    """A delay of SES."""
    return ses("DeliveryDelay", deliveryDelay={"delayType": kind, "delayedRecipients": [{"emailAddress": ADA}]})


def sendgrid(event: str, **fields: object) -> Body:
    """An event of SendGrid."""
    return [{"email": ADA, "event": event, "timestamp": 1714979289, "sg_event_id": "e", "sg_message_id": "m"} | fields]


def mailgun(event: str, **fields: object) -> Body:
    """An event of Mailgun."""
    return {"signature": {}, "event-data": {"event": event, "id": "i", "recipient": ADA, "timestamp": 1.5} | fields}


def postmark(record: str, **fields: object) -> Body:
    """A record of Postmark."""
    return {"RecordType": record, "MessageID": "m", "ID": 42, "Email": ADA, "Recipient": ADA} | fields


def sparkpost(event: str, family: str = "message_event", **fields: object) -> Body:
    """An event of SparkPost."""
    return [{"msys": {family: {"type": event, "event_id": "1", "rcpt_to": ADA, "timestamp": "1714979289"} | fields}}]


def resend(kind: str, **data: object) -> Body:
    """An event of Resend."""
    own = {"email_id": "m", "to": [ADA]} if kind.startswith("email.") else {"id": "1", "email": ADA}
    return {"type": kind, "created_at": "2026-05-06T07:08:09.000Z", "data": own | data}


def brevo(event: str, **fields: object) -> Body:
    """An event of Brevo."""
    return {"event": event, "email": ADA, "id": 1, "message-id": "<m@x>", "ts_epoch": 1714979289000} | fields


def mailjet(event: str, **fields: object) -> Body:
    """An event of Mailjet."""
    return {"event": event, "time": 1714979289, "MessageID": 1, "email": ADA, "mj_campaign_id": 7} | fields


def mailjet_error(error: str, hard: bool) -> Body:
    """A bounce of Mailjet, by its table of errors."""
    return mailjet("bounce", hard_bounce=hard, error_related_to="recipient", error=error)


def mandrill(event: str, **message: object) -> Body:
    """An event of Mandrill."""
    return [{"event": event, "_id": "m", "ts": 1714979289, "msg": {"_id": "m", "email": ADA, "state": "x"} | message}]


def mandrill_list(kind: str) -> Body:
    """A change of Mandrill's lists."""
    return [{"type": kind, "action": "add", "ts": 1714979289, "reject": {"email": ADA}}]


def mailersend(kind: str, **data: object) -> Body:
    """An event of MailerSend, second version of its data."""
    own = {"id": "e", "message_id": "m", "recipient": ADA, "type": kind.partition(".")[2]}
    return {"type": kind, "webhook_id": "w", "domain_id": "d", "created_at": "2026-05-06T07:08:09Z", "data": own | data}


def mailtrap(event: str, **fields: object) -> Body:
    """An event of Mailtrap."""
    own = {"event": event, "email": ADA, "message_id": "m", "event_id": "e", "timestamp": 1714979289}
    return {"events": [own | {"sending_stream": "transactional"} | fields]}


def kumomta(kind: str, code: int = 250, content: str = "", **fields: object) -> Body:
    """A record of KumoMTA's log."""
    return {
        "type": kind, "id": "1d98", "sender": "bounces+order-17@sender.example", "recipient": ADA,
        "queue": "t@example.com", "site": "mx", "nodeid": "557f", "timestamp": 1678069691,
        "bounce_classification": "Uncategorized",
        "response": {"code": code, "enhanced_code": None, "content": content, "command": "RCPT TO"},
    } | fields  # fmt: skip


ALL = {"unsubscribeAll": True}
SOME = {"unsubscribeAll": False}
SES_SUBTYPES = (
    ("Undetermined", "Undetermined"), ("Permanent", "General"), ("Permanent", "NoEmail"), ("Permanent", "Suppressed"),
    ("Permanent", "OnAccountSuppressionList"), ("Permanent", "UnsubscribedRecipient"), ("Transient", "General"),
    ("Transient", "MailboxFull"), ("Transient", "MessageTooLarge"), ("Transient", "CustomTimeoutExceeded"),
    ("Transient", "ContentRejected"), ("Transient", "AttachmentRejected"),
)  # fmt: skip
SES_COMPLAINTS = ("abuse", "auth-failure", "fraud", "not-spam", "other", "virus")
SES_DELAYS = (
    "InternalFailure", "General", "MailboxFull", "SpamDetected", "RecipientServerError", "IPFailure",
    "TransientCommunicationFailure", "BYOIPHostNameLookupUnavailable", "Undetermined", "SendingDeferral",
)  # fmt: skip
POSTMARK_TYPES = (
    "HardBounce", "Transient", "Unsubscribe", "Subscribe", "AutoResponder", "AddressChange", "DnsError",
    "SpamNotification", "OpenRelayTest", "Unknown", "SoftBounce", "VirusNotification", "ChallengeVerification",
    "BadEmailAddress", "SpamComplaint", "ManuallyDeactivated", "Unconfirmed", "Blocked", "SMTPApiError", "InboundError",
    "DMARCPolicy", "TemplateRenderingFailed",
)  # fmt: skip
SPARKPOST_CLASSES = (1, 10, 20, 21, 22, 23, 24, 25, 26, 30, 40, 50, 51, 52, 53, 54, 60, 70, 80, 90, 100)
SENDGRID_CLASSES = (
    "Invalid Address", "Mailbox Unavailable", "Reputation", "Content", "Frequency or Volume Too High", "Technical",
    "Unclassified",
)  # fmt: skip
MAILGUN_REASONS = (
    "bounce", "suppress-bounce", "suppress-complaint", "suppress-unsubscribe", "old", "espblock", "generic",
)  # fmt: skip
SPARKPOST_TRACKED = ("open", "initial_open", "click", "amp_open", "amp_initial_open", "amp_click")
SPARKPOST_RELAYED = ("relay_injection", "relay_rejection", "relay_delivery", "relay_tempfail", "relay_permfail")
RESEND_BOUNCES = (
    ("Permanent", "General"), ("Permanent", "NoEmail"), ("Permanent", "Suppressed"), ("Transient", "General"),
    ("Transient", "MailboxFull"), ("Transient", "MessageTooLarge"), ("Transient", "ContentRejected"),
    ("Transient", "AttachmentRejected"), ("Undetermined", "Undetermined"),
)  # fmt: skip
MAILJET_ERRORS = (
    "user unknown", "mailbox inactive", "quota exceeded", "invalid domain", "no mail host", "relay/access denied",
    "greylisted", "typofix", "sender blocked", "content blocked", "policy issue", "system issue", "protocol issue",
    "connection issue",
)  # fmt: skip
MAILJET_BLOCKS = ("blacklisted", "spam reporter", "preblocked", "duplicate in campaign")

EVENTS: dict[str, dict[str, Body]] = {
    "ses": {
        **{f"Bounce {kind} {subtype}": ses_bounce(kind, subtype) for kind, subtype in SES_SUBTYPES},
        "Complaint": ses_complaint(None),
        **{f"Complaint {kind}": ses_complaint(kind) for kind in SES_COMPLAINTS},
        "Complaint OnAccountSuppressionList": ses_complaint(None, "OnAccountSuppressionList"),
        "Delivery": ses("Delivery", delivery={"recipients": [ADA]}),
        "Delivery, by EventBridge": {"source": "aws.ses", "detail": ses("Delivery", delivery={"recipients": [ADA]})},
        **{f"DeliveryDelay {kind}": ses_delay(kind) for kind in SES_DELAYS},
        "Send": ses("Send", send={}),
        "Reject": ses("Reject", reject={"reason": "Bad content"}),
        "Rendering Failure": ses("Rendering Failure", failure={"errorMessage": "no such attribute"}),
        "Open": ses("Open", open={}),
        "Click": ses("Click", click={}),
        "Subscription, of all": ses("Subscription", subscription={"newTopicPreferences": ALL}),
        "Subscription, again": ses(
            "Subscription", subscription={"oldTopicPreferences": ALL, "newTopicPreferences": SOME}
        ),
        "Subscription, of topics": ses("Subscription", subscription={"newTopicPreferences": SOME}),
    },
    "sendgrid": {
        "processed": sendgrid("processed"),
        "delivered": sendgrid("delivered"),
        "deferred": sendgrid("deferred"),
        "bounce": sendgrid("bounce", type="bounce"),
        "bounce, type blocked": sendgrid("bounce", type="blocked"),
        **{f"bounce {name}": sendgrid("bounce", bounce_classification=name) for name in SENDGRID_CLASSES},
        **{
            f"dropped {why}": sendgrid("dropped", reason=why)
            for why in ("Bounced Address", "Unsubscribed Address", "Spam Reporting Address", "Invalid", "Spam Content")
        },
        "open": sendgrid("open"),
        "open, by a machine": sendgrid("open", sg_machine_open=True),
        "click": sendgrid("click"),
        "spamreport": sendgrid("spamreport"),
        "unsubscribe": sendgrid("unsubscribe"),
        "group_unsubscribe": sendgrid("group_unsubscribe"),
        "group_resubscribe": sendgrid("group_resubscribe"),
        "account_status_change": sendgrid("account_status_change", type="compliance_suspend"),
    },
    "mailgun": {
        "accepted": mailgun("accepted"),
        "rejected": mailgun("rejected", reject={"reason": "Sandbox subdomains are for test purposes only"}),
        "delivered": mailgun("delivered"),
        **{
            f"failed permanent {why}": mailgun("failed", severity="permanent", reason=why)
            for why in MAILGUN_REASONS
        },
        "failed temporary": mailgun("failed", severity="temporary", reason="generic"),
        "opened": mailgun("opened"),
        "clicked": mailgun("clicked"),
        "unsubscribed": mailgun("unsubscribed"),
        "complained": mailgun("complained"),
        "stored": mailgun("stored"),
        "list_uploaded": mailgun("list_uploaded"),
    },
    "postmark": {
        **{f"Bounce {kind}": postmark("Bounce", Type=kind) for kind in POSTMARK_TYPES},
        "Delivery": postmark("Delivery"),
        "Open": postmark("Open"),
        "Click": postmark("Click"),
        "SpamComplaint": postmark("SpamComplaint"),
        "SubscriptionChange, by the recipient": postmark(
            "SubscriptionChange", SuppressSending=True, SuppressionReason="ManualSuppression", Origin="Recipient"
        ),
        "SubscriptionChange, after a bounce": postmark(
            "SubscriptionChange", SuppressSending=True, SuppressionReason="HardBounce", Origin="Recipient"
        ),
        "SubscriptionChange, again": postmark("SubscriptionChange", SuppressSending=False, Origin="Recipient"),
        "SubscriptionChange, by us": postmark("SubscriptionChange", SuppressSending=False, Origin="Customer"),
        "Inbound": postmark("Inbound"),
    },
    "sparkpost": {
        "injection": sparkpost("injection"),
        "delivery": sparkpost("delivery"),
        **{f"bounce {kind}": sparkpost("bounce", bounce_class=str(kind)) for kind in SPARKPOST_CLASSES},
        **{f"out_of_band {kind}": sparkpost("out_of_band", bounce_class=kind) for kind in ("10", "60", "90")},
        "delay": sparkpost("delay"),
        "policy_rejection": sparkpost("policy_rejection"),
        "generation_failure": sparkpost("generation_failure", "gen_event"),
        "generation_rejection": sparkpost("generation_rejection", "gen_event"),
        "spam_complaint": sparkpost("spam_complaint", fbtype="abuse"),
        "sms_status": sparkpost("sms_status"),
        **{kind: sparkpost(kind, "track_event") for kind in SPARKPOST_TRACKED},
        "list_unsubscribe": sparkpost("list_unsubscribe", "unsubscribe_event"),
        "link_unsubscribe": sparkpost("link_unsubscribe", "unsubscribe_event"),
        **{kind: sparkpost(kind, "relay_event") for kind in SPARKPOST_RELAYED},
        **{kind: sparkpost(kind, "ab_test_event") for kind in ("ab_test_completed", "ab_test_cancelled")},
        "ingest success": sparkpost("success", "ingest_event"),
        "ingest error": sparkpost("error", "ingest_event"),
    },
    "resend": {
        "email.sent": resend("email.sent"),
        "email.scheduled": resend("email.scheduled"),
        "email.delivered": resend("email.delivered"),
        "email.delivery_delayed": resend("email.delivery_delayed"),
        "email.complained": resend("email.complained"),
        **{
            f"email.bounced {kind} {subtype}": resend("email.bounced", bounce={"type": kind, "subType": subtype})
            for kind, subtype in RESEND_BOUNCES
        },
        "email.suppressed": resend("email.suppressed"),
        "email.failed": resend("email.failed", failed={"reason": "reached_daily_quota"}),
        "email.opened": resend("email.opened"),
        "email.clicked": resend("email.clicked"),
        "email.received": resend("email.received"),
        "contact.created": resend("contact.created"),
        "contact.updated": resend("contact.updated", unsubscribed=False),
        "contact.updated, unsubscribed": resend("contact.updated", unsubscribed=True),
        "contact.deleted": resend("contact.deleted"),
        **{f"domain.{what}": resend(f"domain.{what}") for what in ("created", "updated", "deleted")},
        "suppression.added": resend("suppression.added", origin="complaint"),
        "suppression.removed": resend("suppression.removed", origin="manual"),
    },
    "brevo": {
        kind: brevo(kind)
        for kind in (
            "request", "delivered", "hard_bounce", "soft_bounce", "deferred", "blocked", "invalid_email", "error",
            "spam", "opened", "unique_opened", "proxy_open", "unique_proxy_open", "click", "unsubscribed",
            "list_addition",
            "contact_updated", "contact_deleted",
        )
    },
    "mailjet": {
        "sent": mailjet("sent"),
        **{f"bounce, hard, {error}": mailjet_error(error, True) for error in MAILJET_ERRORS},
        "bounce, soft": mailjet_error("", False),
        **{f"blocked {error}": mailjet("blocked", error=error) for error in MAILJET_BLOCKS},
        "open": mailjet("open"),
        "click": mailjet("click"),
        "spam": mailjet("spam"),
        "unsub": mailjet("unsub"),
    },
    "mandrill": {
        "send": mandrill("send"),
        "delivered": mandrill("delivered"),
        "deferral": mandrill("deferral", smtp_events=[{"diag": "451 4.3.5 Temporarily unavailable"}]),
        "hard_bounce": mandrill("hard_bounce"),
        "hard_bounce bad_mailbox": mandrill("hard_bounce", bounce_description="bad_mailbox"),
        "hard_bounce invalid_domain": mandrill("hard_bounce", bounce_description="invalid_domain"),
        "soft_bounce": mandrill("soft_bounce"),
        "soft_bounce mailbox_full": mandrill("soft_bounce", bounce_description="mailbox_full"),
        "reject": mandrill("reject"),
        "open": mandrill("open"),
        "click": mandrill("click"),
        "spam": mandrill("spam"),
        "unsub": mandrill("unsub"),
        "inbound": mandrill("inbound"),
        "blacklist": mandrill_list("blacklist"),
        "whitelist": mandrill_list("whitelist"),
    },
    "mailersend": {
        kind: mailersend(kind)
        for kind in (
            "activity.sent", "activity.delivered", "activity.soft_bounced", "activity.hard_bounced",
            "activity.deferred", "activity.suppressed", "activity.opened", "activity.opened_unique",
            "activity.clicked", "activity.clicked_unique", "activity.unsubscribed", "activity.spam_complaint",
            "activity.survey_opened", "activity.survey_submitted",
            "sender_identity.verified", "maintenance.start", "maintenance.end", "inbound_forward.failed",
            "email_single.verified", "email_list.verified", "bulk_email.completed",
        )
    },
    "mailtrap": {
        kind: mailtrap(kind)
        for kind in (
            "delivery", "soft bounce", "bounce", "suspension", "reject", "open", "click", "spam", "unsubscribe",
            "inbound.message_received",
        )
    },
    "kumomta": {
        "Reception": kumomta("Reception"),
        "Delivery": kumomta("Delivery", 250, "OK ids=8a54"),
        "Bounce": kumomta("Bounce", 550, "5.1.1 no such user"),
        "Bounce InvalidRecipient": kumomta("Bounce", 550, "", bounce_classification="InvalidRecipient"),
        "Bounce SpamBlock": kumomta("Bounce", 550, "", bounce_classification="SpamBlock"),
        "TransientFailure": kumomta("TransientFailure", 451, "try again"),
        "Expiration": kumomta("Expiration", 551, "5.4.7 Next delivery time would be past the expiry"),
        "AdminBounce": kumomta("AdminBounce", 551, "5.7.1 Administrator bounced with reason: spam run"),
        "OOB": kumomta("OOB", 550, "5.1.1 no such user"),
        "Feedback": kumomta("Feedback", feedback_report={"feedback_type": "abuse", "original_rcpto_to": [f"<{ADA}>"]}),
        "Rejection": kumomta("Rejection", 550, "5.7.1 relaying denied"),
        "Delay": kumomta("Delay"),
    },
}  # fmt: skip

NAMES = {
    "ses": "Amazon SES", "sendgrid": "SendGrid", "mailgun": "Mailgun", "postmark": "Postmark", "sparkpost": "SparkPost",
    "resend": "Resend", "brevo": "Brevo", "mailjet": "Mailjet", "mandrill": "Mandrill", "mailersend": "MailerSend",
    "mailtrap": "Mailtrap", "kumomta": "KumoMTA",
}  # fmt: skip


def outcomes(body: Body) -> list[Outcome]:
    """What is made of a body."""
    return parse(json.dumps(body).encode())


def becomes(body: Body) -> str:
    """What becomes of an event, in the table's words."""
    (outcome,) = outcomes(body)
    if outcome.kind == "none":
        return "nothing" if outcome.reason == "silent" else f"nothing ({outcome.reason})"
    if outcome.kind == "bounce":
        return f"bounce `{outcome.reason}`{', hard' if outcome.hard else ''}"
    return outcome.event


def table() -> Iterator[str]:
    """The lines of the table: a provider's events by what becomes of them."""
    yield "| provider | becomes | events |"
    yield "|---|---|---|"
    for source, events in EVENTS.items():
        by_fate: dict[str, list[str]] = {}
        for name, body in events.items():
            by_fate.setdefault(becomes(body), []).append(name)
        for fate in sorted(by_fate):
            yield f"| {NAMES[source]} | {fate} | {'; '.join(by_fate[fate])} |"


if __name__ == "__main__":
    print("\n".join(table()))
