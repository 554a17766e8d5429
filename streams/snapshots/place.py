"""Where snapshots lie: a folder, or by fsspec any object store (s3://BUCKET/PATH, gs://…, abfs://…, memory://…).

PLACE/CLUSTER/ROLE/PARTITION/NAME/ has manifest.json, rows/… and window/…. The manifest comes last, renamed into place:
what has none is no snapshot, whatever else lies there. Blocks.
"""

import hashlib
import posixpath
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sidestep.streams.errors import SettingsError, SnapshotRefused, SnapshotsUnreachable
from sidestep.streams.snapshots.record import (
    DIGEST_OCTETS,
    STORES,
    SnapshotFile,
    SnapshotManifest,
    SnapshotRef,
    read_manifest,
    ref_of,
    written,
)

MANIFEST = "manifest.json"
TABLE = ".sst"
"""How names end of RocksDB's sorted tables: nearly all octets of a snapshot."""
CHUNK = 1024 * 1024
PRIVATE_FOLDER, PRIVATE_FILE = 0o700, 0o600


class SnapshotPlace:
    """A folder or a URL. All raise SnapshotsUnreachable where it does not do its part."""

    def __init__(self, url: str):
        """Raises SettingsError for what can't be one."""
        import fsspec
        from fsspec.implementations.local import LocalFileSystem

        self.url = url
        try:
            self._files, self._root = fsspec.core.url_to_fs(url, use_listings_cache=False)
        except (ImportError, ValueError) as error:
            raise SettingsError(f"snapshots can't be kept in {url!r}: {error}") from None
        except Exception as error:
            raise SnapshotsUnreachable(f"snapshots can't be kept in {url!r}: {error}") from error
        self.local = isinstance(self._files, LocalFileSystem)

    def free(self) -> int | None:
        """Octets that the disk has left; None: an object store has no end."""
        if not self.local:
            return None
        with self._asked("free space"):
            self._make_folder(self._root)
            return shutil.disk_usage(self._root).free

    def clusters(self) -> list[str]:
        """Ids of the clusters that have some here."""
        return self._names("")

    def ledgers(self) -> Iterator[tuple[str, str, int]]:
        """Cluster, role and partition of all ledgers that have some here."""
        for cluster in self.clusters():
            for role in self._names(cluster):
                numbers = [name for name in self._names(f"{cluster}/{role}") if name.isdigit()]
                yield from ((cluster, role, number) for number in sorted(map(int, numbers)))

    def listed(self, cluster: str, role: str, partition: int) -> list[SnapshotRef]:
        """Snapshots of a partition that have their manifest, oldest first."""
        refs = [ref for ref in self._all(cluster, role, partition) if self._is_complete(ref)]
        return sorted(refs, key=lambda ref: (ref.taken_at, ref.name))

    def unfinished(self, cluster: str, role: str, partition: int) -> list[SnapshotRef]:
        """What has none: being written, or left by who died over it."""
        return [ref for ref in self._all(cluster, role, partition) if not self._is_complete(ref)]

    def manifest(self, ref: SnapshotRef) -> SnapshotManifest:
        """What one says of itself. Raises SnapshotRefused."""
        with self._asked(ref):
            try:
                octets = self._files.cat_file(self._path(ref.path, MANIFEST))
            except FileNotFoundError:
                raise SnapshotRefused(f"{ref}: it has no {MANIFEST}") from None
        return read_manifest(octets, ref)

    def check(self, manifest: SnapshotManifest) -> None:
        """Read all of its files. Raises SnapshotRefused where one is not as it was written."""
        for name in manifest.files:
            self._read(manifest, name, None)

    def fetch(
        self, manifest: SnapshotManifest, folder: Path, *, lend: bool = False, stores: Collection[str] = STORES
    ) -> None:
        """Copy its files, or those of some stores, to a folder, which must not be there yet. Raises SnapshotRefused as
        check() does.

        `lend`: RocksDB may work there, but where the place is on this machine its tables, which RocksDB never changes,
        stay where they are, and of them the sizes alone are compared. So it takes no longer for a large snapshot than
        for a small one. RocksDB has sums of its own: whoever meets a damaged block is told.
        """
        try:
            folder.mkdir(mode=PRIVATE_FOLDER, parents=True)
            for name in (name for name in manifest.files if name.partition("/")[0] in stores):
                target = folder / name
                target.parent.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
                if lend and self.local and name.endswith(TABLE):
                    self._lend(manifest, name, target)
                else:
                    self._read(manifest, name, target)
        except OSError as error:
            raise SnapshotsUnreachable(f"{ref_of(manifest)} can't be copied to {folder}: {error}") from error

    def put(self, manifest: SnapshotManifest, folder: Path) -> None:
        """Copy the files of a folder, then the manifest; only then is it a snapshot."""
        ref = ref_of(manifest)
        with self._asked(ref):
            for name in manifest.files:
                path = self._path(ref.path, name)
                self._make_folder(posixpath.dirname(path))
                self._files.put_file(str(folder / name), path)
                self._make_private(path)
            partial, final = self._path(ref.path, f"{MANIFEST}.partial"), self._path(ref.path, MANIFEST)
            self._files.pipe_file(partial, written(manifest))
            self._make_private(partial)
            self._files.mv(partial, final)

    def remove(self, ref: SnapshotRef) -> None:
        """The manifest first, so that no half of it is ever taken for a snapshot."""
        with self._asked(ref):
            if self._is_complete(ref):
                self._files.rm_file(self._path(ref.path, MANIFEST))
            self._files.rm(self._path(ref.path), recursive=True)

    def write_note(self, name: str, octets: bytes) -> None:
        """A small file beside the snapshots: what people ask of workers."""
        with self._asked(name):
            path = self._path(name)
            self._make_folder(posixpath.dirname(path))
            self._files.pipe_file(f"{path}.partial", octets)
            self._make_private(f"{path}.partial")
            self._files.mv(f"{path}.partial", path)

    def read_note(self, name: str) -> bytes | None:
        """The same again; None: there is none."""
        with self._asked(name):
            try:
                octets: bytes = self._files.cat_file(self._path(name))
            except FileNotFoundError:
                return None
            return octets

    def _all(self, cluster: str, role: str, partition: int) -> list[SnapshotRef]:
        refs = []
        for name in self._names(f"{cluster}/{role}/{partition}"):
            ref = SnapshotRef(cluster, role, partition, name)
            try:
                assert ref.taken_at
            except ValueError:
                continue  # somebody else's
            refs.append(ref)
        return refs

    def _is_complete(self, ref: SnapshotRef) -> bool:
        with self._asked(ref):
            return bool(self._files.exists(self._path(ref.path, MANIFEST)))

    def _names(self, folder: str) -> list[str]:
        with self._asked(folder or "all"):
            try:
                found = self._files.ls(self._path(folder) if folder else self._root, detail=True)
            except FileNotFoundError:
                return []
        return sorted(posixpath.basename(each["name"].rstrip("/")) for each in found if each["type"] == "directory")

    def _read(self, manifest: SnapshotManifest, name: str, target: Path | None) -> None:
        ref, said = ref_of(manifest), manifest.files[name]
        size, hashed = 0, hashlib.blake2b(digest_size=DIGEST_OCTETS)
        with self._asked(ref):
            try:
                with self._files.open(self._path(ref.path, name), "rb") as file, _writing(target) as copy:
                    while octets := file.read(CHUNK):
                        size += len(octets)
                        hashed.update(octets)
                        if copy is not None:
                            copy.write(octets)
            except FileNotFoundError:
                raise SnapshotRefused(f"{ref}: the file {name} is missing") from None
        if (size, hashed.hexdigest()) != (said.size, said.blake2b):
            raise SnapshotRefused(f"{ref}: the file {name} is damaged: its checksum is another")

    def _lend(self, manifest: SnapshotManifest, name: str, target: Path) -> None:
        ref, path = ref_of(manifest), Path(self._path(ref_of(manifest).path, name))
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            raise SnapshotRefused(f"{ref}: the file {name} is missing") from None
        if size != manifest.files[name].size:
            raise SnapshotRefused(f"{ref}: the file {name} is damaged: its size is another")
        target.symlink_to(path)

    def _path(self, *parts: str) -> str:
        return "/".join([self._root.rstrip("/"), *parts])

    def _make_folder(self, path: str) -> None:
        if not self.local:  # an object store has none
            self._files.makedirs(path, exist_ok=True)
            return
        wanted = Path(path)
        for folder in (*reversed(wanted.parents), wanted):
            if not folder.exists():
                folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)

    def _make_private(self, path: str) -> None:
        if self.local:
            Path(path).chmod(PRIVATE_FILE)

    @contextmanager
    def _asked(self, what: object) -> Iterator[None]:
        """Each library of fsspec has errors of its own."""
        try:
            yield
        except (SnapshotRefused, SnapshotsUnreachable):
            raise
        except Exception as error:
            raise SnapshotsUnreachable(f"{what}: {self.url} does not answer as it should: {error!r}") from error


def summed(folder: Path, stores: list[str]) -> dict[str, SnapshotFile]:
    """Sizes and sums of a checkpoint's files, by STORE/NAME."""
    found = {}
    for store in stores:
        for path in sorted((folder / store).iterdir()):
            with path.open("rb") as file:
                hashed = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=DIGEST_OCTETS))
            found[f"{store}/{path.name}"] = SnapshotFile(path.stat().st_size, hashed.hexdigest())
    return found


@contextmanager
def _writing(target: Path | None) -> Iterator[Any]:
    if target is None:
        yield None
        return
    target.touch(PRIVATE_FILE, exist_ok=False)
    with target.open("wb") as file:
        yield file
