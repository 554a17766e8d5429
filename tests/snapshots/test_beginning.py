"""Where a replay begins: the snapshot that fits the wish, or the log's beginning; and what is refused, by name."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sidestep.schemas.codec import encode
from sidestep.streams.audit import Replayer
from sidestep.streams.audit.beginning import LogExtent, LogSnapshots, find_beginning
from sidestep.streams.errors import SnapshotNeeded
from sidestep.streams.snapshots.record import ref_of
from tests.audit.conftest import golden_lines
from tests.snapshots.conftest import Snapped
from tests.snapshots.snapshot_world import LOG, OURS, FoldedLedger, taken, wait_a_tick

WHOLE, HALVED = LogExtent(0, 0, len(LOG)), LogExtent(0, 30, len(LOG))


def ours(snapped: Snapped) -> LogSnapshots:
    """Its place, as a search has it."""
    return LogSnapshots(snapped.place.url, OURS)


def test_a_replay_from_a_snapshot_says_what_one_from_the_beginning_says(snapped: Snapped, tmp_path: Path) -> None:
    """Of all records behind it, octet by octet; rows too; and the snapshot stays as it was."""
    beginning = find_beginning(HALVED, ours(snapped), tmp_path / "work")
    assert 40 == beginning.start
    replayer = Replayer(0, beginning.tables, beginning.start)
    verdicts = [encode(verdict) for step in replayer.replay(LOG, 7) for verdict in step.verdicts]
    assert verdicts and golden_lines("verdicts")[-len(verdicts) :] == verdicts
    snapped.ledger.fold(len(LOG))
    for name, store in snapped.ledger.stores.items():
        left = {"rows": beginning.tables.keyed, "window": beginning.tables.windowed}[name]
        assert [row for row in store.items(b"") if row[0][:1] != b"\0"] == list(left.items(b""))
    beginning.close()
    snapped.place.check(snapped.manifest)


def test_one_that_is_lent_does_the_same_and_stays_as_it_was(snapped: Snapped, tmp_path: Path) -> None:
    """Its tables are not even read to begin; nothing is written where it lies. Tables that are shorter are refused."""
    folder = tmp_path / "place" / ref_of(snapped.manifest).path
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}
    beginning = find_beginning(HALVED, ours(snapped), tmp_path / "work", lend=True)
    tables = list((tmp_path / "work").rglob("*.sst"))
    assert tables and all(path.is_symlink() for path in tables)
    replayer = Replayer(0, beginning.tables, beginning.start)
    verdicts = [encode(verdict) for step in replayer.replay(LOG, 7) for verdict in step.verdicts]
    assert verdicts and golden_lines("verdicts")[-len(verdicts) :] == verdicts
    beginning.close()
    shutil.rmtree(tmp_path / "work")
    assert before == {
        path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()
    }
    table = max(folder.glob("rows/*.sst"), key=lambda path: path.stat().st_size)
    table.write_bytes(table.read_bytes()[:-1])
    with pytest.raises(SnapshotNeeded, match="its size is another"):
        find_beginning(HALVED, ours(snapped), tmp_path / "again", lend=True)


def test_the_newest_one_at_or_before_the_wish_is_taken(snapped: Snapped, tmp_path: Path) -> None:
    """By offset or by log time; where the log is whole and nothing is wished, its beginning."""
    first = snapped.manifest
    snapped.ledger.fold(60)
    wait_a_tick()
    second = snapped.take()

    def begun(name: str, log: LogExtent = WHOLE, offset: int | None = None, before_ms: int | None = None) -> int:
        beginning = find_beginning(log, ours(snapped), tmp_path / name, offset=offset, before_ms=before_ms)
        beginning.close()
        return beginning.start

    assert 0 == begun("none")
    assert 40 == begun("halved", HALVED)
    assert (0, 40, 40, 60) == tuple(begun(f"at{offset}", offset=offset) for offset in (39, 40, 59, 60))
    assert 60 == begun("late", LogExtent(0, 50, len(LOG)))
    assert 40 == begun("time", before_ms=second.log_time_ms - 1)
    assert 60 == begun("same time", before_ms=second.log_time_ms)
    assert 0 == begun("earlier", before_ms=first.log_time_ms - 1)
    assert 40 == begun("earlier than all", HALVED, before_ms=first.log_time_ms - 1)
    with pytest.raises(SnapshotNeeded, match="at offset 29 or later and before offset 35"):
        begun("gone", HALVED, offset=35)
    with pytest.raises(SnapshotNeeded, match="SIDESTEP_SNAPSHOTS"):
        find_beginning(HALVED, None, tmp_path / "nowhere")


Spoil = Callable[[Path], None]


def flipped(pattern: str) -> Spoil:
    """One octet in the middle of a file is another."""

    def spoil(folder: Path) -> None:
        path = sorted(folder.glob(pattern))[0]
        octets = bytearray(path.read_bytes())
        octets[len(octets) // 2] ^= 1
        path.write_bytes(octets)

    return spoil


def removed(pattern: str) -> Spoil:
    """A file is gone."""
    return lambda folder: sorted(folder.glob(pattern))[0].unlink()


def copied(other: str) -> Spoil:
    """The manifest is that of another snapshot."""

    def spoil(folder: Path) -> None:
        shutil.copy(folder.parent / other / "manifest.json", folder)

    return spoil


def test_what_is_damaged_is_refused_by_name(snapped: Snapped, tmp_path: Path) -> None:
    """And the sound one before it is used; where there is none, the reasons are told."""
    snapped.ledger.fold(60)
    wait_a_tick()
    second = ref_of(snapped.take())
    folder, sound = tmp_path / "place" / second.path, tmp_path / "sound"
    shutil.copytree(folder, sound)
    damages: dict[str, tuple[Spoil, str]] = {
        "sst": (flipped("rows/*.sst"), r"the file rows/.*\.sst is damaged"),
        "window": (flipped("window/*.sst"), r"the file window/.*\.sst is damaged"),
        "manifest": (flipped("manifest.json"), "manifest.json is damaged"),
        "missing": (removed("window/CURRENT"), "the file window/CURRENT is missing"),
        "other place": (copied(ref_of(snapped.manifest).name), "it is foreign"),
    }
    for number, (name, (spoil, why)) in enumerate(damages.items()):
        shutil.rmtree(folder)
        shutil.copytree(sound, folder)
        spoil(folder)
        beginning = find_beginning(WHOLE, ours(snapped), tmp_path / f"work{number}", offset=100)
        beginning.close()
        assert 40 == beginning.start, name
        [refused] = beginning.refused
        assert str(second) in refused
        with pytest.raises(SnapshotNeeded, match=why):
            find_beginning(LogExtent(0, 50, len(LOG)), ours(snapped), tmp_path / f"none{number}")


def test_what_is_foreign_is_refused_by_name(snapped: Snapped, tmp_path: Path) -> None:
    """Another cluster's, and that of a log that was longer; what else is foreign is in test_record.py."""
    others = FoldedLedger(tmp_path / "others", cluster="theirs")
    others.fold(50)
    theirs = ref_of(taken(others, snapped.place, tmp_path / "held"))
    others.close()
    shutil.rmtree(tmp_path / "place" / OURS)
    with pytest.raises(SnapshotNeeded, match="there are some of other clusters: theirs"):
        find_beginning(HALVED, ours(snapped), tmp_path / "a")
    shutil.copytree(tmp_path / "place" / "theirs", tmp_path / "place" / OURS)
    with pytest.raises(SnapshotNeeded, match=rf"{OURS}/decide/0/{theirs.name}: it is foreign"):
        find_beginning(HALVED, ours(snapped), tmp_path / "b")
    shutil.rmtree(tmp_path / "place" / OURS)
    snapped.take()
    with pytest.raises(SnapshotNeeded, match="beyond the end of email-evidence/0, which is at 39"):
        find_beginning(LogExtent(0, 30, 39), ours(snapped), tmp_path / "c")
