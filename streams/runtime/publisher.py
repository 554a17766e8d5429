"""At-least-once output: a record counts as sent when Kafka has acknowledged it, and only then is its input acked.

One round at a time: all that has been handed in is produced and flushed, what is handed in meanwhile makes the next
round. So a lone record leaves at once and a backlog leaves in large requests, without a callback for each record.
"""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from sidestep.streams.runtime.kafka import MESSAGE_MAX, client, explain
from sidestep.streams.runtime.outgoing import Outgoing
from sidestep.streams.runtime.producer_queue import LOOK_SECONDS, RECORDS_MOST, ProducerQueue
from sidestep.topics.connection import Connection
from sidestep.topics.errors import PublishFailed
from sidestep.topics.renewing import Renewing

FLUSH_SECONDS = 60.0
ROUND_SECONDS = 0.010
"""From the beginning of a round to that of the next one. librdkafka sends a request for each partition, and each costs
the broker and whoever reads there as much as a hundred records: small rounds back to back make everybody late."""
QUEUE_OCTETS = 32 * 1024 * 1024
"""Of records that Kafka has not acknowledged yet; more wait where they come from."""


_SETTINGS = {
    "enable.idempotence": True,
    "delivery.report.only.error": True,
    "delivery.timeout.ms": int(FLUSH_SECONDS * 1000),
    "linger.ms": 5,
    "batch.size": 1_000_000,
    "message.max.bytes": MESSAGE_MAX,
    "compression.type": "lz4",
    "queue.buffering.max.messages": RECORDS_MOST,
    "queue.buffering.max.kbytes": QUEUE_OCTETS // 1024,
}


class _Renewed(Exception):
    """There is another producer."""


class Publisher:
    """An idempotent producer with every delivery checked."""

    def __init__(self, connection: Connection, name: str):
        self._producers = Renewing(connection.renewals, lambda: Producer(client(connection, name, **_SETTINGS)))
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="publisher")
        self._waiting: list[tuple[Outgoing, asyncio.Future[None]]] = []
        self._round: asyncio.Task[None] | None = None
        self._began = float("-inf")
        self._queue: ProducerQueue | None = None

    @property
    def on_its_way(self) -> int:
        """Octets that Kafka has not acknowledged yet, about."""
        queue = self._queue
        return queue.octets if queue is not None else 0

    async def send(self, outgoing: Outgoing) -> None:
        """Returns when Kafka has acknowledged all of it. Raises PublishFailed (or BrokerUnreachable) if it has not."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((outgoing, done))
        if self._round is None:
            self._round = asyncio.create_task(self._rounds())
        await done

    async def close(self) -> None:
        """Ends the round under way; what was handed in has been sent or has raised."""
        if self._round is not None:
            await self._round
        self._executor.shutdown()

    async def _rounds(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            await asyncio.sleep(self._began + ROUND_SECONDS - loop.time())  # not at all, where the last one is long ago
            self._began = loop.time()
            taken, self._waiting = self._waiting, []
            error: Exception | None = None
            try:
                await loop.run_in_executor(self._executor, self._produce, [outgoing for outgoing, _ in taken])
            except Exception as raised:  # noqa: BLE001 - handed on to everyone who waits for this round
                error = raised
            for _, done in taken:
                if done.cancelled():
                    continue
                if error is None:
                    done.set_result(None)
                else:
                    done.set_exception(error)
        self._round = None

    def _produce(self, taken: list[Outgoing]) -> None:
        while not self._produced(taken):
            pass  # by another producer: a round has nothing on its way but its own records, which may come twice

    def _produced(self, taken: list[Outgoing]) -> bool:
        """False: the producer had nobody to send them to, and there is another one now. Raises PublishFailed."""
        failures: list[str] = []

        def failed(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                failures.append(f"{message.topic()}/{message.partition()}: {error.str()}")

        def look() -> None:
            if self._producers.renew(abandon=_drop, topic=_a_topic(taken)):
                raise _Renewed

        producer = self._producers.get()  # a round ends with nothing on its way, so that another one may begin the next
        queue = self._queue = ProducerQueue(producer, look)
        try:
            for outgoing in taken:
                for (topic, partition), messages in outgoing.batches.items():
                    if refused := queue.put_batch(topic, partition, messages, failed):
                        failures.append(f"{topic}/{partition}: {refused.str()}")
                for single in outgoing.singles:
                    queue.put(**single, on_delivery=failed)
            deadline = time.monotonic() + FLUSH_SECONDS
            while (unsent := producer.flush(LOOK_SECONDS)) and time.monotonic() < deadline:
                look()
        except _Renewed:
            return False
        except KafkaException as error:
            raise explain(error, "publishing") from error
        finally:
            self._queue = None
        if unsent or failures:
            raise PublishFailed(
                f"Kafka did not take {unsent + len(failures)} records: {'; '.join(failures[:3]) or 'no answer in time'}"
            )
        return True


def _drop(old: Producer) -> None:
    """What it could not send is sent by another one."""
    old.purge()
    old.poll(0)


def _a_topic(taken: list[Outgoing]) -> str | None:
    for outgoing in taken:
        for topic, _ in outgoing.batches:
            return topic
        for single in outgoing.singles:
            return single["topic"]
    return None
