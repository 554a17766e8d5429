"""Ends rows as the log's time goes on: which rows a batch may end, and ending them. Pure: rows are read by who calls.

However the log is cut into batches, the same rows end at the same record.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

from sidestep.schemas import Evidence
from sidestep.streams.decide.expiry import NAMED_SECONDS, Stretch, ended, hours, stretches
from sidestep.streams.decide.state import State
from sidestep.streams.runtime.tables import Row, Table


class Between(Protocol):
    """Goes through a stretch of a ledger's table."""

    def __call__(self, table: Table[Row], start: bytes, stop: bytes | None) -> Iterable[tuple[bytes, Row]]:
        """The rows whose keys are in it, in key order; `stop` is not in it, None: to the end."""


def find_ending(records: Sequence[tuple[int, Evidence]], state: State, between: Between) -> None:
    """Puts into the state what these records may end."""
    clock_ms = state.controls.clock_ms
    newest = max([record.at for _, record in records], default=0)
    if newest < state.controls.hour_ends_ms:
        return
    began = clock_ms or min(record.at for _, record in records)
    state.long = newest - began > NAMED_SECONDS * 1000
    for hour in hours(began, newest):
        for stretch in stretches(hour):
            for key, row in between(*stretch):
                if ended(row, newest // 1000):
                    state.ending.setdefault(stretch, []).append(key)
                    state.rows(stretch.table).setdefault(key, row)


def sweep(state: State, before_ms: int) -> None:
    """The clock has gone on from there into another hour: what has ended leaves."""
    clock_ms = state.controls.clock_ms
    if before_ms and (state.ending or state.long):
        for hour in hours(before_ms, clock_ms):
            for stretch in stretches(hour):
                _sweep(state, stretch, clock_ms // 1000)


def _sweep(state: State, stretch: Stretch, now: int) -> None:
    rows = state.rows(stretch.table)
    # a row of this very batch can end in it only where the batch is that long, or takes something of a row back
    keys = [key for key in rows if key in stretch] if state.long else state.ending.get(stretch, ())
    for key in keys:
        row = rows.get(key)
        if row is not None and ended(row, now):
            state.forget(stretch.table, key)
