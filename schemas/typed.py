"""Plain values and JSON texts as a type, from any thread.

msgspec (0.22) works out the fields of a Struct the first time that a type with it is used. Of two threads that do so at
once one may use what the other has half worked out, which ends the process (signal 11). So whatever is read by a type
that no decoder was made of at import is read here, one at a time: texts of policies, files and notes, none of them
often.
"""

from threading import Lock
from typing import TypeVar

import msgspec

T = TypeVar("T")

_one_at_a_time = Lock()


def as_type(value: object, kind: type[T]) -> T:
    """A value as TOML or JSON gives it -> `kind`. Raises msgspec.ValidationError."""
    with _one_at_a_time:
        return msgspec.convert(value, kind)


def json_as(text: bytes | str, kind: type[T]) -> T:
    """JSON -> `kind`. Raises msgspec.DecodeError, and what else msgspec.json.decode does."""
    with _one_at_a_time:
        return msgspec.json.decode(text, type=kind)
