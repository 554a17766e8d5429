"""Where `sidestep replay` writes: a topic, or a file that is there whole or not at all."""

import os
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from sidestep.topics.admin import configs_of
from sidestep.topics.cluster import UNREACHABLE, admin_client, reason
from sidestep.topics.connection import Connection
from sidestep.topics.errors import PublishFailed, ReplayError, TopicsError, words_of
from sidestep.topics.publish import CONFIG, DELIVERY_DEADLINE
from sidestep.topics.replay_codec import MAGIC, StoredRecord, end_frame, to_frame, to_json_line
from sidestep.topics.replay_rules import keeps_partition
from sidestep.topics.stretch import ClusterTopic

JSON_LINES, BINARY = ".jsonl", ".records"
"""Endings of names of files, which say the form."""
SETTINGS: dict[str, Any] = {
    **CONFIG,
    "message.max.bytes": 64_000_000,  # the topic says what is too large
    "queue.buffering.max.kbytes": 65_536,
}
BATCH_OCTETS = 1_000_000
"""librdkafka's own, and less than topics take that nobody has set otherwise."""
STOP = {
    *UNREACHABLE,
    KafkaError._MSG_TIMED_OUT,
    KafkaError._AUTHENTICATION,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
}
"""What will be said of each record that follows as well."""

Place = tuple[int, int]
"""Partition and offset of a record where it comes from, or 0 and its number in a file."""


class Target(Protocol):
    """Takes records, each with its place in the source."""

    failed: dict[int, int]
    """By partition of the source, the offset of the first record that was not taken for a cause that will not pass."""
    refused: Counter[str]
    """Records that were not taken, by cause; the others were."""

    def put(self, record: StoredRecord, place: Place) -> None:
        """Raises PublishFailed where no more will be taken, ReplayError."""

    def finish(self) -> None:
        """Returns when all that was put is there; raises PublishFailed as well."""

    def abandon(self) -> None:
        """Leaves what may stay of what was put."""


class TopicTarget:
    """A topic. Records keep their stamps, and their partitions where it has as many as theirs has; otherwise the key
    says the partition, and `warn` is told once."""

    def __init__(self, connection: Connection, topic: ClusterTopic, warn: Callable[[str], None]):
        self._topic, self._warn = topic, warn
        self._trouble = ""
        self._stopped = False
        self._by_key = False
        self.failed: dict[int, int] = {}
        self.refused: Counter[str] = Counter()
        batch = {"batch.size": _batch_max(connection, topic.name)}
        self._producer = Producer(connection.librdkafka(**SETTINGS, **batch, error_cb=self._disturbed))

    def put(self, record: StoredRecord, place: Place) -> None:
        """Hands it to Kafka. Raises PublishFailed where it takes nothing any more."""
        more: dict[str, Any] = {"partition": record.partition} if self._keeps(record) else {}
        if record.timestamp is not None:
            more["timestamp"] = record.timestamp
        told = partial(self._told, place)
        while True:
            self._go_on()
            try:
                self._producer.produce(
                    self._topic.name, record.value, record.key, on_delivery=told, headers=list(record.headers), **more
                )
                break
            except BufferError:  # bounded: records leave the queue or fail within DELIVERY_DEADLINE
                self._producer.poll(0.1)
            except KafkaException as error:  # larger than any topic takes
                self._told(place, error.args[0], None)
                break
        self._producer.poll(0)

    def finish(self) -> None:
        """Returns when Kafka has taken what it takes. Raises PublishFailed."""
        left = self._producer.flush(DELIVERY_DEADLINE + 5)
        if left:
            self._trouble, self._stopped = self._trouble or "no answer in time", True
        self._go_on()

    def abandon(self) -> None:
        """What is under way still arrives, or is told to have failed."""
        self._producer.flush(DELIVERY_DEADLINE + 5)

    def _keeps(self, record: StoredRecord) -> bool:
        if keeps_partition(record.partition, record.partitions, self._topic.partitions):
            return True
        if not self._by_key:
            self._by_key = True
            of = f"{record.partitions}" if record.partitions else "an unknown number of"
            self._warn(
                f"{self._topic.name} has {self._topic.partitions} partitions, the records come from {of}: their keys "
                "say where they go, as Java clients do it. Order holds within a key alone"
            )
        return False

    def _go_on(self) -> None:
        if self._stopped:
            raise PublishFailed(f"{self._topic.name} takes nothing any more: {self._trouble}")

    def _told(self, place: Place, error: KafkaError | None, _message: Message | None) -> None:
        if error is None:
            return
        if error.code() in STOP or error.fatal():
            self._trouble, self._stopped = reason(error), True
            self.failed[place[0]] = min(place[1], self.failed.get(place[0], place[1]))
        else:
            self.refused[reason(error)] += 1

    def _disturbed(self, error: KafkaError) -> None:
        self._trouble = reason(error)


def _batch_max(connection: Connection, topic: str) -> int:
    """Octets of a batch: what the topic takes in one, or records would be refused for their neighbours' size."""
    try:
        said = configs_of(admin_client(connection), [topic]).get(topic, {})
    except TopicsError:  # whoever may write need not be allowed to look
        said = {}
    return min(BATCH_OCTETS, int(said.get("max.message.bytes", BATCH_OCTETS)))


class FileTarget:
    """A new file for its owner alone. It has another name until it is whole. Raises ReplayError."""

    def __init__(self, path: Path):
        self.failed: dict[int, int] = {}
        self.refused: Counter[str] = Counter()
        self._path, self._part = path, path.with_name(f".{path.name}.part")
        self._binary = path.suffix == BINARY
        self._count = 0
        if path.exists():
            raise ReplayError(f"{path} is there already: give another name, or remove it")
        try:
            descriptor = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise ReplayError(
                f"{self._part} is there: another replay writes it, or one was killed; then remove it"
            ) from None
        except OSError as error:
            raise ReplayError(f"{self._part} can't be made: {words_of(error)}") from None
        self._file = os.fdopen(descriptor, "wb")
        if self._binary:
            self._file.write(MAGIC)

    def put(self, record: StoredRecord, place: Place) -> None:
        """Behind the others."""
        self._write(to_frame(record) if self._binary else to_json_line(record))
        self._count += 1

    def finish(self) -> None:
        """The file has its name, and is on the disk."""
        if self._binary:
            self._write(end_frame(self._count))
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._part.rename(self._path)
        except OSError as error:
            raise self._full(error) from None

    def abandon(self) -> None:
        """Nothing is left of it."""
        self._part.unlink(missing_ok=True)
        try:
            self._file.close()
        except OSError:
            pass  # what it could not write any more is gone anyway

    def _write(self, octets: bytes) -> None:
        try:
            self._file.write(octets)
        except OSError as error:
            raise self._full(error) from None

    def _full(self, error: OSError) -> ReplayError:
        return ReplayError(f"{self._path} can't be written: {words_of(error)}. Nothing is left of it")
