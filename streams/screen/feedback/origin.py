"""The origin of feedback: which message of ours it is about, by our header fields or by an address with the id (VERP).

Pure.
"""

import re
from typing import NamedTuple

from sidestep.streams.screen.feedback.bounces import original_headers
from sidestep.streams.screen.feedback.mime import Headers, Message

INTENT_FIELDS = ("x-sidestep-intent", "x-sidestep-intent-id", "x-intent-id")
SERVICE_FIELDS = ("x-sidestep-service", "x-service")
TOKEN_FIELDS = ("x-sidestep-token",)
_VERP = re.compile(r"(?i)\bbounces?[+\-]([A-Za-z0-9][\w.\-]{0,150}?)(?:=([^@\s<>]{1,200}))?@[^@\s<>]{1,255}")
_TOKEN = re.compile(r"(?i)(?:(.+)[.\-])?([0-9a-f]{30})")
"""A token alone, or behind the intent's id."""
ADDRESSED = ("to", "x-original-to", "delivered-to", "envelope-to")


class Origin(NamedTuple):
    """The message of ours that feedback is about; "" where nothing tells."""

    intent_id: str = ""
    service: str = ""
    message_id: str = ""
    token: str = ""
    recipient: str = ""


class Verp(NamedTuple):
    """What an address of ours says of the message that it was made for; "" where it says nothing."""

    intent_id: str = ""
    token: str = ""
    recipient: str = ""
    """The address that was mailed, where the address of ours holds it too."""


def origin_of(message: Message, rest: str = "") -> Origin:
    """The origin by the returned message's header, by our fields in the report's own, or by the address it was sent to.

    `rest`: the returned message behind a report for people. VERP: `bounce+<token>@…`, `bounce+<intent id>@…`,
    `bounce+<intent id>.<token>@…`, each perhaps with `=recipient=domain` before the @.
    """
    original = original_headers(message, rest)
    both = original, message.headers
    addresses = [message.headers.get(name) for name in ADDRESSED] + [original.get("return-path")]
    ways = [verp(address) for address in addresses]
    return Origin(
        (_first(both, INTENT_FIELDS) or next((way.intent_id for way in ways if way.intent_id), ""))[:200],
        _first(both, SERVICE_FIELDS)[:100],
        (original.get("message-id") or message.headers.get("message-id")).strip("<> ")[:300],
        (_first(both, TOKEN_FIELDS) or next((way.token for way in ways if way.token), ""))[:100],
        next((way.recipient for way in ways if way.recipient), ""),
    )


def _first(headers: tuple[Headers, ...], names: tuple[str, ...]) -> str:
    return next((value for header in headers for name in names if (value := header.get(name).strip())), "")


def verp(text: str) -> Verp:
    """What the first VERP address in a text says."""
    found = _VERP.search(text[:1000])
    if found is None:
        return Verp()
    token, recipient = _TOKEN.fullmatch(found[1]), _mailed(found[2] or "")
    return Verp(found[1], "", recipient) if token is None else Verp(token[1] or "", token[2], recipient)


def _mailed(said: str) -> str:
    """`ada=example.com` -> ada@example.com: domains have no equals sign, local parts may."""
    local, mark, domain = said.rpartition("=")
    return f"{local}@{domain}" if mark and local and "." in domain else ""
