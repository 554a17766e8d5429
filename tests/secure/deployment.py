"""All roles in one process, each as its own principal, on a Kafka that allows nothing that no ACL allows."""

import asyncio
import threading
import time
from collections.abc import Coroutine
from dataclasses import asdict
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from sidestep.schemas import EmailIntent, Verdict
from sidestep.streams.app import Worker
from sidestep.streams.cli import main
from sidestep.streams.local.secure_kafka import SecureKafka
from sidestep.streams.roles import ROLES
from sidestep.streams.settings import Settings
from sidestep.topics import admin
from sidestep.topics.catalog import CATALOG
from sidestep.topics.connection import Connection
from sidestep.topics.publish import Publisher
from sidestep.topics.verdicts import Verdicts
from tests.leaks import MARK

SERVICE = "service-shop"
DOMAIN = "d0.example"
LEAVING = 40.0
COMMON: dict[str, Any] = {"web_port": 0, "session_timeout": 6, "hash_key": "5a" * 31 + "01", "dns_canaries": ""}


class Deployment:
    """A worker of each role with its own principal's certificate, in a thread; others connect by `as_principal`."""

    def __init__(self, kafka: SecureKafka, folder: Path, name_servers: str):
        self.kafka = kafka
        self._folder = folder
        self._name_servers = name_servers
        self._sent = self._started = 0
        self._workers: dict[str, tuple[Worker, asyncio.Task[None]]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="workers")

    def as_principal(self, name: str) -> Connection:
        """The connection of a client with this principal's certificate."""
        return self.kafka.by_certificate(name).connect()

    def command(self, principal: str, *arguments: str) -> Result:
        """A sidestep command in a principal's shell."""
        environment = self.kafka.by_certificate(principal).environment()
        return CliRunner().invoke(main, arguments, env=environment)

    def verdict_of_a_new_intent(self, principal: str = "dashboard", service: str = "shop") -> Verdict:
        """An intent that `principal` hears the verdict of."""
        self._sent += 1
        mine = f"intent-{self._sent}"
        with Verdicts(self.as_principal(principal)) as verdicts, Publisher(self.as_principal(SERVICE)) as publisher:
            publisher.intent(EmailIntent(id=mine, to=f"{MARK}{self._sent}@{DOMAIN}", service=service))
            publisher.flush()
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:
                for verdict in verdicts.batch(100, 0.2):
                    if verdict.id == mine:
                        return verdict
        raise AssertionError(f"no verdict; workers: {self.failures()}")

    def write(self, principal: str, topic: str, value: bytes, partition: int = 0, key: bytes | None = None) -> None:
        """A record as it is."""
        producer = Producer(self.as_principal(principal).librdkafka(log_level=0))
        producer.produce(topic, value, key, partition)
        assert 0 == producer.flush(10)

    def failures(self) -> dict[str, Exception]:
        """What has ended workers."""
        return {role: worker.failure for role, (worker, _) in self._workers.items() if worker.failure is not None}

    def start(self) -> None:
        """A worker of each role begins."""
        self._thread.start()
        for role in ROLES:
            self.begin(role)

    def begin(self, role: str) -> None:
        """A worker of this role, with a new data folder."""
        self._started += 1
        settings = Settings(
            **asdict(self.kafka.by_certificate(role)),
            data_dir=str(self._folder / f"{role}-{self._started}"),
            name_servers=self._name_servers,
            **COMMON,
        )

        async def begin() -> None:
            worker = Worker(settings, [role])
            self._workers[role] = worker, asyncio.create_task(worker.run())

        self._do(begin())

    def end(self, role: str) -> None:
        """The worker of this role leaves its group."""
        worker, task = self._workers.pop(role)

        async def end() -> None:
            worker.stop()
            await task

        self._do(end())

    def stop(self) -> None:
        """All workers leave."""
        for role in list(self._workers):
            self.end(role)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(LEAVING)

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(LEAVING)


def new_topics(connection: Connection) -> None:
    """All of the catalog, empty."""
    client = AdminClient(connection.librdkafka())
    existing = {topic.name for topic in CATALOG} & set(client.list_topics(timeout=10).topics)
    for future in client.delete_topics(list(existing), operation_timeout=30).values() if existing else ():
        future.result(30)
    deadline = time.monotonic() + 20
    while existing & set(client.list_topics(timeout=10).topics) and time.monotonic() < deadline:
        time.sleep(0.05)  # until they are gone
    admin.create(connection)
