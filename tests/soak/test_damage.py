"""Ledgers are damaged so that something is damaged, and the same seed damages the same."""

from pathlib import Path
from random import Random

from tests.soak.damage import WAYS, damage

FILES = ("CURRENT", "MANIFEST-000005", "000011.sst", "000010.log")


def ledger(folder: Path) -> Path:
    """A data folder with a database as RocksDB names its files."""
    rows = folder / "ledger" / "decide" / "0" / "rows"
    rows.mkdir(parents=True)
    for name in FILES:
        (rows / name).write_bytes(bytes(range(200)))
    return folder


def test_each_way_damages_one_file(tmp_path: Path) -> None:
    """It is overwritten, cut or gone; what was done is told."""
    ways, done = set(), set()
    for seed in range(40):
        folder = ledger(tmp_path / str(seed))
        text = damage(folder, Random(seed))
        rows = folder / "ledger" / "decide" / "0" / "rows"
        hurt = [name for name in FILES if not (rows / name).exists() or (rows / name).read_bytes() != bytes(range(200))]
        assert len(hurt) == 1
        assert text.startswith(f"ledger/decide/0/rows/{hurt[0]} ")
        ways.add(hurt[0])
        done.add(text.split()[-1])
    assert ways == set(FILES)
    assert done == {"overwritten", "cut", "removed"}
    assert len(WAYS) == len(FILES)


def test_where_there_is_nothing_nothing_is_damaged(tmp_path: Path) -> None:
    """A worker that was killed before it had opened anything."""
    assert damage(tmp_path, Random(1)).startswith("no ")
