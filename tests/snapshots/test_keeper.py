"""Which snapshots are due, what the rule removes and when it must not, in a folder and in an object store."""

import uuid
from itertools import pairwise
from pathlib import Path

import pytest

from sidestep.streams.errors import SettingsError, SnapshotRefused, SnapshotsUnreachable
from sidestep.streams.snapshots import keeping
from sidestep.streams.snapshots.keeper import SnapshotKeeper, remove_old
from sidestep.streams.snapshots.keeping import DAY, KeepRule
from sidestep.streams.snapshots.place import SnapshotPlace
from sidestep.streams.snapshots.record import SnapshotManifest, ref_of
from sidestep.streams.snapshots.request import SnapshotRequest, write_request
from sidestep.streams.snapshots.take import HeldState, hold, keep
from sidestep.streams.snapshots.turns import is_due, turn
from tests.snapshots.conftest import Snapped
from tests.snapshots.snapshot_world import OURS, SOURCE, wait_a_tick

ONE = KeepRule(1, 0, 0)
LATER = 10 * DAY


class Clock:
    """A clock that stands still until it is told."""

    def __init__(self, now: float):
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("scheme", ["", "file://", "memory://"])
def test_a_snapshot_can_lie_anywhere(snapped: Snapped, tmp_path: Path, scheme: str) -> None:
    """It is read as it was written; what is spoilt is refused; what is removed is gone."""
    url = f"memory://{uuid.uuid4().hex}" if scheme == "memory://" else f"{scheme}{tmp_path}/other"
    place = SnapshotPlace(url)
    assert ([], []) == (place.listed(OURS, "decide", 0), place.clusters())
    manifest = keep(hold(snapped.ledger, tmp_path / "held", lambda _: 1), SOURCE, place)
    [ref] = place.listed(OURS, "decide", 0)
    assert (ref, [OURS]) == (ref_of(manifest), place.clusters())
    place.check(place.manifest(ref))
    place.fetch(place.manifest(ref), tmp_path / "copy")
    assert sorted(manifest.files) == sorted(
        str(path.relative_to(tmp_path / "copy")) for path in (tmp_path / "copy").rglob("*") if path.is_file()
    )
    place.remove(ref)
    assert [] == place.listed(OURS, "decide", 0) == place.unfinished(OURS, "decide", 0)
    with pytest.raises(SnapshotRefused, match="it has no manifest"):
        place.manifest(ref)


def test_nobody_else_may_read_what_lies_on_a_disk(snapped: Snapped, tmp_path: Path) -> None:
    """Neither there nor where it is copied to, whatever the umask."""
    snapped.place.fetch(snapped.manifest, tmp_path / "copy")
    for path in [*(tmp_path / "place").rglob("*"), *(tmp_path / "copy").rglob("*")]:
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


def test_what_has_no_manifest_is_no_snapshot(snapped: Snapped, tmp_path: Path) -> None:
    """Whoever died over it; after a day it is removed."""
    (tmp_path / "place" / ref_of(snapped.manifest).path / "manifest.json").unlink()
    assert [] == snapped.place.listed(OURS, "decide", 0)
    assert [ref_of(snapped.manifest)] == snapped.place.unfinished(OURS, "decide", 0)
    wait_a_tick()
    young = snapped.take()
    assert [] == remove_old(snapped.place, young, ONE)
    assert [ref_of(snapped.manifest)] == remove_old(snapped.place, at(young, LATER), ONE)


def at(manifest: SnapshotManifest, seconds: float) -> SnapshotManifest:
    """As if it had been taken so much later."""
    fields = {name: getattr(manifest, name) for name in manifest.__struct_fields__}
    return SnapshotManifest(**{**fields, "taken_at": manifest.taken_at + seconds, "blake2b": ""})


def test_nothing_is_removed_unless_one_that_stays_is_sound(
    snapped: Snapped, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A damaged one never takes the place of the last good one."""
    monkeypatch.setattr(keeping, "IN_USE_SECONDS", 0.0)
    wait_a_tick()
    second = snapped.take()
    spoilt = tmp_path / "place" / ref_of(second).path / "rows" / "CURRENT"
    sound = spoilt.read_bytes()
    spoilt.write_bytes(b"x" + sound[1:])
    assert [] == remove_old(snapped.place, second, ONE)
    assert 2 == len(snapped.place.listed(OURS, "decide", 0))
    spoilt.write_bytes(sound)
    assert [ref_of(snapped.manifest)] == remove_old(snapped.place, second, ONE)
    assert [ref_of(second)] == snapped.place.listed(OURS, "decide", 0)


def test_one_a_day_is_due_and_when_somebody_asks(snapped: Snapped) -> None:
    """Of a partition that has one, not before its turn; one attempt for each request; after a failure later."""
    clock = Clock(snapped.manifest.taken_at)
    keeper = SnapshotKeeper(snapped.place.url, SOURCE, ONE, DAY, clock)
    clock.now += 3600
    newest = snapped.manifest.taken_at
    due = is_due(clock.now, newest, DAY, turn("decide", 0))
    assert due == keeper.is_due(OURS, 0)
    assert keeper.is_due(OURS, 1)
    clock.now = newest + DAY + 1
    assert keeper.is_due(OURS, 0)
    keeper.failed(0, SnapshotsUnreachable("away"))
    assert not keeper.is_due(OURS, 0)
    write_request(snapped.place, OURS, SnapshotRequest("a", clock.now))
    keeper.look_for_request(OURS)
    assert keeper.is_due(OURS, 0)
    keeper.asked_for(0)
    assert not keeper.is_due(OURS, 0)
    clock.now += 601
    assert keeper.is_due(OURS, 0)
    assert 1 == keeper.figures.failed


def test_a_worker_that_has_just_begun_takes_none_by_itself(snapped: Snapped) -> None:
    """Nor do all partitions of a worker that begins again: their turns are spread over the day."""
    clock = Clock(snapped.manifest.taken_at + LATER)
    keeper = SnapshotKeeper(snapped.place.url, SOURCE, ONE, DAY, clock)
    assert not keeper.is_due(OURS, 0)
    turns = sorted(turn("decide", number) for number in range(12))
    gaps = [later - earlier for earlier, later in pairwise(turns)]
    assert min(gaps) > 0.4 / 12


def test_a_full_disk_and_a_place_that_can_t_be_one_are_told(
    snapped: Snapped, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was held is gone in any case; nothing is written where there is no room."""
    monkeypatch.setattr(SnapshotPlace, "free", lambda _: 1000)
    held = hold(snapped.ledger, tmp_path / "held", lambda _: 1)
    with pytest.raises(SnapshotsUnreachable, match="1,000 octets left"):
        keep(held, SOURCE, snapped.place)
    assert not (tmp_path / "held").exists()
    assert 1 == len(snapped.place.listed(OURS, "decide", 0))
    with pytest.raises(SettingsError, match="nowhere"):
        SnapshotPlace("nowhere://x")
    (tmp_path / "file").write_text("")
    with pytest.raises(SnapshotsUnreachable):
        keep(_held_again(snapped, tmp_path), SOURCE, SnapshotPlace(str(tmp_path / "file" / "below")))


def _held_again(snapped: Snapped, tmp_path: Path) -> HeldState:
    return hold(snapped.ledger, tmp_path / "held", lambda _: 1)
