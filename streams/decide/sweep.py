"""Ends rows as the log's time goes on: which rows a batch may end, and ending them. Pure: rows are read by who calls.

However the log is cut into batches, the same rows end at the same record.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from sidestep.schemas import Evidence
from sidestep.streams.decide.expiry import NAMED_SECONDS, Stretch, due, ended
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
    for stretch in due(began, newest):
        for key, row in between(*stretch):
            if ended(row, newest // 1000):
                state.ending.setdefault(stretch, []).append(key)
                state.rows(stretch.table).setdefault(key, row)


def sweep(state: State, before_ms: int) -> None:
    """The clock has gone on from there into another hour: what has ended leaves."""
    clock_ms = state.controls.clock_ms
    if not before_ms or not (state.ending or state.long):
        return
    through = due(before_ms, clock_ms)
    if not state.long:
        for stretch in through:
            _sweep(state, stretch.table, state.ending.get(stretch, ()), clock_ms // 1000)
        return
    # a row of this very batch can end in it only where the batch is that long, or takes something of a row back
    for table in dict.fromkeys(stretch.table for stretch in through):
        keys = _within([stretch for stretch in through if stretch.table is table], state.rows(table))
        _sweep(state, table, keys, clock_ms // 1000)


def _within(through: list[Stretch], keys: Iterable[bytes]) -> list[bytes]:
    """Keys in any of these stretches of a table, each looked for once: after a silence there are a thousand of them."""
    ordered = sorted(through, key=lambda stretch: stretch.start)
    starts = [stretch.start for stretch in ordered]
    return [key for key in keys if (at := bisect_right(starts, key)) and key in ordered[at - 1]]


def _sweep(state: State, table: Table[Any], keys: Iterable[bytes], now: int) -> None:
    rows = state.rows(table)
    for key in keys:
        row = rows.get(key)
        if row is not None and ended(row, now):
            state.forget(table, key)
