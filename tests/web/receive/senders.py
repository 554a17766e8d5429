"""Providers, as they sign: what a door must let in, with keys of the tests' own."""

import base64
import hmac
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

NOW = 1_790_000_000.0
"""Unix seconds of the doors' clock."""
PATH = "p" * 40
"""Secret of the path where there is one."""
ARN = "arn:aws:sns:eu-west-1:123456789012:ses-feedback"
HOST = "https://sns.eu-west-1.amazonaws.com"
CERTIFICATE = f"{HOST}/SimpleNotificationService-{'0a' * 16}.pem"
SVIX_SECRET = "whsec_" + base64.b64encode(b"s" * 24).decode()
OTHER_SECRET = "whsec_" + base64.b64encode(b"o" * 24).decode()
MAILGUN_KEY = "key-" + "m" * 32
EVENT = {"event": "bounce", "email": "kuro@example.net", "sg_event_id": "ev1", "reason": "550 5.1.1 user unknown"}


@dataclass
class Sent:
    """A request, which a forger may change."""

    path: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    def altered(self) -> "Sent":
        """Another body under the same signature."""
        return Sent(self.path, self.body.replace(b"kuro@", b"eve0@"), self.headers)


class SendGrid:
    """SendGrid, with its key."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())

    @property
    def public_key(self) -> str:
        """As it is shown to customers."""
        der = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(der).decode()

    def send(self, at: float = NOW, event_id: str = "ev1") -> Sent:
        """A signed event."""
        body = json.dumps([{**EVENT, "timestamp": int(at), "sg_event_id": event_id}]).encode()
        stamp = str(int(at))
        signature = base64.b64encode(self._key.sign(stamp.encode() + body, ec.ECDSA(SHA256()))).decode()
        names = ("Signature", "Timestamp")
        headers = {
            f"X-Twilio-Email-Event-Webhook-{name}": value for name, value in zip(names, (signature, stamp), strict=True)
        }
        return Sent("/sendgrid", body, headers)


def mailgun(
    key: str = MAILGUN_KEY, at: float = NOW, token: str = "t" * 50, recipient: str = "kuro@example.net"
) -> Sent:
    """A body of Mailgun's."""
    stamp = str(int(at))
    signature = hmac.digest(key.encode(), (stamp + token).encode(), sha256).hex()
    event = {"event": "failed", "severity": "permanent", "reason": "bounce", "recipient": recipient, "id": "ev1",
             "timestamp": at, "delivery-status": {"code": 550, "message": "5.1.1 user unknown"}}  # fmt: skip
    signed = {"timestamp": stamp, "token": token, "signature": signature}
    return Sent(f"/mailgun/{PATH}", json.dumps({"signature": signed, "event-data": event}).encode())


def resend(secret: str = SVIX_SECRET, at: float = NOW, identity: str = "msg_1", prefix: str = "svix") -> Sent:
    """A body of Resend's."""
    data = {
        "email_id": "m1",
        "to": ["kuro@example.net"],
        "bounce": {"type": "Permanent", "message": "550 5.1.1 unknown"},
    }
    body = json.dumps({"type": "email.bounced", "created_at": "2026-09-21T00:00:00Z", "data": data}).encode()
    signature = standard_signature(secret, identity, str(int(at)), body)
    return Sent(
        "/resend",
        body,
        {f"{prefix}-id": identity, f"{prefix}-timestamp": str(int(at)), f"{prefix}-signature": signature},
    )


def standard_signature(secret: str, identity: str, stamp: str, body: bytes) -> str:
    """As in https://www.standardwebhooks.com."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return "v1," + base64.b64encode(hmac.digest(key, f"{identity}.{stamp}.".encode() + body, sha256)).decode()


@cache
def _rsa_key(whose: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


class Sns:
    """Amazon SNS, with its certificate."""

    def __init__(self, whose: str = "Amazon's", days: int = 365) -> None:
        self._key = _rsa_key(whose)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
        begins = datetime.fromtimestamp(NOW, UTC) - timedelta(days=30)
        self.certificate = (
            x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(self._key.public_key())
            .serial_number(1).not_valid_before(begins).not_valid_after(begins + timedelta(days=days))
            .sign(self._key, SHA256()).public_bytes(Encoding.PEM)
        )  # fmt: skip

    def send(self, version: str = "2", at: float = NOW, unsigned: dict[str, Any] | None = None, **fields: Any) -> Sent:
        """A notification; `fields` are signed, `unsigned` are put in afterwards."""
        bounce = {"bounceType": "Permanent", "bounceSubType": "NoEmail", "feedbackId": "f1",
                  "bouncedRecipients": [{"emailAddress": "kuro@example.net", "status": "5.1.1"}]}  # fmt: skip
        message = json.dumps({"notificationType": "Bounce", "mail": {"messageId": "m1"}, "bounce": bounce})
        stamp = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        body = {"Type": "Notification", "MessageId": "22b80b92-fdea", "TopicArn": ARN, "Message": message,
                "Timestamp": stamp, "SigningCertURL": CERTIFICATE, "SignatureVersion": version, **fields}  # fmt: skip
        signed = "".join(f"{name}\n{body[name]}\n" for name in SIGNED[body["Type"]] if name in body)
        algorithm = SHA1() if version == "1" else SHA256()
        body["Signature"] = base64.b64encode(self._key.sign(signed.encode(), PKCS1v15(), algorithm)).decode()
        return Sent("/ses", json.dumps({**body, **(unsigned or {})}).encode(), {"Content-Type": "text/plain"})

    def ask_to_confirm(
        self, url: str = f"{HOST}/?Action=ConfirmSubscription&Token=2336&TopicArn={ARN}", **more: Any
    ) -> Sent:
        """The question whether the subscription is wanted."""
        return self.send(Type="SubscriptionConfirmation", Token="2336", SubscribeURL=url, MessageId="c1", **more)


SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}


def postmark(user: str = "postmark", password: str = "w" * 32) -> Sent:
    """A body of Postmark's."""
    body = {"RecordType": "Bounce", "Type": "HardBounce", "ID": 42, "Email": "kuro@example.net", "MessageID": "m1"}
    basic = base64.b64encode(f"{user}:{password}".encode()).decode()
    return Sent("/postmark", json.dumps(body).encode(), {"Authorization": f"Basic {basic}"})


def sparkpost(secret: str = PATH) -> Sent:
    """A body of SparkPost's, to a door that has a secret path alone."""
    event = {"type": "bounce", "bounce_class": "10", "rcpt_to": "kuro@example.net", "event_id": "ev1"}
    return Sent(f"/sparkpost/{secret}", json.dumps([{"msys": {"message_event": event}}]).encode())


REPORT = (
    b"From: MAILER-DAEMON@mx.example.net\r\n"
    b"To: bounces+token=kuro@shop.example\r\n"
    b"Subject: Undelivered Mail Returned to Sender\r\n"
    b"Message-ID: <1@mx.example.net>\r\n"
    b"MIME-Version: 1.0\r\n"
    b'Content-Type: multipart/report; report-type=delivery-status; boundary="=b"\r\n'
    b"\r\n"
    b"--=b\r\n\r\n"
    b"Your message could not be delivered.\r\n"
    b".a line with a dot in front\r\n"
    b"--=b\r\n"
    b"Content-Type: message/delivery-status\r\n\r\n"
    b"Reporting-MTA: dns; mx.example.net\r\n\r\n"
    b"Final-Recipient: rfc822; kuro@example.net\r\n"
    b"Action: failed\r\n"
    b"Status: 5.1.1\r\n"
    b"Diagnostic-Code: smtp; 550 5.1.1 user unknown\r\n"
    b"--=b\r\n"
    b"Content-Type: message/rfc822\r\n\r\n"
    b"From: shop@shop.example\r\nTo: kuro@example.net\r\nMessage-ID: <m1@shop.example>\r\nSubject: Hello\r\n\r\n"
    b"Hello\r\n"
    b"--=b--\r\n"
)
"""A delivery report (RFC 3464), octet for octet."""
