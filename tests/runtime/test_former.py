"""An earlier version's workers and folders, when a worker of this one takes their partitions over."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import KafkaException, Producer
from rocksdict import Cache

from sidestep.streams.errors import LedgerError
from sidestep.streams.local.embedded_kafka import EmbeddedKafka
from sidestep.streams.runtime import quarantine
from sidestep.streams.runtime.former import STORES, Former
from sidestep.streams.runtime.store import Store, new_batch
from sidestep.topics.connection import Connection

NOWHERE = Connection("127.0.0.1:1")


def _store(path: Path) -> Store:
    return Store(path, Cache(1024 * 1024), 3600 if path.name == "window" else None)


def _ledger_of_old(folder: Path) -> None:
    for name in STORES:
        store = _store(folder / name)
        batch = new_batch()
        batch.put(b"key", name.encode())
        store.write(batch)
        store.close()


def test_a_former_owner_can_commit_nothing_any_more(kafka: EmbeddedKafka, make_topic: Callable[..., str]) -> None:
    """A worker of the version before that was frozen inside its transaction: what it has open is rolled back."""
    topic = make_topic()
    old = Producer(kafka.connection.librdkafka(**{"transactional.id": f"{topic}-0"}))
    old.init_transactions(30)
    old.begin_transaction()
    old.produce(topic, b"a verdict", partition=0)
    old.flush(10)
    Former(kafka.connection, topic, Path()).fence(0)
    with pytest.raises(KafkaException) as raised:
        old.commit_transaction(30)
    assert raised.value.args[0].name() in ("_FENCED", "PRODUCER_FENCED", "INVALID_PRODUCER_EPOCH")


def test_a_folder_is_moved_once(tmp_path: Path) -> None:
    """What was in it is found at the new place; a second start finds nothing to do."""
    _ledger_of_old(tmp_path / "3")
    moved = tmp_path / "role" / "3"
    for _ in range(2):
        Former(NOWHERE, "group", tmp_path).move(3, moved)
        assert not (tmp_path / "3").exists()
        for name in STORES:
            store = _store(moved / name)
            assert name.encode() == store.get(b"key")
            store.close()


def test_a_folder_that_is_there_already_is_left_alone(tmp_path: Path) -> None:
    """After a downgrade and a second upgrade there are two: the one at the right place is brought up to date."""
    _ledger_of_old(tmp_path / "3")
    shutil.copytree(tmp_path / "3", tmp_path / "role" / "3")
    Former(NOWHERE, "group", tmp_path).move(3, tmp_path / "role" / "3")
    assert (tmp_path / "3").exists()


def test_a_folder_in_use_is_not_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two workers in one data folder are a mistake: the second one says so and touches nothing."""
    _ledger_of_old(tmp_path / "3")
    monkeypatch.setattr(quarantine, "LOCK_SECONDS", 0.2)
    used = _store(tmp_path / "3" / "window")
    with pytest.raises(LedgerError, match="give this one its own data folder"):
        Former(NOWHERE, "group", tmp_path).move(3, tmp_path / "role" / "3")
    used.close()
    assert (tmp_path / "3" / "window").is_dir()
    assert not (tmp_path / "role").exists()
