"""The load: plain intents at a rate, and beside them a trickle of the mixed traffic with repeats and feedback."""

import queue
import threading
import time
from functools import partial

import msgspec
from confluent_kafka import KafkaError, Message, Producer

from sidestep.topics.catalog import INTENTS
from sidestep.topics.connection import Connection
from tests.guarantees.harness.records import Input, Key
from tests.guarantees.harness.traffic import Traffic
from tests.soak.checker import Account, Name

PLAIN = "load-"
"""Ids and services of the plain load begin with it."""
DOMAINS = 300
RECIPIENTS = 200_000
SERVICES = 5
TICK = 0.02
MIXED_A_TICK = 1
FLUSH_SECONDS = 120.0


class Judged(msgspec.Struct):
    """What tells which intent a verdict, or an intent, is."""

    id: str
    to: str
    service: str
    attempt: int = 1

    @property
    def name(self) -> Name:
        """As it stands in the account."""
        if self.service.startswith(PLAIN):
            return int(self.id.removeprefix(PLAIN))
        return self.service, self.id, self.attempt, self.to


read_name = msgspec.json.Decoder(Judged).decode


def plain(number: int) -> bytes:
    """The intent with this number; some domains are written to far more often than others."""
    spread = number * 2654435761 % 4294967296
    domain = spread % DOMAINS if number % 2 else spread % 7
    return (
        f'{{"id":"{PLAIN}{number}","to":"u{spread % RECIPIENTS}@d{domain}.example",'
        f'"service":"{PLAIN}{number % SERVICES}"}}'
    ).encode()


class Load:
    """Publishes in a thread of its own from start() to finish(). `lock` guards the account."""

    def __init__(self, connection: Connection, account: Account, lock: threading.Lock, rate: int, seed: int):
        self.failed: list[str] = []
        self.answered: queue.SimpleQueue[Judged] = queue.SimpleQueue()
        """Verdicts on the mixed traffic: it offers some of those again, with the next attempt."""
        self._account = account
        self._lock = lock
        self._rate = rate
        self._traffic = Traffic(seed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._publish, name="load", daemon=True)
        self._producer = Producer(
            {
                **connection.librdkafka(), "enable.idempotence": True, "linger.ms": 5, "log_level": 0,
                "partitioner": "murmur2_random", "message.timeout.ms": 300_000, "reconnect.backoff.max.ms": 2000,
            }
        )  # fmt: skip

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def finish(self) -> None:
        """Publish no more, and wait until Kafka has taken what was published, or has refused it."""
        self._stop.set()
        self._thread.join()
        if left := self._producer.flush(FLUSH_SECONDS):
            self.failed.append(f"{left} records were neither taken nor refused")

    def _publish(self) -> None:
        began, number = time.monotonic(), 0
        while not self._stop.wait(TICK):
            due = int((time.monotonic() - began) * self._rate)
            for each in range(number, min(due, number + self._rate)):
                self._produce(INTENTS.name, f"{PLAIN}{each}", plain(each), each)
            number = min(due, number + self._rate)
            while not self.answered.empty():
                self._traffic.answered([self.answered.get()])  # type: ignore[list-item]  # has what it looks at
            for record in self._traffic.some(MIXED_A_TICK, "mixed"):
                self._produce(*record, _name(record))

    def _produce(self, topic: str, key: str | None, value: bytes, name: Name | None) -> None:
        if name is not None:
            with self._lock:
                self._account.sent.add(name)
        while not self._stop.is_set():
            try:
                self._producer.produce(topic, value, key, on_delivery=partial(self._delivered, name))
                break
            except BufferError:
                self._producer.poll(0.1)
        self._producer.poll(0)

    def _delivered(self, name: Name | None, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            self.failed.append(error.str())
        elif name is not None:
            with self._lock:
                self._account.acknowledge(name)


def _name(record: Input) -> Key | None:
    topic, _, value = record
    found = read_name(value).name if topic == INTENTS.name else None
    assert not isinstance(found, int)
    return found
