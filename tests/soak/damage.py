"""Damages a ledger on disk as failing disks and careless people do."""

from pathlib import Path
from random import Random

WAYS = ("CURRENT", "MANIFEST-*", "*.sst", "*.log")
"""Files of a RocksDB: which manifest holds, what there is, sorted rows, the log of what is not in them yet."""


def damage(data: Path, random: Random) -> str:
    """Overwrite, cut or remove one file of one ledger below a worker's data folder; what was done, for the log."""
    way = random.choice(WAYS)
    files = sorted(path for path in (data / "ledger").rglob(way) if path.is_file())
    if not files:
        return f"no {way} to damage"
    path = random.choice(files)
    size = path.stat().st_size
    how = random.choice(("overwritten", "cut", "removed"))
    if how == "removed":
        path.unlink()
    elif how == "cut":
        with path.open("r+b") as file:
            file.truncate(size // 2)
    else:
        with path.open("r+b") as file:
            file.seek(size // 3)
            file.write(random.randbytes(min(64, size - size // 3)))
    return f"{path.relative_to(data)} {how}"
