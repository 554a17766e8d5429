"""Providers are told by what is theirs alone, their metadata is found, and no body costs more than its size."""

import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from sidestep.schemas import Bounce, Engagement
from sidestep.schemas.codec import ContractError
from sidestep.streams.screen.feedback.parse import LINES_MAX, parse
from sidestep.streams.screen.feedback.webhooks.event import EVENTS_MAX
from sidestep.streams.screen.intake import read_feedback
from tests.screen.feedback.documented import (
    ADA,
    SES_MAIL,
    Body,
    brevo,
    kumomta,
    mailersend,
    mailgun,
    mailjet,
    mailtrap,
    mandrill,
    outcomes,
    postmark,
    resend,
    sendgrid,
    sparkpost,
)
from tests.screen.feedback.work import work

NOW = 1_795_000_000.0

UNKNOWN: dict[str, Body] = {
    "an array with SendGrid's two field names": [{"event": "bounce", "email": ADA, "reason": "550 user unknown"}],
    "one of them": {"event": "bounce", "email": ADA, "id": 7},
    "Scaleway": {"id": "1", "type": "email_dropped", "email_to": ADA, "email_response_code": 550, "domain_id": "d"},
    "Emailit": {"event_id": "e", "type": "email.bounced", "data": {"object": {"id": "1", "to": ADA}}},
    "AhaSend": {"type": "message.bounced", "webhook_id": "w", "timestamp": "2026-05-06", "data": {"recipient": ADA}},
    "MailSlurp": {"messageId": "1", "eventName": "BOUNCE_RECIPIENT", "webhookId": "w", "recipient": ADA},
    "Mailazy": {"event_type": "bounce", "bounce_type": "HardBounce", "message_id": "1", "recipient": ADA},
    "EmailEngine": {"account": "a", "event": "messageBounce", "data": {"recipient": ADA, "action": "failed"}},
    "Zoho": {"event_name": ["hardbounce"], "event_message": [{"email_info": {"to": [{"email_address": ADA}]}}]},
    "SMTP2GO": {"event": "bounce", "rcpt": ADA, "bounce": "hard", "email_id": "1", "sendtime": "2026-05-06"},
    "Elastic Email": {"status": "Error", "to": ADA, "category": "NoMailbox", "transaction": "1"},
    "Postal": {"event": "MessageBounced", "payload": {"original_message": {"to": ADA}, "bounce": {"from": "x"}}},
    "Mailgun's old form": {"event": "bounced", "recipient": ADA, "code": "550", "error": "5.1.1 user unknown"},
    "a RecordType of somebody else": {"RecordType": "Failure", "MessageID": "1", "Email": ADA},
    "a `mail` of somebody else": {"mail": {"to": ADA}, "eventType": "Bounce", "bounce": {"bounceType": "Permanent"}},
    "a Notification of somebody else": {"Type": "Notification", "Message": "bounce", "To": ADA},
    "a type of Resend without its ids": {"type": "email.bounced", "data": {"recipient": ADA}},
    "a type of MailerSend without its ids": {"type": "activity.hard_bounced", "data": {"recipient": ADA}},
    "a type of KumoMTA without a queue": {"type": "Bounce", "id": "1", "recipient": ADA, "response": {"code": 550}},
    "msys that is no object": [{"msys": "bounce", "rcpt_to": ADA}],
}  # fmt: skip


@pytest.mark.parametrize("topic", [Bounce, Engagement])
@pytest.mark.parametrize("name", UNKNOWN)
def test_a_body_of_an_unknown_provider_is_a_dead_letter(name: str, topic: type[Bounce] | type[Engagement]) -> None:
    """Never another one's, nor ours because it has a recipient."""
    with pytest.raises(ContractError, match="a provider that we do not know") as caught:
        read_feedback(json.dumps(UNKNOWN[name]).encode(), topic, "application/json", NOW)
    assert "unknown-provider" == caught.value.code


@pytest.mark.parametrize(
    "more", [{}, {"kind": "bounce", "type": "x"}, {"service": "shop", "event": "y"}, {"hard": True, "type": "z"}]
)
def test_ours_is_ours_whatever_else_stands_in_it(more: dict[str, Any]) -> None:
    """Unknown members are passed over, as the contract says, where something of ours shows whose it is."""
    (bounce,) = read_feedback(json.dumps({"recipient": ADA} | more).encode(), Bounce, "", NOW)
    assert ADA == bounce.recipient


OUR_METADATA = {"sidestep_intent_id": "order-17", "sidestep_service": "shop"}
METADATA = {
    "brevo": brevo("opened", **{"X-Mailin-custom": json.dumps(OUR_METADATA)}),
    "brevo, pairs": brevo("opened", **{"X-Mailin-custom": "sidestep_intent_id:order-17|sidestep_service:shop"}),
    "mailjet": mailjet("open", Payload=json.dumps(OUR_METADATA)),
    "mandrill": mandrill("open", metadata=OUR_METADATA),
    "mandrill, as a field": {"mandrill_events": json.dumps(mandrill("open", metadata=OUR_METADATA))},
    "mailtrap": mailtrap("open", custom_variables=OUR_METADATA),
    "kumomta": kumomta("Delivery", meta=OUR_METADATA),
    "kumomta, headers": kumomta(
        "Delivery", headers={"X-Sidestep-Intent": "order-17", "X-Sidestep-Service": "shop"}, sender="x@y.example"
    ),
}


@pytest.mark.parametrize("name", METADATA)
def test_our_metadata_is_found(name: str) -> None:
    """Where the provider keeps it."""
    (outcome,) = outcomes(METADATA[name])
    assert ("order-17", "shop") == (outcome.intent_id, outcome.service)


def test_a_custom_id_is_the_intents() -> None:
    """Mailjet's, where no payload says more."""
    assert ["order-17"] == [outcome.intent_id for outcome in outcomes(mailjet("open", CustomID="order-17"))]


def test_a_form_is_read() -> None:
    """As Mandrill posts it."""
    form = urlencode({"mandrill_events": json.dumps(mandrill("hard_bounce", diag="smtp;550 5.1.1 no such user"))})
    (bounce,) = parse(form.encode(), "application/x-www-form-urlencoded")
    assert (ADA, "userunknown", "5.1.1", True) == (bounce.recipient, bounce.reason, bounce.status, bounce.hard)


def test_the_question_whether_somebody_is_there_is_no_dead_letter() -> None:
    """Mandrill posts an empty array when a webhook is made."""
    assert [] == read_feedback(b"mandrill_events=%5B%5D", Bounce, "", NOW)


@pytest.mark.parametrize("field", ["data", "old"])
def test_both_versions_of_mailersends_data_are_read(field: str) -> None:
    """The older one nests the recipient and the reason."""
    old = {"email": {"recipient": {"email": ADA}, "message": {"id": "m"}}, "morph": {"reason": "550 mailbox full"}}
    new = {"meta": {"bounce_code": 552, "bounce_reason": "mailbox full"}}
    (bounce,) = outcomes(mailersend("activity.soft_bounced", **(old | {"recipient": None} if field == "old" else new)))
    assert (ADA, "mailboxfull", False) == (bounce.recipient, bounce.reason, bounce.hard)


def test_a_permanent_word_in_a_temporary_event_is_soft() -> None:
    """The provider tries again."""
    for body in (
        brevo("soft_bounce", reason="550 5.1.1 user unknown"),
        mailjet("bounce", hard_bounce=False, comment="550 5.1.1 user unknown"),
        mandrill("soft_bounce", diag="550 5.1.1 user unknown"),
        mailtrap("soft bounce", response="550 5.1.1 user unknown"),
        kumomta("TransientFailure", 450, "4.1.1 user unknown"),
    ):
        assert [("userunknown", False)] == [(outcome.reason, outcome.hard) for outcome in outcomes(body)]


STORY = [
    kumomta("Reception"),
    kumomta("TransientFailure", 451, "4.7.1 greylisted, try again"),
    kumomta("Bounce", 550, "5.1.1 no such user", timestamp=1678069700),
]


@pytest.mark.parametrize(
    "octets",
    [
        json.dumps(STORY).encode(),
        "\n".join(map(json.dumps, STORY)).encode(),
        "\r\n".join(map(json.dumps, STORY)).encode(),
    ],
    ids=["array", "lines", "lines of Windows"],
)
def test_the_log_of_kumomta_is_read(octets: bytes) -> None:
    """One id of a message goes through all its records; each event counts for itself."""
    delayed, failed = read_feedback(octets, Bounce, "", NOW)
    assert isinstance(delayed, Bounce)
    assert isinstance(failed, Bounce)
    assert (False, True) == (delayed.hard, failed.hard)
    assert ("order-17", ADA) == (failed.intent_id, failed.recipient)
    assert delayed.id != failed.id


def test_a_delivery_in_the_log_of_kumomta_is_no_bounce() -> None:
    """Nor is a reception anything at all, nor a dead letter."""
    (delivered,) = read_feedback(json.dumps(kumomta("Delivery")).encode(), Bounce, "", NOW)
    assert "delivered" == delivered.kind
    assert [] == read_feedback(json.dumps(kumomta("Reception")).encode(), Bounce, "", NOW)


@pytest.mark.parametrize(
    "report",
    [
        {"original_rcpto_to": [f"<{ADA}>"]},
        {"extensions": {"removal-recipient": [ADA]}},
        {"supplemental_trace": {"recipient": ADA}},
        {"original_mail_from": "<bounces+order-17=ada=example.com@sender.example>"},
    ],
)
def test_who_complained_is_found_in_the_log_of_kumomta(report: dict[str, Any]) -> None:
    """In any of the places where a report has it."""
    (complaint,) = outcomes(
        kumomta("Feedback", feedback_report={"feedback_type": "abuse"} | report, recipient="fbl@us.example")
    )
    assert ("complaint", ADA) == (complaint.kind, complaint.recipient)


def addresses(n: int) -> list[str]:
    """Several recipients."""
    return [f"u{i}@example.com" for i in range(n)]


def tags(n: int) -> dict[str, str]:
    """As many members of metadata."""
    return {f"t{i}": "v" for i in range(n)}


def ses_bounces(n: int) -> Body:
    """A message to n recipients with n header fields."""
    headers = [{"name": name, "value": value} for name, value in tags(n).items()]
    bounced = [{"emailAddress": name} for name in addresses(n)]
    bounce = {"bounceType": "Permanent", "bouncedRecipients": bounced}
    return {"eventType": "Bounce", "mail": SES_MAIL | {"headers": headers, "tags": tags(n)}, "bounce": bounce}


def members_of_msys(n: int) -> Body:
    """SparkPost's object with n members."""
    return [{"msys": {f"m{i}": {"type": "open", "event_id": str(i), "rcpt_to": ADA} for i in range(n)}}]


# How a body of n events is made, by provider; those that have one event a body grow by their metadata.
GROWING: dict[str, Callable[[int], Body]] = {
    "ses": ses_bounces,
    "sendgrid": lambda n: [sendgrid("open", sg_event_id=str(i))[0] for i in range(n)],
    "sparkpost": lambda n: [sparkpost("open", event_id=str(i))[0] for i in range(n)],
    "sparkpost, in one object": members_of_msys,
    "resend": lambda n: resend("email.opened", to=addresses(n), tags=tags(n)),
    "brevo": lambda n: [brevo("opened", **{"message-id": str(i)}) for i in range(n)],
    "mailjet": lambda n: [mailjet("open", MessageID=i) for i in range(n)],
    "mandrill": lambda n: [mandrill("open", _id=str(i))[0] for i in range(n)],
    "mailtrap": lambda n: {"events": [mailtrap("open", event_id=str(i))["events"][0] for i in range(n)]},
    "kumomta": lambda n: [kumomta("Delivery", id=str(i)) for i in range(n)],
    "kumomta, of one transaction": lambda n: kumomta("Delivery", recipient=addresses(n), meta=tags(n)),
    "kumomta, of one report": lambda n: kumomta("Feedback", feedback_report={"original_rcpto_to": addresses(n)}),
}  # fmt: skip
GROWING_METADATA: dict[str, Callable[[int], Body]] = {
    "mailgun": lambda n: mailgun("opened", **{"user-variables": tags(n)}),
    "postmark": lambda n: postmark("Open", Metadata=tags(n)),
    "mailersend": lambda n: mailersend("activity.opened", meta=tags(n)),
}


@pytest.mark.parametrize("name", [*GROWING, *GROWING_METADATA])
def test_work_grows_with_size_alone(name: str) -> None:
    """Four times as much takes four times the work at most; metadata is read once a message, not once a recipient."""
    make = (GROWING | GROWING_METADATA)[name]
    few, many = (work(json.dumps(make(n)).encode()) for n in (24, 96))
    assert many < few * 4 * 1.2


@pytest.mark.parametrize("name", GROWING)
def test_more_events_than_a_hundred_are_a_dead_letter(name: str) -> None:
    """None of them is read; a hundred are."""
    make = GROWING[name]
    assert EVENTS_MAX == len(read_feedback(json.dumps(make(EVENTS_MAX)).encode(), Bounce, "", NOW))
    with pytest.raises(ContractError, match="in smaller pieces") as caught:
        read_feedback(json.dumps(make(EVENTS_MAX + 1)).encode(), Bounce, "", NOW)
    assert "too-many-events" == caught.value.code


def test_more_lines_than_are_looked_at_are_a_dead_letter() -> None:
    """However short."""
    with pytest.raises(ContractError, match="in smaller pieces"):
        read_feedback(b"{}\n" * (LINES_MAX + 1) + b"{}", Bounce, "", NOW)


def test_what_says_nothing_does_not_count_among_them() -> None:
    """A log has a reception for each delivery."""
    silent = [kumomta("Reception", id=str(i)) for i in range(1000)]
    assert 1 == len(read_feedback(json.dumps([*silent, kumomta("Delivery")]).encode(), Bounce, "", time.time()))
