"""What an error of RocksDB says about a database's files: in use, damaged, or on a disk that does not take them.

RocksDB tells by text alone: its status ("Corruption: …"), or the operating system's words for an error number.
"""

import errno
from pathlib import Path

from sidestep.streams.errors import LedgerDamaged, LedgerError, LedgerInUse

_IN_USE = ("lock hold by current process", "While lock file")
_DAMAGED = (
    "Corruption:",
    "No such file or directory",
    "Not a directory",
    "Is a directory",
    "File exists",
    "Permission denied",
)
"""Files that are missing, are something else or can't be read are as good as damaged: others can be made in their
place."""
_DISK = {
    "No space left on device": "The disk is full: make room, then start this worker again",
    "Disk quota exceeded": "The disk quota is used up: raise it or make room, then start this worker again",
    "Read-only file system": "The disk is read-only: mount it for writing again (the kernel's log says why it is "
    "not), or give this worker another data folder (SIDESTEP_DATA_DIR)",
    "Input/output error": "The disk fails: look at the kernel's log, and give this worker a data folder on another "
    "one (SIDESTEP_DATA_DIR)",
    "Too many open files": "The limit on open files is too low: raise it (ulimit -n), 4096 are plenty",
    "File too large": "The limit on the size of files is too low: lift it (ulimit -f unlimited)",
    "Permission denied": "Let this worker write there: look at owner and mode of the folder",
    "Cannot allocate memory": "Memory has run out: give this worker more, or fewer partitions",
}
"""What to do, by the operating system's words."""
_NO_WRITING = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def fault(path: Path, error: BaseException) -> LedgerError:
    """One of our errors for one that RocksDB, or the operating system, has raised about the database in `path`."""
    said = str(error)
    if any(words in said for words in _IN_USE):
        return LedgerInUse(
            f"RocksDB can't open {path}: {said}. Another worker uses this folder: give this one its own data folder "
            "(SIDESTEP_DATA_DIR)."
        )
    if any(words in said for words in _DAMAGED):
        return LedgerDamaged(
            f"The files in {path} are damaged: {said}. Start this worker again: they are set aside and rebuilt from "
            "the changelog by themselves. If it comes again, look at the disk."
        )
    return disk_fault(path, error)


def disk_fault(path: Path, error: BaseException) -> LedgerError:
    """The same where damage is no explanation: what the disk does not do, and what to do about it."""
    said = str(error)
    advice = next((advice for words, advice in _DISK.items() if words in said), "Look at the disk, then start again")
    return LedgerError(f"RocksDB can't use {path}: {said}. {advice}. Nothing is lost: the changelog has everything.")


def disk_fault_of(error: BaseException) -> LedgerError | None:
    """The same of an error outside of any database, such as of a key that could not be written. None: it does not say
    that a disk takes nothing."""
    if not isinstance(error, OSError) or error.errno not in _NO_WRITING:
        return None
    advice = next(
        (advice for words, advice in _DISK.items() if words in str(error)), "Look at the disk, then start again"
    )
    return LedgerError(f"A file can't be written: {error}. {advice}.")


def mark_of(path: Path) -> Path:
    """The file beside a database that says why it must be set aside before it is opened again."""
    return path.with_name(f"{path.name}.damaged")
