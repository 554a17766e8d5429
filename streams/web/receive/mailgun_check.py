"""Mailgun's webhook signature: HMAC-SHA-256 over time stamp and token, which stand in the body beside the event. Pure.

The event is not signed. Whoever has seen one body can put another event beside its signature: the path's secret must
keep him out, and a token that has come once with one body is refused with another one.

https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks
"""

import hmac
from collections.abc import Iterable
from hashlib import sha256
from typing import Any

from sidestep.streams.web.receive.incoming import Incoming, Proved, Refused, fresh
from sidestep.streams.web.receive.strict_json import member, parse_object

TOKEN_LENGTH = range(20, 101)
"""Characters of a token; Mailgun's have 50."""
DIGITS = frozenset("0123456789abcdef")


class MailgunCheck:
    """The check of Mailgun's signature."""

    needs: tuple[str, ...] = ()

    def __init__(self, keys: Iterable[str], window: float) -> None:
        """`keys`: the HTTP webhook signing key; several while one takes the other's place."""
        self._keys = tuple(key.encode() for key in keys)
        self._window = window

    async def __call__(self, incoming: Incoming, now: float) -> Proved:
        """What is proved: that Mailgun has made the token at that time. Raises Refused."""
        stamp, token, signature = _signature(parse_object(incoming.body))
        signed = (stamp + token).encode()
        good = [hmac.compare_digest(hmac.digest(key, signed, sha256).hex(), signature) for key in self._keys]
        if not any(good):
            raise Refused("signature")
        fresh(stamp, now, self._window)
        return Proved(token.encode(), sha256(incoming.body).digest())


def _signature(body: dict[str, Any]) -> tuple[str, str, str]:
    given = body.get("signature")
    if not isinstance(given, dict):
        raise Refused("no-signature")
    stamp, token, signature = (member(given, name) for name in ("timestamp", "token", "signature"))
    # without a length of its own, digits could move from the token to the stamp and make it a later one
    if not (len(stamp) == 10 and len(token) in TOKEN_LENGTH and token.isalnum() and token.isascii()):
        raise Refused("malformed")
    if len(signature) != 64 or not DIGITS.issuperset(signature):
        raise Refused("malformed")
    return stamp, token, signature
