"""A partition of a topic that can be looked into at any offset. Pure; shelves.py has those in Kafka."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from sidestep.streams.runtime.manifest import Place


class Lying(NamedTuple):
    """A record as it lies there."""

    offset: int
    key: bytes | None
    value: bytes | None


class Shelf(Protocol):
    """One partition of a topic, as it is now."""

    @property
    def place(self) -> Place:
        """Which one."""

    @property
    def start(self) -> int:
        """Offset of the first record that is still there."""

    @property
    def end(self) -> int:
        """Offset behind the last record that can be read."""

    def peek(self, offset: int) -> Lying | None:
        """The first record at or behind an offset; None: there is none."""

    def between(self, start: int, stop: int) -> Iterator[Lying]:
        """The records with start <= offset < stop."""
