"""The origin of feedback: which message of ours it is about, by our header fields or by an address with the id (VERP).

Pure.
"""

import re
from typing import NamedTuple

from sidestep.streams.screen.feedback.bounces import original_headers
from sidestep.streams.screen.feedback.mime import Headers, Message

INTENT_FIELDS = ("x-sidestep-intent", "x-sidestep-intent-id", "x-intent-id")
SERVICE_FIELDS = ("x-sidestep-service", "x-service")
_VERP = re.compile(r"(?i)\bbounces?[+\-]([A-Za-z0-9][\w.\-]{0,150}?)(?:=[^@\s<>]{1,200})?@[^@\s<>]{1,255}")
ADDRESSED = ("to", "x-original-to", "delivered-to", "envelope-to")


class Origin(NamedTuple):
    """The message of ours that feedback is about; "" where nothing tells."""

    intent_id: str = ""
    service: str = ""
    message_id: str = ""


def origin_of(message: Message, rest: str = "") -> Origin:
    """The origin by the returned message's header, by our fields in the report's own, or by the address it was sent to.

    `rest`: the returned message behind a report for people. VERP: `bounce+<intent id>@…`, or
    `bounce+<intent id>=recipient=domain@…`.
    """
    original = original_headers(message, rest)
    return Origin(
        (
            _first((original, message.headers), INTENT_FIELDS)
            or _verp(message.headers)
            or _verp(original, "return-path")
        )[:200],
        _first((original, message.headers), SERVICE_FIELDS)[:100],
        (original.get("message-id") or message.headers.get("message-id")).strip("<> ")[:300],
    )


def _first(headers: tuple[Headers, ...], names: tuple[str, ...]) -> str:
    return next((value for header in headers for name in names if (value := header.get(name).strip())), "")


def _verp(headers: Headers, *names: str) -> str:
    for name in names or ADDRESSED:
        match = _VERP.search(headers.get(name)[:1000])
        if match:
            return match[1]
    return ""
