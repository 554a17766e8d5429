"""A ledger in memory, for tests of what is decided rather than of how it is kept."""

from collections.abc import Iterable, Iterator

from sidestep.streams.chain import HEADER
from sidestep.streams.runtime.outgoing import Outgoing, Single
from sidestep.streams.runtime.tables import Row, Table, Writes


class MemoryLedger:
    """The Ledger's interface over dicts. Rows go through the tables' own encoding, as they do on disk."""

    partition = 0

    def __init__(self) -> None:
        self.marker = -1
        self.stored: dict[str, dict[bytes, bytes]] = {}
        self.outputs: dict[str, list[bytes]] = {}
        self.singles: list[Single] = []
        self.links: dict[tuple[str, int], bytes] = {}
        """Of the chain, by the topic of the verdict that has it, and which verdict of the topic that is."""
        self.placed: list[tuple[str, int, str | bytes | None]] = []
        self.commits = 0

    def read(self, table: Table[Row], keys: Iterable[bytes]) -> dict[bytes, Row]:
        """The rows of `keys` that exist."""
        rows = self.stored.get(table.name, {})
        return {key: table.decode(rows[key]) for key in keys if key in rows}

    def rows(self, table: Table[Row]) -> Iterator[tuple[bytes, Row]]:
        """All rows in key order."""
        for key, value in sorted(self.stored.get(table.name, {}).items()):
            yield key, table.decode(value)

    def between(self, table: Table[Row], start: bytes, stop: bytes | None) -> Iterator[tuple[bytes, Row]]:
        """The rows of a stretch in key order."""
        return ((key, row) for key, row in self.rows(table) if start <= key and (stop is None or key < stop))

    def keys_of(self, topic: str) -> list[tuple[int, str | bytes | None]]:
        """Partition and key of everything put into a topic."""
        return [(partition, key) for name, partition, key in self.placed if name == topic]

    def commit(self, outgoing: Outgoing, writes: Writes, marker: int) -> float:
        """Keep it all; what can't be encoded is told before anything has changed."""
        encoded = [
            (table.name, key, None if row is None else table.encode(row))
            for table, rows in writes.rows.items()
            for key, row in rows.items()
        ]
        for name, key, value in encoded:
            stored = self.stored.setdefault(name, {})
            if value is None:
                stored.pop(key, None)
            else:
                stored[key] = value
        for (topic, partition), records in outgoing.batches.items():
            self.outputs.setdefault(topic, []).extend(record["value"] or b"" for record in records)
            self.placed.extend((topic, partition, record["key"]) for record in records)
        for single in outgoing.singles:
            self._put_by(single)
        self.marker = marker
        self.commits += 1
        return 0.0

    def _put_by(self, single: Single) -> None:
        """What goes out by itself for its link alone lies among the others of its topic."""
        names = [name for name, _ in single.get("headers", [])]
        if names != [HEADER]:
            self.singles.append(single)
            return
        values = self.outputs.setdefault(single["topic"], [])
        ((_, link),) = single["headers"]
        assert isinstance(link, bytes)
        self.links[single["topic"], len(values)] = link
        values.append(single["value"] or b"")
        self.placed.append((single["topic"], single["partition"], single.get("key")))
