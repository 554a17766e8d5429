"""Databases that are damaged, in use, or on a disk that takes nothing: which of them is set aside, and what is said."""

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rocksdict import Cache

from sidestep.streams.errors import LedgerDamaged, LedgerError, LedgerInUse
from sidestep.streams.runtime import quarantine
from sidestep.streams.runtime.damage import disk_fault, disk_fault_of, fault, mark_of
from sidestep.streams.runtime.quarantine import KEPT, count_aside, found_aside, open_sound, set_aside
from sidestep.streams.runtime.store import Store, new_batch
from tests.runtime.damages import SEEN_AT_ONCE, garble_table

HOLDER = """
import sys
from rocksdict import Cache
from pathlib import Path
from sidestep.streams.runtime.store import Store
store = Store(Path(sys.argv[1]), Cache(1024 * 1024))
print("open", flush=True)
sys.stdin.read()
"""


def opened(path: Path) -> Store:
    """As a ledger opens it."""
    return open_sound(path, Cache(1024 * 1024))


def fill(path: Path, keys: int = 4000) -> None:
    """A database with a table file of some blocks."""
    store = opened(path)
    batch = new_batch()
    for number in range(keys):
        batch.put(b"k%05d" % number, os.urandom(100))
    store.write(batch)
    store.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A sound database."""
    fill(tmp_path / "0" / "rows")
    return tmp_path / "0" / "rows"


@pytest.mark.parametrize("kind", SEEN_AT_ONCE)
def test_a_damaged_database_is_set_aside_and_an_empty_one_opened(
    path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says where it is now, and what was wrong with it."""
    SEEN_AT_ONCE[kind](path)
    store = opened(path)
    assert store.get(b"k00001") is None
    store.close()
    [aside] = found_aside(path)
    assert 1 == count_aside(path.parent.parent)
    assert str(aside) in caplog.text and "damaged" in caplog.text
    assert opened(path).get(b"k00001") is None, "the second opening finds a sound one"
    assert [aside] == found_aside(path)


@pytest.mark.parametrize("how", ["get", "items"])
def test_damage_that_reading_meets_is_an_error_and_the_next_opening_sets_it_aside(path: Path, how: str) -> None:
    """Never a row less: a cursor that meets a damaged block must not look as if the rows ended there."""
    garble_table(path)
    store = opened(path)
    with pytest.raises(LedgerDamaged, match=r"Start this worker again: they are set aside and rebuilt"):
        store.get_many([b"k%05d" % number for number in range(4000)]) if how == "get" else list(store.items(b"k"))
    assert "Corruption" in mark_of(path).read_text()
    store.close()
    assert list(opened(path).items(b"")) == []
    assert (1, False) == (len(found_aside(path)), mark_of(path).exists())


def test_a_mark_whose_database_has_gone_is_forgotten(path: Path) -> None:
    """The process died between the two steps of setting it aside."""
    mark_of(path).write_text("Corruption: …")
    path.rename(path.with_name("rows.damaged-20260101T000000.000000Z"))
    opened(path).close()
    assert (1, False) == (len(found_aside(path)), mark_of(path).exists())


def test_only_the_last_few_are_kept(path: Path) -> None:
    """A disk that damages files again and again must not be filled with them."""
    for number in range(KEPT + 2):
        (path / "number").write_text(str(number))
        set_aside(path, "test")
        opened(path).close()
    assert [str(number) for number in range(2, KEPT + 2)] == [(a / "number").read_text() for a in found_aside(path)]


@pytest.fixture
def holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the database open."""
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "open\n"
        yield process
        process.kill()


def test_a_database_in_use_is_left_alone(
    path: Path, holder: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another worker's lock is not damage; when it ends the database is as it was."""
    monkeypatch.setattr(quarantine, "LOCK_SECONDS", 0.3)
    with pytest.raises(LedgerInUse, match="give this one its own data folder"):
        opened(path)
    holder.kill()
    holder.wait()
    store = opened(path)
    assert store.get(b"k00001") is not None
    assert [] == found_aside(path)


@pytest.mark.parametrize(
    ("said", "kind", "advice"),
    [
        ("Corruption: block checksum mismatch: stored = 1", LedgerDamaged, "set aside"),
        ("IO error: No such file or directory: While opening a file: /d/MANIFEST-1", LedgerDamaged, "set aside"),
        ("IO error: While lock file: /d/LOCK: Resource temporarily unavailable", LedgerInUse, "its own data folder"),
        ("IO error: lock hold by current process, acquire time 1", LedgerInUse, "its own data folder"),
        ("IO error: No space left on device: While appending to file: /d/1.sst", LedgerError, "make room"),
        ("IO error: While fdatasync: /d/MANIFEST-5: Input/output error", LedgerError, "kernel's log"),
        ("Read-only file system (os error 30)", LedgerError, "mount it for writing"),
        ("IO error: While open a file for appending: /d/1.sst: Too many open files", LedgerError, "ulimit -n"),
        ("something new", LedgerError, "Look at the disk"),
    ],
)
def test_what_rocksdb_says_is_told_apart(tmp_path: Path, said: str, kind: type[LedgerError], advice: str) -> None:
    """Only damage is ever set aside; everything else says what a person has to do."""
    found = fault(tmp_path, Exception(said))
    assert (kind, True) == (type(found), advice in str(found))


def test_a_disk_that_takes_nothing_is_no_damage(tmp_path: Path) -> None:
    """Nothing is renamed, and the sentence names the folder."""
    path = tmp_path / "file" / "rows"
    path.parent.write_text("no folder")
    with pytest.raises(LedgerError, match=f"RocksDB can't use {path.parent}") as raised:
        opened(path)
    assert type(raised.value) is LedgerError
    assert "Let this worker write there" in str(disk_fault(path, PermissionError(13, "Permission denied")))


def test_a_folder_that_was_removed_is_an_error_of_the_ledger_at_the_latest_when_it_is_closed(tmp_path: Path) -> None:
    """Flushing finds no folder, and neither does closing after it: the second must not hide what the first says."""
    store = opened(tmp_path / "rows")
    batch = new_batch()
    batch.put(b"k", b"v")
    store.write(batch)
    shutil.rmtree(tmp_path / "rows")
    with pytest.raises(LedgerError):
        store.close()


@pytest.mark.parametrize(
    ("number", "advice"),
    [(errno.ENOSPC, "The disk is full: make room"), (errno.EROFS, "mount it for writing"), (errno.ECONNREFUSED, "")],
)
def test_a_file_beside_the_ledgers_that_cant_be_written_says_what_to_do(number: int, advice: str) -> None:
    """A key, a feed or a folder, as a worker starts on a full disk; what is not the disk's stays an error of ours."""
    told = disk_fault_of(OSError(number, os.strerror(number), "/data/hash-key"))
    assert (told is not None) == bool(advice)
    assert told is None or (advice in str(told) and "/data/hash-key" in str(told) and "remove" not in str(told))
