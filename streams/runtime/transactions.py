"""The transactions of one partition's ledger: outputs, changelog records and the marker record, all or none of them."""

import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from sidestep.streams.runtime.changes import Changes
from sidestep.streams.runtime.kafka import MESSAGE_MAX, OnDelivery, behind, explain
from sidestep.streams.runtime.manifest import HEADER, MARKER, Place, Sequences, Writer
from sidestep.streams.runtime.offsets import Offsets
from sidestep.streams.runtime.one_transaction import ask_until, commit
from sidestep.streams.runtime.outgoing import Headers, Keyed, Outgoing
from sidestep.streams.runtime.producer_queue import RECORDS_MOST, ProducerQueue
from sidestep.streams.runtime.record import Record
from sidestep.streams.runtime.tables import pack_pairs
from sidestep.streams.runtime.takeover import new_producer, take_over, unsettled
from sidestep.topics.connection import Connection
from sidestep.topics.renewing import Successor

log = logging.getLogger(__name__)

TRANSACTION_SECONDS = 60.0
LOOK_SECONDS = 2.0
"""Between two looks at what may hang: while a broker of several is away its connection breaks all the time."""

QUEUE_OCTETS = 8 * 1024 * 1024
"""Of a partition, what Kafka has not acknowledged yet: more of a transaction waits where it comes from."""

_SETTINGS = {
    # A batch is complete when it is produced, and the commit sends it at once whatever stands here. With 0 librdkafka's
    # threads turn in circles while Kafka adds the partitions to the transaction: a tenth of Decide's CPU
    # (docs/decisions/006).
    "linger.ms": 3,
    "batch.size": 1_000_000,
    "message.max.bytes": MESSAGE_MAX,
    "compression.type": "lz4",
    "queue.buffering.max.messages": RECORDS_MOST,
    "queue.buffering.max.kbytes": QUEUE_OCTETS // 1024,
}


class Aborted(Exception):
    """The transaction was rolled back and may be tried again from the start: fold the batch anew."""


@dataclass
class Positions:
    """Offsets of a transaction's last records in the two changelogs; none where it wrote none."""

    rows: list[int] = field(default_factory=list)
    window: list[int] = field(default_factory=list)


class Transactions:
    """A ledger's transactional producer. Blocks; one transaction at a time. Raises SidestepError.

    `window`: the changelog of windowed tables. `seconds`: after them Kafka aborts a transaction that is left open. The
    partition is taken over anew after a transaction was rolled back, where something hangs after a connection broke,
    when certificates or secrets were renewed, and where the producer has let go of all its brokers.
    """

    def __init__(
        self,
        connection: Connection,
        writer: Writer,
        window: Place,
        failpoint: Callable[[str], None],
        offsets: Offsets,
        seconds: float = TRANSACTION_SECONDS,
    ):
        """`offsets`: of the same cluster; others ask with it as well."""
        self._connection = connection
        self._writer = writer
        self._window = window
        self._failpoint = failpoint
        self._seconds = seconds
        self._offsets = offsets
        self._unsure = self._anew = False
        self._looked = float("-inf")
        self._queue: ProducerQueue | None = None
        self._renewed = Successor(
            connection.renewals, lambda: new_producer(self._connection, self._writer, self._settings())
        )
        self._take_over()

    def _take_over(self, producer: Producer | None = None) -> None:
        self._producer, self.ended = take_over(
            self._connection, self._writer, self._settings(), self._offsets, producer
        )
        self._sequences = Sequences()
        self._unsure = self._anew = False

    def _settings(self) -> dict[str, Any]:
        timeout = int(self._seconds * 1000)
        return {**_SETTINGS, "transaction.timeout.ms": timeout, "error_cb": self._disturbed}

    def _disturbed(self, error: KafkaError) -> None:
        """librdkafka's errors that it mends by itself, a lost connection above all."""
        log.info("%s: %s", self._writer.transactional_id, error.str())
        self._unsure = True

    def settle(self) -> bool:
        """Between two transactions, and now and then while there are none. True: the partition was taken over anew, so
        that the changelogs may hold more than this worker knows of: what hung, and what others committed that had the
        partition while this worker was cut off.

        Where nothing hangs nobody is fenced: a worker that was cut off for long has an heir by now, and learns so from
        its next transaction.
        """
        try:
            self._producer.poll(0)  # it tells of lost connections here, and raises what has ended it
        except KafkaException as error:
            raise explain(error, f"looking after {self._writer.changelog}") from error
        if self._unsure and time.monotonic() - self._looked >= LOOK_SECONDS:
            self._looked = time.monotonic()
            self._anew = self._anew or bool(unsettled(self._offsets, self._writer))
            self._unsure = False
        renewed = self._renewed.take()
        if renewed is None and not self._anew and not self._stranded():
            return False
        self._take_over(renewed)
        return True

    @property
    def octets(self) -> int:
        """Octets that are on their way, about."""
        queue = self._queue
        return queue.octets if queue is not None else 0

    @property
    def cluster(self) -> str:
        """Id of the Kafka cluster. Raises BrokerUnreachable."""
        try:
            found = self._producer.list_topics(self._writer.changelog.topic, timeout=TRANSACTION_SECONDS)
        except KafkaException as error:
            raise explain(error, "asking for the cluster's id") from error
        return str(found.cluster_id)

    def write(self, outgoing: Outgoing, changes: Changes, marker: bytes) -> Positions:
        """Commit it all. Raises Aborted: nothing has changed. Raises Fenced or another SidestepError: this worker must
        not go on."""
        positions = Positions()
        try:
            self._producer.begin_transaction()
            self._produce_all(outgoing, changes, marker, positions)
            self._failpoint("before-commit")
            commit(self._producer, TRANSACTION_SECONDS, self._look)
        except KafkaException as error:
            self._roll_back(error)
        finally:
            self._queue = None  # it has the producer, which may be given up
        return positions

    def _look(self) -> None:
        """Raises Aborted where the producer has nobody left to ask what has become of the transaction: taking the
        partition over ends it or finds it committed, and the changelog says which."""
        if self._stranded():
            self._anew = True
            raise Aborted("the producer has let go of all its brokers")

    def _stranded(self) -> bool:
        return self._renewed.stranded(self._producer, self._writer.changelog.topic)

    def _produce_all(self, outgoing: Outgoing, changes: Changes, marker: bytes, positions: Positions) -> None:
        queue = self._queue = ProducerQueue(self._producer, self._look)
        changelog = self._writer.changelog
        for (topic, partition), records in outgoing.batches.items():
            _put_batch(queue, Place(topic, partition), records)
        for single in outgoing.singles:
            queue.put(**single)
        self._failpoint("inside-transaction")
        _put_batch(queue, changelog, [{"key": key, "value": value} for key, value in changes.rows])
        if changes.window:
            told = _remember(positions.window)
            packed = pack_pairs(changes.window)
            queue.put(self._window.topic, packed, partition=self._window.partition, on_delivery=told)
        headers: Headers = [(HEADER, self._sequences.manifest(self._counts(outgoing, changes)).encode())]
        told = _remember(positions.rows)
        queue.put(changelog.topic, marker, key=MARKER, partition=changelog.partition, on_delivery=told, headers=headers)

    def _counts(self, outgoing: Outgoing, changes: Changes) -> Counter[Place]:
        counts = Counter({Place(*place): len(records) for place, records in outgoing.batches.items() if records})
        counts.update(Place(single["topic"], single["partition"]) for single in outgoing.singles)
        counts[self._writer.changelog] += len(changes.rows) + 1
        counts[self._window] += bool(changes.window)
        return counts

    def _roll_back(self, error: KafkaException) -> None:
        if not error.args[0].txn_requires_abort():
            raise explain(behind(self._producer, error), f"committing {self._writer.changelog}") from error
        try:
            ask_until(self._producer.abort_transaction, TRANSACTION_SECONDS, self._look)
        except KafkaException as second:
            raise explain(second, f"rolling back {self._writer.changelog}") from second
        self._anew = True
        raise Aborted(error.args[0].str()) from error


def _put_batch(queue: ProducerQueue, place: Place, records: list[Keyed]) -> None:
    if records and (refused := queue.put_batch(*place, records)):
        raise KafkaException(refused)


def _remember(position: list[int]) -> OnDelivery:
    def delivered(error: KafkaError | None, message: Message) -> None:
        if error is None:
            position.append(cast("Record", message).offset())

    return delivered
