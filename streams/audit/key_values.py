"""Octets by key, in key order: what a replay keeps its rows in. Pure; the one on disk is in on_disk.py."""

from collections.abc import Iterable, Iterator
from typing import Protocol

Change = tuple[bytes, bytes | None]
"""A key and its new value; None: it is gone."""


class KeyValues(Protocol):
    """Octets by key."""

    def get_many(self, keys: list[bytes]) -> list[bytes | None]:
        """The values of many keys, in their order."""

    def items(self, prefix: bytes, start: bytes = b"", stop: bytes | None = None) -> Iterator[tuple[bytes, bytes]]:
        """Everything whose key is `prefix` and something from `start` on, before `stop` (None: all), in key order."""

    def put(self, changes: Iterable[Change]) -> None:
        """Write or remove."""


class InMemory:
    """In a dictionary: for logs whose rows fit into memory. `items` sorts all keys, which costs where it is asked
    often."""

    def __init__(self) -> None:
        self._values: dict[bytes, bytes] = {}

    def get_many(self, keys: list[bytes]) -> list[bytes | None]:
        """The values of many keys, in their order."""
        return [self._values.get(key) for key in keys]

    def items(self, prefix: bytes, start: bytes = b"", stop: bytes | None = None) -> Iterator[tuple[bytes, bytes]]:
        """As KeyValues has it; what is written meanwhile does not appear."""
        first, last = prefix + start, None if stop is None else prefix + stop
        wanted = [key for key in self._values if key.startswith(prefix) and key >= first]
        for key in sorted(key for key in wanted if last is None or key < last):
            yield key, self._values[key]

    def put(self, changes: Iterable[Change]) -> None:
        """Write or remove."""
        for key, value in changes:
            if value is None:
                self._values.pop(key, None)
            else:
                self._values[key] = value
