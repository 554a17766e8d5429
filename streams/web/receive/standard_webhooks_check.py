"""Standard Webhooks, as Resend (by Svix) and others send them: HMAC-SHA-256 over id, time stamp and raw body. Pure.

https://docs.svix.com/receiving/verifying-payloads/how-manual and
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hmac
import re
from collections.abc import Iterable
from hashlib import sha256

from sidestep.streams.web.receive.incoming import Incoming, Proved, Refused, fresh

PREFIX = "whsec_"
SECRET_LEAST = 16
"""Octets; the specification says 24 to 64."""
PREFIXES = ("svix", "webhook")
"""Of the headers: Svix' own, and the specification's."""
SIGNATURES_MAX = 10
"""Of one request: a sender that changes its secret signs with both."""

_ID = re.compile(r"[A-Za-z0-9_:-]{1,200}")


class StandardWebhooksCheck:
    """The check of a Standard Webhooks signature."""

    needs: tuple[str, ...] = ()

    def __init__(self, secrets: Iterable[str], window: float) -> None:
        """`secrets`: base64 with or without whsec_, several for rotation. Raises ValueError, which quotes nothing."""
        self._secrets = tuple(map(_secret, secrets))
        self._window = window

    async def __call__(self, incoming: Incoming, now: float) -> Proved:
        """What is proved. Raises Refused."""
        identity, stamp, signatures = _headers(incoming)
        if not _ID.fullmatch(identity):
            raise Refused("malformed")  # a "." in it would move the borders of what is signed
        fresh(stamp, now, self._window)
        signed = f"{identity}.{stamp}.".encode() + incoming.body
        expected = [base64.b64encode(hmac.digest(secret, signed, sha256)) for secret in self._secrets]
        given = [text[3:].encode() for text in signatures.split(" ")[:SIGNATURES_MAX] if text.startswith("v1,")]
        good = [hmac.compare_digest(ours, theirs) for ours in expected for theirs in given]
        if not any(good):
            raise Refused("signature")
        return Proved(identity.encode(), sha256(incoming.body).digest())


def _headers(incoming: Incoming) -> tuple[str, ...]:
    """Headers of one prefix. Both at once is nothing that a sender does."""
    given = [prefix for prefix in PREFIXES if incoming.header(f"{prefix}-signature")]
    if len(given) != 1:
        raise Refused("header-twice" if given else "no-signature")
    return incoming.needed(*(f"{given[0]}-{name}" for name in ("id", "timestamp", "signature")))


def _secret(text: str) -> bytes:
    try:
        secret = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ValueError(f"it is no secret: expected {PREFIX} and base64, as the sender shows it") from None
    if len(secret) < SECRET_LEAST:
        raise ValueError(f"it is too short for a secret: {SECRET_LEAST} octets at least, in base64")
    return secret
