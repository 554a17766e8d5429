"""Ledgers that an earlier version kept under other names: its workers are fenced and its folders taken over as well.

Without that, a worker of that version which only seems to be gone (frozen, cut off) would not be fenced by its heir,
whose transactional id is another one, and could still commit what the heir judges again.
"""

from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import KafkaException, Producer
from rocksdict import Cache

from sidestep.streams.runtime.kafka import client, explain
from sidestep.streams.runtime.quarantine import open_sound
from sidestep.topics.connection import Connection

FENCE_SECONDS = 60.0
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
            # RocksDB locks its folder: one that can be opened is nobody's
            open_sound(old / store, Cache(1024 * 1024)).close()
        folder.parent.mkdir(parents=True, exist_ok=True)
        old.rename(folder)
