"""A database whose files are damaged is set aside, beside where it was, and an empty one takes its place.

Recovery fills it from the changelog. What was set aside is kept for whoever wants to know why, the last few of it.
Damage that only shows while the database is in use leaves a mark (Store does that), and the worker ends; its next start
goes on.
"""

import logging
import os
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

from rocksdict import Cache

from sidestep.streams.errors import LedgerDamaged, LedgerInUse
from sidestep.streams.runtime.damage import disk_fault, mark_of
from sidestep.streams.runtime.store import Store

log = logging.getLogger(__name__)

KEPT = 2
"""Databases set aside that are kept of each; the older ones are removed."""
LOCK_SECONDS = 10.0
"""A worker that has just left on this machine may hold the folder a moment longer."""


def open_sound(path: Path, cache: Cache, ttl_seconds: int | None = None) -> Store:
    """Open a database; an empty one where the old one is damaged. Blocks.

    Raises LedgerInUse where another worker has it, LedgerError where the disk does not take it.
    """
    if (mark := mark_of(path)).exists():
        set_aside(path, mark.read_text("utf-8", "replace"))
    try:
        return _open_unlocked(path, cache, ttl_seconds)
    except LedgerDamaged as damaged:
        set_aside(path, str(damaged.__cause__))
    try:
        return _open_unlocked(path, cache, ttl_seconds)
    except LedgerDamaged as again:  # an empty database can't be damaged
        raise disk_fault(path, again.__cause__ or again) from again


def set_aside(path: Path, why: str) -> None:
    """Rename a database to `<name>.damaged-<time>`, and forget the oldest of those. Raises LedgerError."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    try:
        if os.path.lexists(path):
            path.rename(aside)
            log.error("the ledger's files in %s are damaged: %s. Set aside as %s, rebuilt now", path, why, aside)
        mark_of(path).unlink(missing_ok=True)
    except OSError as error:
        raise disk_fault(path, error) from error
    for old in found_aside(path)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def found_aside(path: Path) -> list[Path]:
    """What has been set aside of a database, oldest first."""
    return sorted(path.parent.glob(f"{path.name}.damaged-*"))


def count_aside(folder: Path) -> int:
    """How many databases lie set aside in a folder of partitions' folders."""
    return sum(1 for _ in folder.glob("*/*.damaged-*"))


def _open_unlocked(path: Path, cache: Cache, ttl_seconds: int | None) -> Store:
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            return Store(path, cache, ttl_seconds)
        except LedgerInUse:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)  # until the one who holds it has closed it, or the deadline
