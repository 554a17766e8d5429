"""Messages of Amazon SNS: read strictly, their signed text, their signature (RSA, SHA-1 or SHA-256). Pure.

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

import base64
import binascii
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.x509 import load_pem_x509_certificate

from sidestep.streams.web.receive.incoming import Refused
from sidestep.streams.web.receive.strict_json import member, parse_object

NOTIFICATION, CONFIRMATION, UNSUBSCRIBED = "Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"
SIGNED = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    CONFIRMATION: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    UNSUBSCRIBED: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
"""What is signed of each type, in this order; Subject only where there is one."""
BESIDE = {"Signature", "SignatureVersion", "SigningCertURL", "UnsubscribeURL", "MessageAttributes"}
"""Members that are not signed. Any other one is refused: a reader may look at what nobody has signed."""
HASHES = {"1": SHA1(), "2": SHA256()}
"""By SignatureVersion. Version 1 is what SNS signs with unless the topic is told otherwise."""
ARN = re.compile(r"arn:aws(?:-cn|-us-gov)?:sns:([a-z0-9-]{3,30}):[0-9]{12}:[A-Za-z0-9_.-]{1,256}")
KEY_BITS_LEAST = 2048


@dataclass(frozen=True)
class SnsMessage:
    """A message whose signature has not been looked at yet."""

    type: str
    id: str
    topic_arn: str
    at: float
    """Unix seconds."""
    signed: bytes
    signature: bytes
    version: str
    certificate_url: str
    subscribe_url: str = ""


def read_message(body: bytes, topic_arns: Collection[str]) -> SnsMessage:
    """A message for one of these topics. Raises Refused."""
    fields = parse_object(body)
    kind = member(fields, "Type")
    if kind not in SIGNED or not fields.keys() <= {*SIGNED[kind], *BESIDE}:
        raise Refused("malformed")
    if member(fields, "TopicArn") not in topic_arns:
        raise Refused("topic-arn")
    names = [name for name in SIGNED[kind] if name != "Subject" or fields.get("Subject") is not None]
    # a line end inside of a value could make one text of two messages; Message alone may have them, and stands first
    values = {name: member(fields, name) for name in names}
    if any("\n" in value for name, value in values.items() if name not in ("Message", "Subject")):
        raise Refused("malformed")
    return SnsMessage(
        kind, values["MessageId"], values["TopicArn"], _moment(values["Timestamp"]), _text(values),
        _signature(member(fields, "Signature")), member(fields, "SignatureVersion"),
        certificate_url(member(fields, "SigningCertURL"), values["TopicArn"]),
        subscribe_url(values["SubscribeURL"], values["TopicArn"]) if kind == CONFIRMATION else "",
    )  # fmt: skip


def certificate_url(url: str, topic_arn: str) -> str:
    """The URL of a certificate, which only the SNS of the topic's region may have. Raises Refused."""
    if not re.fullmatch(_host(topic_arn) + r"/SimpleNotificationService-[0-9a-f]{32}\.pem", url):
        raise Refused("certificate")
    return url


def subscribe_url(url: str, topic_arn: str) -> str:
    """The URL that confirms a subscription, at the SNS of the topic's region. Raises Refused."""
    query = r"/\?[A-Za-z0-9=&%._:-]{1,1900}"
    if not re.fullmatch(_host(topic_arn) + query, url) or "Action=ConfirmSubscription" not in url:
        raise Refused("certificate")
    return url


def check_signature(message: SnsMessage, certificate: bytes) -> None:
    """Check the signature by the certificate, PEM, at the time at which the message was signed. Raises Refused."""
    algorithm = HASHES.get(message.version)
    if algorithm is None:
        raise Refused("malformed")
    try:
        found = load_pem_x509_certificate(certificate)
        key = found.public_key()
        valid = found.not_valid_before_utc.timestamp() <= message.at <= found.not_valid_after_utc.timestamp()
    except (ValueError, UnsupportedAlgorithm):
        raise Refused("certificate") from None
    if not valid or not isinstance(key, RSAPublicKey) or key.key_size < KEY_BITS_LEAST:
        raise Refused("certificate")
    try:
        key.verify(message.signature, message.signed, PKCS1v15(), algorithm)
    except InvalidSignature:
        raise Refused("signature") from None


def _host(topic_arn: str) -> str:
    match = ARN.fullmatch(topic_arn)
    if match is None:
        raise Refused("topic-arn")
    return rf"https://sns\.{re.escape(match[1])}\.amazonaws\.com" + (r"\.cn" if match[1].startswith("cn-") else "")


def _text(values: dict[str, str]) -> bytes:
    try:
        return "".join(f"{name}\n{value}\n" for name, value in values.items()).encode()
    except UnicodeEncodeError:
        raise Refused("malformed") from None


def _signature(text: str) -> bytes:
    try:
        return base64.b64decode(text[:2000], validate=True)
    except (binascii.Error, ValueError):
        raise Refused("malformed") from None


def _moment(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise Refused("malformed") from None
