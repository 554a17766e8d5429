"""A body of more events than a record may have, as several bodies: for whoever puts it into Kafka. Pure."""

import json
from typing import Any
from urllib.parse import urlencode

from sidestep.streams.screen.feedback.webhooks import mandrill
from sidestep.streams.screen.feedback.webhooks.event import EVENTS_MAX

_ARRAYS = (b"[", b"{")


def pieces(body: bytes) -> list[bytes]:
    """The body itself, octet for octet; or, of an array of too many events, arrays of as many as are read.

    An array may stand alone, in Mailtrap's `events`, or in the field of Mandrill's form.
    """
    form = body.startswith(mandrill.FORM)
    octets = mandrill.unwrapped(body) if form else body
    try:
        whole = json.loads(octets) if octets.lstrip()[:1] in _ARRAYS else None
    except (ValueError, RecursionError):
        return [body]
    events = whole.get("events") if isinstance(whole, dict) else whole
    if not isinstance(events, list) or len(events) <= EVENTS_MAX:
        return [body]
    parts = [events[start : start + EVENTS_MAX] for start in range(0, len(events), EVENTS_MAX)]
    if form:
        return [urlencode({mandrill.FIELD: _octets(part)}).encode() for part in parts]
    return [_octets(whole | {"events": part} if isinstance(whole, dict) else part) for part in parts]


def _octets(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
