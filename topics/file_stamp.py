"""What tells that a file has changed since it was read, and that whoever changes it has come to an end."""

from pathlib import Path
from typing import Generic, TypeVar

FileStamp = tuple[int, ...] | None
"""Time of the last change, size, number on disk, mode, owner, group. None: there is no file."""

Stamped = TypeVar("Stamped")


def stamp_of(path: Path) -> FileStamp:
    """The stamp of a file; a link's target counts, as Kubernetes swaps links."""
    try:
        found = path.stat()
    except OSError:
        return None
    # a secret that others could read is refused, and taken once nobody can: chmod and chown leave its time as it was
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_mode, found.st_uid, found.st_gid


class Settled(Generic[Stamped]):
    """Whether a file is to be read again: it differs from what was read last, and is the same at two looks, since
    editors write piece by piece. Stamps may be of several files together."""

    def __init__(self, read: Stamped):
        self._read = self._seen = read

    def anew(self, stamp: Stamped) -> bool:
        """The stamp at this look. True, once: read it again."""
        steady, self._seen = stamp == self._seen, stamp
        if not steady or stamp == self._read:
            return False
        self._read = stamp
        return True
