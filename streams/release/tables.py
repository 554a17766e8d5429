"""The ledger's tables: what Release remembers of a partition of email-rejected. Nothing of it names a person: who an
intent is for stands in the verdict alone, which is read again when its time has come.

A row's fields are stored by position: add new ones at the end, with a default; never reorder or reuse.
"""

from hashlib import blake2b

from msgspec import Struct

from sidestep.schemas import Verdict
from sidestep.streams.runtime.tables import Table

NAME_OCTETS = 16


class WaitingRow(Struct, array_like=True, gc=False):
    """An intent that waits. Its key is that of the intent."""

    due: int
    """When it may be offered again, milliseconds since 1970."""
    offset: int
    """Of the verdict that has deferred it."""
    service: str
    decided: int
    """When it was deferred, milliseconds since 1970, log time."""


class DueRow(Struct, array_like=True, gc=False):
    """The same in the order of time: what the key does not say."""

    intent: bytes
    service: str


WAITING = Table("waiting", b"w", WaitingRow)
DUE = Table("due", b"d", DueRow)


def intent_key(verdict: Verdict) -> bytes:
    """Key of the intent that a verdict is about: of its service and id, and of whether the service was proved, since a
    claim has ids of its own."""
    said = f"{verdict.service}\0{verdict.id}\0{'proved' if verdict.proved else ''}"
    return blake2b(said.encode("utf-8", "surrogatepass"), digest_size=NAME_OCTETS).digest()


def due_key(due: int, offset: int) -> bytes:
    """Key in the order of time, then of verdicts."""
    return due.to_bytes(8) + offset.to_bytes(8)


def due_of(key: bytes) -> tuple[int, int]:
    """Time and the verdict's offset again."""
    return int.from_bytes(key[:8]), int.from_bytes(key[8:])
