"""The whole system of one test: a broker's topics, a name server, and workers that it starts."""

from pathlib import Path
from typing import Any

from aiokafka.coordinator.protocol import ConsumerProtocol
from confluent_kafka.admin import AdminClient

from sidestep.streams.local.nameserver import NameServer
from sidestep.topics.connection import Connection
from tests.guarantees.harness.records import Feed, VerdictLog
from tests.guarantees.harness.traffic import tight_policy
from tests.guarantees.harness.workers import SIDESTEP, WorkerProcess


class System:
    """The whole of it: `start` makes workers, `feed` publishes, `verdicts` is what comes out."""

    def __init__(self, connection: Connection, names: NameServer, folder: Path):
        self.connection = connection
        self.names = names
        self.folder = folder
        self.feed = Feed(connection)
        self.verdicts = VerdictLog(connection)
        self.policy = folder / "policy.toml"
        self.policy.write_text(tight_policy(), "utf-8")
        self._workers: list[WorkerProcess] = []

    def start(
        self,
        role: str,
        data: Path | None = None,
        broker: Connection | None = None,
        command: tuple[str, ...] = SIDESTEP,
        **settings: Any,
    ) -> WorkerProcess:
        """A worker with a data folder of its own, and straight at the broker, unless others are given."""
        number = len(self._workers)
        data = data or self.folder / f"{role}-{number}"
        settings = {"group": self.folder.name, "policy": self.policy, **settings}
        worker = WorkerProcess(
            role,
            broker or self.connection,
            f"{self.names.host}:{self.names.port}",
            data,
            self.folder / f"{number}.log",
            command=command,
            **settings,
        )
        self._workers.append(worker)
        return worker

    def sharing(self, role: str) -> int:
        """Workers of a role that have partitions, as Kafka sees it: who was cut off may think that it still has."""
        name = f"{self.folder.name}-{role}"
        client: Any = AdminClient(self.connection.librdkafka(log_level=0))  # its types lack the members'
        members = [member for group in client.list_groups(name, timeout=10) for member in group.members]
        return sum(
            1
            for each in members
            if each.assignment and ConsumerProtocol.ASSIGNMENT.decode(each.assignment).partitions()
        )

    def alive(self) -> list[WorkerProcess]:
        """The workers that run."""
        return [worker for worker in self._workers if worker.alive]

    def close(self) -> None:
        """End everything."""
        for worker in self._workers:
            if worker.alive:
                worker.keep_metrics()
            worker.kill()
        self.verdicts.close()
