"""A manifest says what it is of, and nobody can change a word of it unnoticed."""

import msgspec
import pytest

from sidestep.streams.errors import SnapshotRefused
from sidestep.streams.snapshots.record import (
    SnapshotFile,
    SnapshotManifest,
    SnapshotRef,
    SnapshotWanted,
    read_manifest,
    ref_of,
    require_fit,
    written,
)

MANIFEST = SnapshotManifest(
    cluster="ours",
    group="sidestep",
    role="decide",
    topic="email-evidence",
    partition=3,
    marker=4711,
    log_time_ms=1_790_000_000_123,
    taken_at=1_790_000_001.25,
    engine="5",
    positions={"rows": 9000, "window": 800},
    ages={"window": 1_296_000},
    files={"rows/000012.sst": SnapshotFile(10, "ab" * 32)},
)
REF = SnapshotRef("ours", "decide", 3, "20260921T141321.250000Z-4711")


def test_a_manifest_is_read_as_it_was_written() -> None:
    """And lies where its words say."""
    assert REF == ref_of(MANIFEST)
    assert MANIFEST.taken_at == REF.taken_at
    assert MANIFEST == msgspec.structs.replace(read_manifest(written(MANIFEST), REF), blake2b="")


def test_any_octet_that_is_another_is_seen() -> None:
    """One after the other, each of them."""
    octets = written(MANIFEST)
    for at in range(len(octets)):
        changed = bytearray(octets)
        changed[at] ^= 1
        with pytest.raises(SnapshotRefused, match=REF.name):
            read_manifest(bytes(changed), REF)
    with pytest.raises(SnapshotRefused, match="damaged"):
        read_manifest(octets + b" ", REF)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"cluster": "theirs"}, "of cluster ours, not theirs"),
        ({"role": "watch"}, "of role decide, not watch"),
        ({"topic": "other"}, "of topic email-evidence, not other"),
        ({"partition": 4}, "of partition 3, not 4"),
        ({"group": "other"}, "of group sidestep, not other"),
        ({"engine": "4"}, "a newer version has made it, with engine 5; this one has engine 4"),
    ],
)
def test_what_is_foreign_or_newer_is_refused_by_name(fields: dict[str, str | int], why: str) -> None:
    """Each by its reason; an older engine's rows can be read."""
    wanted = SnapshotWanted("ours", "decide", "email-evidence", 3, "10")
    require_fit(MANIFEST, wanted)
    with pytest.raises(SnapshotRefused, match=f"{REF.name}: .*{why}"):
        require_fit(MANIFEST, SnapshotWanted(**{**vars(wanted), **fields}))


@pytest.mark.parametrize(
    ("manifest", "why"),
    [
        (msgspec.structs.replace(MANIFEST, format=2), "it has format 2, this version reads format 1"),
        (msgspec.structs.replace(MANIFEST, marker=4712), "it is foreign: by its manifest it is"),
        (msgspec.structs.replace(MANIFEST, files={"rows/../../x": SnapshotFile(1, "")}), "names the file"),
    ],
)
def test_what_this_version_can_t_read_is_refused(manifest: SnapshotManifest, why: str) -> None:
    """Another format, another place, files that would lie elsewhere."""
    with pytest.raises(SnapshotRefused, match=why):
        read_manifest(written(manifest), REF)
