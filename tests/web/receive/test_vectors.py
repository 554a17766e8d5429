"""Signatures that providers publish as examples, and made ones where they publish none."""

import asyncio
import json

import pytest

from sidestep.streams.web.receive.incoming import Check, Incoming, Refused
from sidestep.streams.web.receive.mailgun_check import MailgunCheck
from sidestep.streams.web.receive.sendgrid_check import SIGNATURE, STAMP, SendGridCheck
from sidestep.streams.web.receive.sns_message import check_signature, read_message
from sidestep.streams.web.receive.standard_webhooks_check import StandardWebhooksCheck
from tests.web.receive.senders import ARN, HOST, Sns, mailgun

SENDGRID_EVENT = {
    "email": "hello@world.com", "event": "dropped", "reason": "Bounced Address",
    "sg_event_id": "ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA",
    "sg_message_id": "LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0",
    "smtp-id": "<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>", "timestamp": 1600112492,
}  # fmt: skip
SENDGRID_KEY = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eN"
    "Ec6wEA3F+g=="
)
SENDGRID_SIGNATURE = "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM="


def _sendgrid(body: bytes, signature: str = SENDGRID_SIGNATURE, stamp: str = "1600112502") -> Incoming:
    return Incoming(((SIGNATURE, signature), (STAMP, stamp)), body)


def _ok(check: Check, incoming: Incoming, now: float) -> bool:
    try:
        return bool(asyncio.run(check(incoming, now)).id)
    except Refused:
        return False


def test_the_example_of_sendgrids_libraries() -> None:
    """Key, signature and body as in the tests of Twilio's own libraries."""
    body = (json.dumps([SENDGRID_EVENT], sort_keys=True, separators=(",", ":")) + "\r\n").encode()
    check = SendGridCheck([SENDGRID_KEY], 300)
    assert _ok(check, _sendgrid(body), 1600112502)
    assert not _ok(check, _sendgrid(body.rstrip()), 1600112502), "the line end is signed too"
    assert not _ok(check, _sendgrid(body, stamp="1600112503"), 1600112502)
    assert not _ok(check, _sendgrid(body), 1600112502 + 301)


@pytest.mark.parametrize("prefix", ["svix", "webhook"])
@pytest.mark.parametrize(
    ("secret", "identity", "stamp", "body", "signature"),
    [
        (
            "whsec_plJ3nmyCDGBKInavdOK15jsl",
            "msg_loFOjxBNrRLzqYUf",
            "1731705121",
            b'{"event_type":"ping","data":{"success":true}}',
            "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=",
        ),
        (
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "1614265330",
            b'{"test": 2432232314}',
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ),
    ],
)
def test_the_examples_of_svix(prefix: str, secret: str, identity: str, stamp: str, body: bytes, signature: str) -> None:
    """Of its documentation and of the Standard Webhooks libraries; by either name of the headers."""
    check = StandardWebhooksCheck([secret], 300)

    def incoming(said: str) -> Incoming:
        names = (f"{prefix}-id", f"{prefix}-timestamp", f"{prefix}-signature")
        return Incoming(tuple(zip(names, (identity, stamp, said), strict=True)), body)

    assert _ok(check, incoming(signature), int(stamp))
    assert _ok(check, incoming(f"v1a,xyz v1,AAAA {signature}"), int(stamp)), "any of several signatures is enough"
    for wrong in (signature[3:], signature.replace("v1,", "v2,"), "v1,", "v1", signature + "="):
        assert not _ok(check, incoming(wrong), int(stamp)), wrong


def test_mailguns_form() -> None:
    """The token and the stamp have lengths of their own: a digit that moves from one to the other is no signature."""
    sent = mailgun(at=1_790_000_000, token="5" + "a" * 49)
    check = MailgunCheck(["key-" + "m" * 32], 300)
    assert _ok(check, Incoming((), sent.body), 1_790_000_000)
    moved = json.loads(sent.body)
    moved["signature"]["timestamp"] += "5"
    moved["signature"]["token"] = "a" * 49
    assert not _ok(check, Incoming((), json.dumps(moved).encode()), 17_900_000_005)


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("subject", [None, "Amazon SES Email Event Notification"])
def test_the_text_that_sns_signs(version: str, subject: str | None) -> None:
    """In the order of its documentation, Subject only where there is one; both versions of the signature."""
    sns = Sns()
    sent = sns.send(version) if subject is None else sns.send(version, Subject=subject)
    message = read_message(sent.body, [ARN])
    check_signature(message, sns.certificate)
    fields = json.loads(sent.body)
    first = f"Message\n{fields['Message']}\nMessageId\n{fields['MessageId']}\n"
    second = f"Subject\n{subject}\n" if subject else ""
    rest = f"Timestamp\n{fields['Timestamp']}\nTopicArn\n{ARN}\nType\nNotification\n"
    assert (first + second + rest).encode() == message.signed
    with pytest.raises(Refused, match="signature"):
        check_signature(message, Sns("another's").certificate)


CERTIFICATE_URLS = [
    "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-{}.pem",
    "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-{}.pem",
    "https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-{}.pem",
    "https://evil.example/sns.eu-west-1.amazonaws.com/SimpleNotificationService-{}.pem",
    "https://sns.eu-west-1.amazonaws.com@evil.example/SimpleNotificationService-{}.pem",
    "https://sns.eu-west-1.amazonaws.com:8443/SimpleNotificationService-{}.pem",
    "https://sns-eu-west-1.amazonaws.com/SimpleNotificationService-{}.pem",
    "https://s3.eu-west-1.amazonaws.com/bucket/SimpleNotificationService-{}.pem",
    "https://sns.eu-west-1.amazonaws.com/../bucket/SimpleNotificationService-{}.pem",
    "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-{}.pem?x=1",
    "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-{}.pem#x",
    "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-{}.pem\n",
    "https://sns.eu-west-1.amazonaws.com\\@evil.example/SimpleNotificationService-{}.pem",
    "file:///etc/passwd",
]


@pytest.mark.parametrize("url", CERTIFICATE_URLS)
def test_certificates_of_other_hosts_are_not_even_asked_for(url: str) -> None:
    """Only the host of SNS in the topic's own region, by https, and only a certificate."""
    with pytest.raises(Refused):
        read_message(Sns().send(SigningCertURL=url.format("0a" * 16)).body, [ARN])


def test_a_certificate_has_its_time() -> None:
    """One that had ended when the message was signed is none."""
    sns = Sns(days=10)
    with pytest.raises(Refused, match="certificate"):
        check_signature(read_message(sns.send().body, [ARN]), sns.certificate)
    with pytest.raises(Refused, match="certificate"):
        check_signature(read_message(sns.send().body, [ARN]), b"no certificate")


@pytest.mark.parametrize(
    "url", ["https://evil.example/?Action=ConfirmSubscription", f"{HOST}/?Action=Unsubscribe", f"{HOST}/x"]
)
def test_a_subscription_is_confirmed_at_sns_alone(url: str) -> None:
    """Whatever is signed: the host is looked at, and that it is a confirmation."""
    with pytest.raises(Refused):
        read_message(Sns().ask_to_confirm(url).body, [ARN])
