"""Ways in which the files of a database get damaged."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

Damage = Callable[[Path], object]
"""Takes the folder of a database that nobody has open."""


def only(path: Path, pattern: str) -> Path:
    """The largest file of a kind."""
    return max(path.glob(pattern), key=lambda found: found.stat().st_size)


def garble(file: Path, at: int, octets: int = 64) -> None:
    """Other octets in the place of some."""
    with file.open("r+b") as opened:
        opened.seek(at)
        opened.write(b"\xa5" * octets)


def garble_table(path: Path) -> None:
    """The data in its middle: opening does not see it, reading does."""
    table = only(path, "*.sst")
    size = table.stat().st_size
    garble(table, size // 3, size // 4)


def garble_beginning(path: Path) -> None:
    """The first block, where a ledger's position is: recovery reads it at once."""
    garble(only(path, "*.sst"), 100)


def _as_file(path: Path) -> None:
    shutil.rmtree(path)
    path.write_bytes(b"no database")


SEEN_AT_ONCE: dict[str, Damage] = {
    "CURRENT is rubbish": lambda path: (path / "CURRENT").write_text("rubbish"),
    "CURRENT is empty": lambda path: os.truncate(path / "CURRENT", 0),
    "CURRENT is gone": lambda path: (path / "CURRENT").unlink(),
    "MANIFEST is garbled": lambda path: garble(only(path, "MANIFEST*"), 20),
    "MANIFEST is empty": lambda path: os.truncate(only(path, "MANIFEST*"), 0),
    "MANIFEST is gone": lambda path: only(path, "MANIFEST*").unlink(),
    "a table's end is garbled": lambda path: garble(only(path, "*.sst"), only(path, "*.sst").stat().st_size - 40),
    "a table is cut off": lambda path: os.truncate(only(path, "*.sst"), 1000),
    "a table is gone": lambda path: only(path, "*.sst").unlink(),
    "the folder is a file": _as_file,
}
"""Opening the database notices these."""
