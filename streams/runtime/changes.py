"""Rows of a batch on their way into the changelogs and a ledger's stores: keys with their table's prefix, and octets.
Pure."""

from dataclasses import dataclass, field

from sidestep.streams.runtime.tables import Writes


@dataclass(frozen=True)
class Changes:
    """Rows of a batch, encoded."""

    rows: list[tuple[bytes, bytes | None]] = field(default_factory=list)
    """None: the row is gone, a tombstone in the changelog."""
    window: list[tuple[bytes, bytes]] = field(default_factory=list)


def encoded(writes: Writes) -> Changes:
    """What a batch has written, as octets. Raises OverflowError for a number that no row can keep."""
    changes = Changes()
    for table, rows in writes.rows.items():
        prefix, encode = table.prefix, table.encode
        if table.windowed:
            changes.window.extend([(prefix + key, encode(row)) for key, row in rows.items()])
        else:
            changes.rows.extend([(prefix + key, None if row is None else encode(row)) for key, row in rows.items()])
    return changes
