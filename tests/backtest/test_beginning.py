"""A backtest begins behind a snapshot, where there is one before the time that is asked for, and comes to the same."""

from pathlib import Path

import pytest

from sidestep.schemas.codec import decode_evidence
from sidestep.streams.audit.audit_partition import Span
from sidestep.streams.audit.beginning import LogExtent, LogSnapshots
from sidestep.streams.audit.on_disk import stores
from sidestep.streams.backtest.counts import BacktestCounts
from sidestep.streams.backtest.partition import LoggedPartition, PartitionBacktest
from sidestep.streams.backtest.run import beginning, told_of
from sidestep.streams.decide.policy_check import checked
from sidestep.streams.errors import SnapshotNeeded
from sidestep.streams.snapshots.place import SnapshotPlace
from tests.decide.world import policy_text
from tests.snapshots.snapshot_world import LOG, OURS, FoldedLedger, taken

TEXT = policy_text({"role-address": "reject", "known-trap": "off"})
SINCE_MS = decode_evidence(LOG[60][1]).at


def compared(folder: Path, extent: LogExtent, snapshots: LogSnapshots | None) -> tuple[BacktestCounts, list[str]]:
    """From SINCE_MS on, with databases in this folder."""
    with stores(folder) as new_store, beginning(extent, snapshots, folder, SINCE_MS, new_store) as begun:
        backtest = PartitionBacktest(checked(TEXT), TEXT, Span(SINCE_MS / 1000), new_store, lambda _: None)
        log = LoggedPartition(0, begun.tables, begun.start, iter(LOG[begun.start :]))
        return backtest.compare(log), told_of(begun, extent)


def test_behind_a_snapshot_it_comes_to_the_same(tmp_path: Path) -> None:
    """Also where the log's beginning is gone; it says so. Without any it tells nothing."""
    ledger, place = FoldedLedger(tmp_path / "ledger"), SnapshotPlace(str(tmp_path / "place"))
    ledger.fold(40)
    taken(ledger, place, tmp_path / "held")
    ledger.close()
    whole, halved = LogExtent(0, 0, len(LOG)), LogExtent(0, 30, len(LOG))
    ours = LogSnapshots(place.url, OURS)
    expected, nothing = compared(tmp_path / "a", whole, None)
    assert expected.changes and [] == nothing
    for name, extent in (("b", whole), ("c", halved)):
        found, notes = compared(tmp_path / name, extent, ours)
        assert ["email-evidence/0 is folded from offset 40 on, behind a snapshot"] == notes
        assert expected == found
    with pytest.raises(SnapshotNeeded, match="begins at offset 30"):
        compared(tmp_path / "d", halved, None)
