"""A body of more events than a record may have, as several bodies: for whoever puts it into Kafka. Pure."""

import json
from typing import Any
from urllib.parse import urlencode

from sidestep.streams.screen.feedback.webhooks import mandrill
from sidestep.streams.screen.feedback.webhooks.event import EVENTS_MAX

BESIDE_MAX = 1024
"""Octets beside `events`, which each piece has again: Mailtrap writes none, and half a body in each of thousands would
be a gigabyte."""
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
    beside = {name: value for name, value in whole.items() if name != "events"} if isinstance(whole, dict) else {}
    parts = [events[start : start + EVENTS_MAX] for start in range(0, len(events), EVENTS_MAX)]
    try:
        if len(_octets(beside)) > BESIDE_MAX:
            return [body]
        found = [_piece(part, isinstance(whole, dict), form, beside) for part in parts]
    except RecursionError:  # what is nested so deeply that it can just be read can't be written
        return [body]
    return found if max(map(len, found)) <= len(body) else [body]  # 1e15 is written with all its zeros


def _piece(events: list[Any], named: bool, form: bool, beside: dict[str, Any]) -> bytes:
    if form:
        return urlencode({mandrill.FIELD: _octets(events)}).encode()
    return _octets(beside | {"events": events} if named else events)


def _octets(value: Any) -> bytes:
    """No longer than they came, but for few: Kafka would not take them. Half a character stays escaped."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")
