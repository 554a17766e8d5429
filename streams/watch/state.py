"""What the fold over tallies reads and writes of a partition: all rows, in memory, and those it has changed. Pure.

A partition has a few rows for each service and source; they live as long as it is open.
"""

from collections.abc import Iterable
from typing import Any, Generic, Protocol

from sidestep.streams.runtime.tables import Row, Table
from sidestep.streams.watch.tables import (
    BASELINES,
    BUDGETS,
    FORESTS,
    INCIDENTS,
    MODELS,
    NOTED_THRESHOLDS,
    PACE_MINUTES,
    PACES,
    REACTIONS,
    READERS,
    STORIES,
    WATCH_CLOCK,
    WINDOWS,
    NotedThresholdsRow,
    ReactionsRow,
    WatchClockRow,
)


class Scan(Protocol):
    """Goes through a table of a ledger."""

    def __call__(self, table: Table[Row]) -> Iterable[tuple[bytes, Row]]:
        """All rows, in key order."""


class Rows(Generic[Row]):
    """The rows of a table. Whoever changes one says so with `put`."""

    def __init__(self, table: Table[Row], scan: Scan):
        self._table = table
        self.by_key: dict[bytes, Row] = dict(scan(table))
        self._written: dict[bytes, Row | None] = {}

    def get(self, key: bytes) -> Row | None:
        """The row, if there is one."""
        return self.by_key.get(key)

    def put(self, key: bytes, row: Row) -> None:
        """A row that is new or has changed."""
        self.by_key[key] = self._written[key] = row

    def drop(self, key: bytes) -> Row:
        """The row is gone."""
        self._written[key] = None
        return self.by_key.pop(key)

    def taken(self) -> dict[bytes, Row | None]:
        """Rows by key that have changed since it was last asked; None for one that is gone."""
        written, self._written = self._written, {}
        return written


class WatchState:
    """One partition of email-tallies, as its ledger has it: `scan` goes through that."""

    def __init__(self, scan: Scan):
        clocks = Rows(WATCH_CLOCK, scan)
        self.second = clocks.by_key[b"clock"].second if clocks.by_key else 0
        self.noted = Rows(NOTED_THRESHOLDS, scan)
        self.windows = Rows(WINDOWS, scan)
        self.stories = Rows(STORIES, scan)
        self.baselines = Rows(BASELINES, scan)
        self.incidents = Rows(INCIDENTS, scan)
        self.reactions = Rows(REACTIONS, scan)
        self.budgets = Rows(BUDGETS, scan)
        self.readers = Rows(READERS, scan)
        self.forests = Rows(FORESTS, scan)
        self.pace_minutes = Rows(PACE_MINUTES, scan)
        self.paces = Rows(PACES, scan)
        self.models = Rows(MODELS, scan)

    def note_thresholds(self, offset: int, version: str) -> None:
        """From this tally on they go by these."""
        if not self.noted.by_key or self.noted.by_key[max(self.noted.by_key)].version != version:
            self.noted.put(offset.to_bytes(8), NotedThresholdsRow(version))

    @property
    def policy(self) -> ReactionsRow | None:
        """What the policy wants done; None: no policy has been heard of yet."""
        return self.reactions.get(b"policy")

    def writes(self) -> dict[Table[Any], dict[bytes, Any]]:
        """Everything written since it was last asked, by table."""
        return {
            WATCH_CLOCK: {b"clock": WatchClockRow(self.second)},
            NOTED_THRESHOLDS: self.noted.taken(),
            WINDOWS: self.windows.taken(),
            STORIES: self.stories.taken(),
            BASELINES: self.baselines.taken(),
            INCIDENTS: self.incidents.taken(),
            REACTIONS: self.reactions.taken(),
            BUDGETS: self.budgets.taken(),
            READERS: self.readers.taken(),
            FORESTS: self.forests.taken(),
            PACE_MINUTES: self.pace_minutes.taken(),
            PACES: self.paces.taken(),
            MODELS: self.models.taken(),
        }


def window_key(start: int, service: str) -> bytes:
    """Key of a window: in the order of time, then of services."""
    return start.to_bytes(8) + service.encode()


def window_of(key: bytes) -> tuple[int, str]:
    """Start and service of a window."""
    return int.from_bytes(key[:8]), key[8:].decode()


def story_key(service: str, kind: str = "", name: str = "") -> bytes:
    """Key of a story: a service's own, or that of its `source` or `campaign` called so."""
    return f"{service}\0{kind}\0{name}".encode()
