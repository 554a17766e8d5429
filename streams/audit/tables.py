"""The ledger's tables in a replay: the same keys and the same octets as in a ledger and its changelogs. Pure."""

from collections.abc import Iterable, Iterator
from typing import Any

from sidestep.streams.audit.key_values import InMemory, KeyValues
from sidestep.streams.runtime.changes import Changes
from sidestep.streams.runtime.tables import Row, Table


class ReplayTables:
    """Tables over two stores, as a ledger has them: `rows` for keyed tables, `window` for windowed ones. By default
    both are in memory and empty."""

    def __init__(self, rows: KeyValues | None = None, window: KeyValues | None = None):
        self.keyed = InMemory() if rows is None else rows
        self.windowed = InMemory() if window is None else window
        self.known_rows: dict[bytes, bytes | None] = {}
        """What was looked up since something was written last, by table and key: octets, None where there are none."""
        self.known_window: dict[bytes, bytes | None] = {}

    def read(self, table: Table[Row], keys: Iterable[bytes]) -> dict[bytes, Row]:
        """The rows of `keys` that exist."""
        wanted = list(keys)
        prefix, decode = table.prefix, table.decode
        places = [prefix + key for key in wanted]
        values = self._of(table).get_many(places)
        known = self.known_window if table.windowed else self.known_rows
        known.update(zip(places, values, strict=True))
        return {key: decode(value) for key, value in zip(wanted, values, strict=True) if value is not None}

    def rows(self, table: Table[Row]) -> Iterator[tuple[bytes, Row]]:
        """All rows of a table, in key order."""
        return self.between(table, b"", None)

    def between(self, table: Table[Row], start: bytes, stop: bytes | None) -> Iterator[tuple[bytes, Row]]:
        """The rows of a table whose keys are from `start` on and before `stop` (None: the end), in key order."""
        for key, value in self._of(table).items(table.prefix, start, stop):
            yield key[1:], table.decode(value)

    def apply(self, changes: Changes) -> None:
        """What a batch has written."""
        self.keyed.put(changes.rows)
        if changes.window:
            self.windowed.put(changes.window)
        self.known_rows.clear()
        self.known_window.clear()

    def _of(self, table: Table[Any]) -> KeyValues:
        return self.windowed if table.windowed else self.keyed
