"""When rows end: 24 months of log time after the last thing that happened to what they are about. Pure.

From then on a row counts for nothing. It leaves the ledger, and by a tombstone its changelog, when the log's time next
enters an hour in which its part of the keys is gone through: recipients' keys have 1,024 parts, names of domains,
services and sources 256. So all are gone through within 43 days, and no batch ever goes through the whole ledger.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from sidestep.streams.decide.policy import DAY
from sidestep.streams.decide.tables import (
    BOUNCE_HISTORY,
    DOMAIN_RATES,
    SERVICES,
    SOURCES,
    DomainRow,
    RecipientRow,
    ServiceRow,
    SourceRow,
)
from sidestep.streams.runtime.tables import Table

KEPT_SECONDS = 731 * DAY
"""24 months, one of the years a leap year."""
HOUR_MS = 3_600_000
PARTS = 1024
"""Hours after which every part of every table has been gone through."""

Aging = RecipientRow | DomainRow | ServiceRow | SourceRow


class Stretch(NamedTuple):
    """Keys of a table from `start` on; `stop`, where there is one, is in the next part."""

    table: Table[Any]
    start: bytes
    stop: bytes | None

    def __contains__(self, key: object) -> bool:
        return isinstance(key, bytes) and self.start <= key and (self.stop is None or key < self.stop)


def ended(row: Aging, now: int) -> bool:
    """Nothing has happened for so long that it counts no more. `now`: seconds."""
    return 0 < row.touched < now - KEPT_SECONDS


def stretches(hour: int) -> Iterator[Stretch]:
    """What is gone through as the log's time enters an hour (since 1970)."""
    yield _stretch(BOUNCE_HISTORY, hour, PARTS, 2)
    for table in (DOMAIN_RATES, SERVICES, SOURCES):
        yield _stretch(table, hour, 256, 1)


def hours(before_ms: int, after_ms: int) -> range:
    """The hours that the log's time enters; after a long silence as many as go through everything once."""
    last = after_ms // HOUR_MS
    return range(max(before_ms // HOUR_MS, last - PARTS) + 1, last + 1)


def _stretch(table: Table[Any], hour: int, count: int, octets: int) -> Stretch:
    """Of `count` equal parts of the keys, by their first octets."""
    number, size = hour % count, 256**octets // count
    start = (number * size).to_bytes(octets, "big") if number else b""
    stop = ((number + 1) * size).to_bytes(octets, "big") if number + 1 < count else None
    return Stretch(table, start, stop)
