"""The hash key: made once, kept, never replaced, and readable by its owner alone."""

import stat
import threading
from pathlib import Path

import pytest

from sidestep.streams.errors import SettingsError
from sidestep.streams.screen.hash_key import SIZE, hash_key
from sidestep.streams.settings import Settings


def _settings(folder: Path, key: str = "") -> Settings:
    return Settings(data_dir=str(folder), hash_key=key)


def test_a_given_key_is_used_and_nothing_is_written(tmp_path: Path) -> None:
    """64 hex digits are 32 octets."""
    assert bytes([0xAB] * SIZE) == hash_key(_settings(tmp_path, "ab" * SIZE))
    assert [] == list(tmp_path.iterdir())


def test_a_key_is_made_once_and_kept(tmp_path: Path) -> None:
    """In a folder that need not exist; the next start finds it."""
    folder = tmp_path / "new" / "data"
    key = hash_key(_settings(folder))
    assert SIZE == len(key)
    assert key == hash_key(_settings(folder))
    assert key != hash_key(_settings(tmp_path / "another"))
    assert ["hash-key"] == [path.name for path in folder.iterdir()], "no temporary file is left"


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    """Whoever has it can find out whose history is in the ledger."""
    hash_key(_settings(tmp_path))
    assert 0o600 == stat.S_IMODE((tmp_path / "hash-key").stat().st_mode)


def test_a_new_key_is_announced_without_being_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Every other worker needs the same one; the log is no place for it."""
    key = hash_key(_settings(tmp_path))
    assert "every other Screen worker needs the same one" in caplog.text
    assert key.hex() not in str([vars(record) for record in caplog.records])
    assert key.hex() not in repr(_settings(tmp_path, key.hex()))


@pytest.mark.parametrize("content", [b"", b"xyz", b"ab" * 31, b"ab" * 33, b"\xff" * 64])
def test_a_damaged_file_is_no_reason_to_make_a_new_key(tmp_path: Path, content: bytes) -> None:
    """Another one would lose all recipients' history: a person has to look."""
    (tmp_path / "hash-key").write_bytes(content)
    with pytest.raises(SettingsError, match="Put the original key back"):
        hash_key(_settings(tmp_path))
    assert content == (tmp_path / "hash-key").read_bytes()


def test_workers_that_start_together_agree(tmp_path: Path) -> None:
    """Whoever comes first makes it."""
    keys: list[bytes] = []
    threads = [threading.Thread(target=lambda: keys.append(hash_key(_settings(tmp_path)))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert (8, 1) == (len(keys), len(set(keys)))
