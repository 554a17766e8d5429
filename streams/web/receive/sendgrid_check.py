"""SendGrid's signed event webhook: ECDSA (P-256, SHA-256) over the time stamp and the raw body. Pure.

https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features
"""

import base64
import binascii
from collections.abc import Iterable
from hashlib import sha256

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from sidestep.streams.web.receive.incoming import Incoming, Proved, Refused, fresh

SIGNATURE = "x-twilio-email-event-webhook-signature"
STAMP = "x-twilio-email-event-webhook-timestamp"
SIGNATURE_MAX = 200


class SendGridCheck:
    """The check of SendGrid's signature."""

    needs: tuple[str, ...] = (SIGNATURE, STAMP)

    def __init__(self, keys: Iterable[str], window: float) -> None:
        """`keys`: public keys as SendGrid shows them, DER in base64. Raises ValueError, which quotes nothing."""
        self._keys = tuple(map(_key, keys))
        self._window = window

    async def __call__(self, incoming: Incoming, now: float) -> Proved:
        """What is proved. Raises Refused."""
        signature, stamp = incoming.needed(SIGNATURE, STAMP)
        signed = stamp.encode() + incoming.body
        octets = _decoded(signature)
        if not any(_is_good(key, octets, signed) for key in self._keys):
            raise Refused("signature")
        fresh(stamp, now, self._window)
        digest = sha256(signed).digest()  # not the signature: of one, anybody can make a second (-s mod n)
        return Proved(digest, digest)


def _decoded(signature: str) -> bytes:
    try:
        return base64.b64decode(signature[: SIGNATURE_MAX + 1], validate=True)
    except binascii.Error:
        raise Refused("malformed") from None


def _is_good(key: EllipticCurvePublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        key.verify(signature, signed, ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def _key(text: str) -> EllipticCurvePublicKey:
    try:
        key = load_der_public_key(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError, UnsupportedAlgorithm):
        raise ValueError("it is no public key: expected DER in base64, as SendGrid shows it") from None
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise ValueError("it is no public key of the curve P-256, as SendGrid's are")
    return key
