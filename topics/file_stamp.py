"""What tells that a file has changed since it was read."""

from pathlib import Path

FileStamp = tuple[int, int, int] | None
"""Time of the last change, size, number on disk. None: there is no file."""


def stamp_of(path: Path) -> FileStamp:
    """The stamp of a file; a link's target counts, as Kubernetes swaps links."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
