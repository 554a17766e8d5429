"""What ledgers say of a few rows, without reading their changelogs from the beginning: the newest snapshot of a
partition's ledger has them, and the changelog's records behind it what has changed since.

A snapshot in an object store would have to be copied whole, which takes longer than reading the changelog: it is passed
over. Nothing is written where snapshots lie. Blocks.
"""

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path

from rocksdict import Cache

from sidestep.streams.audit.beginning import CACHE_OCTETS, LogSnapshots, newest_snapshot, open_store
from sidestep.streams.audit.on_disk import OnDisk
from sidestep.streams.errors import LedgerError, SnapshotRefused
from sidestep.streams.snapshots.place import SnapshotPlace
from sidestep.streams.snapshots.record import SnapshotManifest

Known = tuple[dict[bytes, bytes], int]
"""Values by key, and the offset of the changelog from which on it may say otherwise."""
NOTHING: Known = ({}, 0)


class LedgerRows:
    """All that is looked up for one explanation. Close it in the end."""

    def __init__(self, snapshots: LogSnapshots | None):
        self._snapshots = snapshots
        self._opened = ExitStack()
        self._manifests: dict[int, SnapshotManifest | None] = {}
        self._stores: dict[tuple[int, str], OnDisk] = {}
        self._cache = Cache(CACHE_OCTETS)

    def close(self) -> None:
        """End what was opened."""
        self._opened.close()

    def known(self, store: str, partition: int, keys: Sequence[bytes], end: int) -> Known:
        """The rows of `keys` (with their table's prefix) in a partition's ledger, as far as a snapshot has them.
        `store`: rows or window. `end`: of its changelog; a snapshot that is beyond it is of another one."""
        manifest = self._manifest(partition)
        if manifest is None or store not in manifest.positions or manifest.positions[store] >= end:
            return NOTHING
        try:
            values = self._store(manifest, store).get_many(list(keys))
        except (SnapshotRefused, LedgerError):  # the changelog has everything
            return NOTHING
        found = {key: value for key, value in zip(keys, values, strict=True) if value is not None}
        return found, manifest.positions[store] + 1

    def _manifest(self, partition: int) -> SnapshotManifest | None:
        if self._snapshots is None or not self._place.local:
            return None
        if partition not in self._manifests:
            self._manifests[partition] = newest_snapshot(self._place, self._snapshots.cluster, partition)
        return self._manifests[partition]

    def _store(self, manifest: SnapshotManifest, name: str) -> OnDisk:
        key = manifest.partition, name
        if key not in self._stores:
            folder = self._folder / f"{manifest.partition}-{name}"
            self._place.fetch(manifest, folder, lend=True, stores=(name,))
            self._stores[key] = open_store(manifest, folder, name, self._cache)
            self._opened.callback(self._stores[key].close)
        return self._stores[key]

    @cached_property
    def _place(self) -> SnapshotPlace:
        assert self._snapshots is not None
        return SnapshotPlace(self._snapshots.url)

    @cached_property
    def _folder(self) -> Path:
        return Path(self._opened.enter_context(tempfile.TemporaryDirectory(prefix="sidestep-explain-")))
