"""The queue of a producer, which librdkafka bounds in octets: whoever hands records over waits for room. Blocks."""

import time
from collections.abc import Callable
from operator import itemgetter
from typing import Any, cast

from confluent_kafka import KafkaError, Producer

from sidestep.streams.runtime.kafka import OnDelivery
from sidestep.streams.runtime.outgoing import Keyed

ROOM_SECONDS = 0.01
"""Between two trials, while there is no room."""
LOOK_SECONDS = 2.0
"""After which it is looked at whether there is anybody to send to, while there is no room."""
RECORDS_MOST = 100_000
"""In a queue, however small they are: each costs librdkafka some two hundred octets besides."""

_VALUE = itemgetter("value")


class ProducerQueue:
    """For what is handed over in one round or transaction, in order. What does not leave within the producer's own
    time fails and makes room, too."""

    def __init__(self, producer: Producer, look: Callable[[], object]):
        """`look` is called now and then while there is no room; what it raises ends the waiting."""
        self._producer = producer
        self._look = look
        self._looked = time.monotonic()
        self._records = self._octets = 0

    @property
    def octets(self) -> int:
        """Octets of the values that Kafka has not acknowledged yet, about: so many of their mean size. Any thread."""
        unsent = min(len(self._producer), self._records)  # errors that nobody has fetched yet count in its length, too
        return self._octets * unsent // max(self._records, 1)

    def put_batch(
        self, topic: str, partition: int, records: list[Keyed], on_delivery: OnDelivery | None = None
    ) -> KafkaError | None:
        """Hand over a batch; why one of its records was not taken, None: all were."""
        self._count(len(records), sum(map(len, filter(None, map(_VALUE, records)))))
        left = cast("list[dict[str, Any]]", records)  # the client leaves `_error` in those that it does not take
        while self._producer.produce_batch(topic, left, partition=partition, on_delivery=on_delivery) < len(left):
            left = [record for record in left if "_error" in record]
            error = cast("KafkaError", left[0]["_error"])
            if error.code() != KafkaError._QUEUE_FULL:
                return error
            for record in left:  # behind the first that found no room none was taken: the order stays
                del record["_error"]
            self._wait()
        return None

    def put(self, topic: str, value: bytes | None, **fields: Any) -> None:
        """Hand over one record, as produce does. Raises KafkaException."""
        self._count(1, len(value or b""))
        while True:
            try:
                self._producer.produce(topic, value, **fields)
                return
            except BufferError:
                self._wait()

    def _count(self, records: int, octets: int) -> None:
        self._records += records
        self._octets += octets

    def _wait(self) -> None:
        self._producer.poll(ROOM_SECONDS)
        if time.monotonic() - self._looked >= LOOK_SECONDS:
            self._looked = time.monotonic()
            self._look()
