"""What others on the machine could read or enter of a folder."""

import stat
from collections.abc import Iterator
from pathlib import Path


def open_to_others(folder: Path) -> list[str]:
    """The files and folders from `folder` on, itself included, that group or others may do anything with."""
    return sorted(f"{mode:04o} {path}" for path, mode in _modes(folder) if mode & 0o077)


def _modes(folder: Path) -> Iterator[tuple[Path, int]]:
    for path in (folder, *folder.rglob("*")):
        try:
            found = path.lstat()
        except FileNotFoundError:
            continue  # RocksDB and Kafka tidy up
        if not stat.S_ISLNK(found.st_mode):
            yield path, stat.S_IMODE(found.st_mode)
