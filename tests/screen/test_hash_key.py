"""The hash key: made once, kept, never replaced, and readable by its owner alone."""

import stat
import threading
from hashlib import sha256
from pathlib import Path

import pytest

from sidestep.streams.errors import SettingsError
from sidestep.streams.hash_key_text import SIZE
from sidestep.streams.screen.hash_key import former_hash_key, hash_key, known_hash_key, rotate
from sidestep.streams.settings import Settings
from sidestep.topics.errors import CredentialsError

KEY = sha256(b"of the tests").hexdigest()


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


@pytest.mark.parametrize("content", [b"", b"xyz", b"ab" * 31, b"ab" * 32, b"ab" * 33, b"\xff" * 64])
def test_a_damaged_file_is_no_reason_to_make_a_new_key(tmp_path: Path, content: bytes) -> None:
    """Another one would lose all recipients' history: a person has to look."""
    (tmp_path / "hash-key").write_bytes(content)
    (tmp_path / "hash-key").chmod(0o600)
    with pytest.raises(SettingsError, match="Put the original key back"):
        hash_key(_settings(tmp_path))
    assert content == (tmp_path / "hash-key").read_bytes()


def test_a_key_in_a_file_of_its_own(tmp_path: Path) -> None:
    """Before the one in the data folder; nothing is made where it is missing."""
    file = tmp_path / "secrets" / "hash-key"
    settings = Settings(data_dir=str(tmp_path / "data"), hash_key_file=str(file))
    with pytest.raises(CredentialsError, match="secrets/hash-key"):
        hash_key(settings)
    file.parent.mkdir()
    file.write_text(f"{KEY}\n")
    file.chmod(0o600)
    assert bytes.fromhex(KEY) == hash_key(settings) == known_hash_key(settings)
    assert not (tmp_path / "data").exists()
    file.write_text("00" * SIZE)
    with pytest.raises(SettingsError, match=r"SIDESTEP_HASH_KEY_FILE .*a pattern"):
        hash_key(settings)


@pytest.mark.parametrize("given", [True, False])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, given: bool) -> None:
    """Given or kept: with what to do."""
    file = tmp_path / "hash-key"
    file.write_text(KEY)
    file.chmod(0o644)
    settings = Settings(data_dir=str(tmp_path), hash_key_file=str(file) if given else "")
    with pytest.raises(CredentialsError, match=r"mode 0644\): chmod 600 .*hash-key"):
        hash_key(settings)


def test_workers_that_start_together_agree(tmp_path: Path) -> None:
    """Whoever comes first makes it."""
    keys: list[bytes] = []
    threads = [threading.Thread(target=lambda: keys.append(hash_key(_settings(tmp_path)))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert (8, 1) == (len(keys), len(set(keys)))


def test_a_new_secret_is_made_and_the_present_one_kept(tmp_path: Path) -> None:
    """Beside it, for its owner alone; what was interrupted is done again."""
    old = hash_key(_settings(tmp_path))
    assert former_hash_key(_settings(tmp_path)) is None
    (tmp_path / "hash-key.former").hardlink_to(tmp_path / "hash-key")
    assert former_hash_key(_settings(tmp_path)) is None, "of a change that was interrupted"
    former = rotate(tmp_path)
    assert old == former_hash_key(_settings(tmp_path)) != hash_key(_settings(tmp_path))
    assert [0o600] * 2 == [stat.S_IMODE(path.stat().st_mode) for path in (former, tmp_path / "hash-key")]
    assert ["hash-key", "hash-key.former"] == sorted(path.name for path in tmp_path.iterdir())


def test_a_secret_is_not_replaced_while_rows_still_move(tmp_path: Path) -> None:
    """Those of the first one would be lost."""
    hash_key(_settings(tmp_path))
    rotate(tmp_path)
    before = (tmp_path / "hash-key").read_bytes()
    with pytest.raises(SettingsError, match="still move"):
        rotate(tmp_path)
    assert before == (tmp_path / "hash-key").read_bytes()
    with pytest.raises(SettingsError, match="has no hash-key"):
        rotate(tmp_path / "nowhere")


def test_a_former_secret_may_be_named(tmp_path: Path) -> None:
    """Then that one counts; the present one twice is a mistake."""
    file = tmp_path / "old"
    file.write_text(KEY)
    file.chmod(0o600)
    present = sha256(b"present").hexdigest()
    settings = Settings(data_dir=str(tmp_path), hash_key=present, hash_key_former_file=str(file))
    assert bytes.fromhex(KEY) == former_hash_key(settings)
    with pytest.raises(SettingsError, match="present one"):
        former_hash_key(Settings(data_dir=str(tmp_path), hash_key=KEY, hash_key_former_file=str(file)))
