"""What a judged world leaves in Kafka, as shelves in memory. Offsets have holes, as ends of transactions leave them."""

from collections.abc import Iterator, Sequence

from sidestep.streams.explain.shelf import Lying
from sidestep.streams.runtime.manifest import Place


class MemoryShelf:
    """A partition as a list; counts what is looked at."""

    def __init__(self, topic: str, records: Sequence[tuple[bytes, bytes]], partition: int = 0, start: int = 0):
        self.place = Place(topic, partition)
        self._records = [Lying(start + 3 * number, *record) for number, record in enumerate(records)]
        self.start = start
        self.end = self._records[-1].offset + 2 if records else start
        self.peeked = 0

    def peek(self, offset: int) -> Lying | None:
        """As Shelf has it."""
        self.peeked += 1
        return next((record for record in self._records if record.offset >= offset), None)

    def between(self, start: int, stop: int) -> Iterator[Lying]:
        """As Shelf has it."""
        return (record for record in self._records if start <= record.offset < stop)
