"""JSON bodies that can be read in one way only. Pure."""

import json
from typing import Any

from sidestep.streams.web.receive.incoming import Refused


def parse_object(body: bytes) -> dict[str, Any]:
    """The JSON object in UTF-8. Raises Refused, too where a member stands there twice: one reader would take the
    first, another one the last."""
    try:
        found = json.loads(body.decode("utf-8"), object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise Refused("malformed") from None
    if not isinstance(found, dict):
        raise Refused("malformed")
    return found


def member(found: dict[str, Any], name: str) -> str:
    """A text of an object; numbers are taken as their digits. Raises Refused."""
    value = found.get(name)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**12:
        return str(value)
    if not isinstance(value, str):
        raise Refused("malformed")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Refused("malformed")
    return found
