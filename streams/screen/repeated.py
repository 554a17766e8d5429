"""Members that a JSON object names twice: one reader takes the first, another the last, so a signature over them proves
nothing. Pure."""

import json
from typing import Any

import msgspec

from sidestep.schemas.codec import encode
from sidestep.schemas.framed import frames

_decode = msgspec.json.Decoder().decode


def repeats_member(value: bytes, model: msgspec.Struct | None = None) -> bool:
    """Whether an object anywhere in this JSON text has two members of one name. `model`: what was read of it.

    msgspec keeps the last one. So what it has read, written again, has fewer quotation marks than the text exactly when
    something has gone; only where a quotation mark may be written as an escape, each object is gone through. False for
    what is no JSON.
    """
    if b"\\u" in value:
        return _goes_through(value)
    marks = value.count(b'"')
    if model is not None and encode(model).count(b'"') == marks:
        return False  # nothing unknown in it, no default spelt out: what our publisher writes
    try:
        return encode(_decode(value)).count(b'"') != marks
    except (msgspec.DecodeError, RecursionError):
        return False


def repeats_in_frame(value: bytes) -> bool:
    """The same of a value that may have a frame, and of what is in it."""
    return any(map(repeats_member, (value, *(inside.value for inside in frames(value)))))


def _goes_through(value: bytes) -> bool:
    try:
        json.loads(value, object_pairs_hook=_once)
    except _Repeated:
        return True
    except (ValueError, RecursionError):
        return False
    return False


class _Repeated(Exception):
    """A member stands there twice."""


def _once(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) != len(pairs):
        raise _Repeated
