"""A verdict, decoded as far as the demo needs it: there are 60,000 to count while everything else runs. Pure."""

from typing import Any, Literal

import msgspec
from msgspec import Struct

from sidestep.schemas import FiredRule
from sidestep.streams.demo.planning import IntentKey


class Seen(Struct, gc=False):
    """The fields of Verdict that are looked at; the others are skipped."""

    id: str
    to: str
    service: str
    action: Literal["send", "drop", "defer"]
    attempt: int = 1
    retry_at: float | None = None
    rules: tuple[FiredRule, ...] = ()
    risk: float = 0.0
    suggestion: str = ""
    test: bool = False
    metadata: dict[str, Any] | None = None
    token: str = ""

    @property
    def key(self) -> IntentKey:
        """The intent that it answers."""
        return IntentKey(self.service, self.id, self.attempt, self.to)


class _Key(Struct, gc=False):
    id: str
    to: str
    service: str
    attempt: int = 1


decode_seen = msgspec.json.Decoder(Seen).decode
"""The octets of a verdict -> Seen. Raises msgspec.DecodeError."""

_decode_key = msgspec.json.Decoder(_Key).decode


def decode_key(value: bytes) -> IntentKey:
    """The octets of a verdict -> the intent that it answers, and nothing else. Raises msgspec.DecodeError."""
    key = _decode_key(value)
    return IntentKey(key.service, key.id, key.attempt, key.to)
