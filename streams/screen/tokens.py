"""Tokens: what travels with an approved message and comes back with what is said of it, so that it is known to be ours.
Pure.

30 hexadecimal digits, in either case of letters: the day (days since 1970, 2 octets), the service (2), the message (2),
and 9 octets of a keyed digest over these and the recipient. So a token holds for one recipient, tells its own age, and
fits a VERP address (RFC 5321 allows 64 octets of local part), a header, and what providers take along.
"""

from hmac import compare_digest
from typing import NamedTuple
from zlib import crc32

from sidestep.streams.screen.keys import Keys

DAY = 86_400
_HEAD, _SERVICE, _DIGEST = 6, slice(2, 4), 9
DIGITS = 2 * (_HEAD + _DIGEST)


class Tie(NamedTuple):
    """How something that came back is tied to a message of ours."""

    tied: str = ""
    """token; wrong-token: it has one that is not for this recipient, or not of this service; empty: it has none."""
    at: int = 0
    """When the token was made, milliseconds: the beginning of that day."""


UNTIED = Tie()
_WRONG = Tie("wrong-token")


def make_token(keys: Keys, service: str, recipient_key: bytes, content_key: bytes, now: float) -> str:
    """The token of an intent that is screened `now`, Unix seconds."""
    day = int(now) // DAY & 0xFFFF
    head = (day << 16 | _of_service(service)).to_bytes(4, "big") + content_key[:2]
    return (head + keys.token(head + recipient_key)[:_DIGEST]).hex()


def check_token(keys: Keys, token: str, recipient_key: bytes, service: str) -> Tie:
    """Whether a token is one of ours for this recipient. `service`: who is said to have sent it; empty: nobody says."""
    if not token:
        return UNTIED
    try:
        octets = bytes.fromhex(token) if len(token) == DIGITS else b""
    except ValueError:
        return _WRONG
    head = octets[:_HEAD]
    if not compare_digest(octets[_HEAD:], keys.token(head + recipient_key)[:_DIGEST]):
        return _WRONG
    if service and int.from_bytes(head[_SERVICE], "big") != _of_service(service):
        return _WRONG
    return Tie("token", int.from_bytes(head[:2], "big") * DAY * 1000)


def _of_service(service: str) -> int:
    """Two octets that tell services apart; that nobody alters them the digest sees to."""
    return crc32(service.encode("utf-8", "surrogatepass")) & 0xFFFF
