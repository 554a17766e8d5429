"""Ledgers that an earlier version kept under other names: its workers are fenced and its folders taken over as well.

Without that, a worker of that version which only seems to be gone (frozen, cut off) would not be fenced by its heir,
whose transactional id is another one, and could still commit what the heir judges again.
"""

import time
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import KafkaException, Producer
from rocksdict import Cache

from sidestep.streams.errors import LedgerError
from sidestep.streams.runtime.kafka import client, explain
from sidestep.streams.runtime.store import Store
from sidestep.topics.connection import Connection

FENCE_SECONDS = 60.0
LOCK_SECONDS = 10.0
"""The earlier version's worker may hold the folder a moment longer, while it ends."""
STORES = ("rows", "window")


@dataclass(frozen=True)
class Former:
    """The names that were: transactional ids `<transactional_id>-<partition>`, folders `<data>/<partition>`."""

    connection: Connection
    transactional_id: str
    data: Path

    def fence(self, partition: int) -> None:
        """Roll back what the former owner of a partition has open; it can commit nothing any more. Blocks.

        Raises SidestepError where Kafka does not answer.
        """
        name = f"{self.transactional_id}-{partition}"
        try:
            Producer(client(self.connection, name, **{"transactional.id": name})).init_transactions(FENCE_SECONDS)
        except KafkaException as error:
            raise explain(error, f"fencing {name}") from error

    def move(self, partition: int, folder: Path) -> None:
        """Bring a partition's folder to where its ledger is looked for now, unless there is one already. Blocks.

        Raises LedgerError where a worker still uses it.
        """
        old = self.data / str(partition)
        if not old.is_dir() or folder.exists():
            return
        for store in STORES:
            _await_unused(old / store)
        folder.parent.mkdir(parents=True, exist_ok=True)
        old.rename(folder)


def _await_unused(path: Path) -> None:
    """RocksDB locks its folder: one that can be opened is nobody's."""
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            return Store(path, Cache(1024 * 1024)).close()
        except LedgerError as error:
            if "lock" not in str(error).lower() or time.monotonic() > deadline:
                raise
            time.sleep(0.1)  # until the one who holds it has closed it, or the deadline
