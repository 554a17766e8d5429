"""A ledger that lives as long as a simulation does: rows as they are, in memory. Pure."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sidestep.streams.decide.partition_rows import ClockRow
from sidestep.streams.decide.tables import CLOCK, IDS
from sidestep.streams.runtime.tables import Row, Table

ROTATED_SECONDS = 9 * 86400
"""Ids are looked for up to 8 days back: after so long the older half of them can go."""


class LiveLedger:
    """The reading side of a ledger, and `keep`. The fold changes rows in place, and here they are the same objects."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[bytes, Any]] = defaultdict(dict)
        self._older: dict[bytes, Any] = {}
        self._rotated = 0

    def read(self, table: Table[Row], keys: Iterable[bytes]) -> dict[bytes, Row]:
        """The rows of these keys that exist."""
        rows = self._rows[table.name]
        found = {key: rows[key] for key in keys if key in rows}
        if table is IDS and self._older:
            older = self._older
            found |= {key: older[key] for key in keys if key in older and key not in found}
        return found

    def scan(self, table: Table[Row]) -> list[tuple[bytes, Row]]:
        """All rows, in key order."""
        return sorted(self._rows[table.name].items())

    @staticmethod
    def between(table: Table[Row], start: bytes, stop: bytes | None) -> tuple[()]:
        """No rows: in a simulation of little more than 24 months none has to leave. One that has ended counts for
        nothing all the same, for whoever looks it up finds a stranger."""
        return ()

    def keep(self, writes: dict[Table[Any], dict[bytes, Any]]) -> None:
        """What a batch has written; None for a row that is gone."""
        for table, changed in writes.items():
            if not changed:
                continue
            rows = self._rows[table.name]
            if None in changed.values():
                for key, row in changed.items():
                    if row is None:
                        rows.pop(key, None)
                    else:
                        rows[key] = row
            else:
                rows.update(changed)
        self._rotate()

    def _rotate(self) -> None:
        clock: ClockRow | None = self._rows[CLOCK.name].get(b"clock")
        if clock is not None and clock.at_ms // 1000 - self._rotated > ROTATED_SECONDS:
            self._rotated = clock.at_ms // 1000
            self._older, self._rows[IDS.name] = self._rows[IDS.name], {}
