"""Three Kafka nodes on loopback, each broker and controller: replication 3, min.insync.replicas 2.

with Cluster(folder) as cluster:
    cluster.kill(cluster.leader("email-evidence", 0))
"""

import os
import signal
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ClusterMetadata

from sidestep.streams.local.embedded_config import Node, Server, quick_start
from sidestep.streams.local.embedded_jars import Lock
from sidestep.streams.local.embedded_kafka import EmbeddedKafka, new_cluster
from sidestep.topics.connection import Connection
from tests.guarantees.harness.ports import lasting_ports
from tests.guarantees.harness.workers import wait_for

NODES = (1, 2, 3)
WHOLE_SECONDS = 90.0
PROPERTIES = {
    "default.replication.factor": 3,
    "min.insync.replicas": 2,
    "offsets.topic.replication.factor": 3,
    "transaction.state.log.replication.factor": 3,
    "transaction.state.log.min.isr": 2,
    # a node that is silent is given up sooner than after nine seconds, yet not while the machine is only busy
    "broker.session.timeout.ms": 4000,
    "broker.heartbeat.interval.ms": 500,
}
OFFSETS, TRANSACTIONS = "__consumer_offsets", "__transaction_state"


class Cluster:
    """Three nodes that run while the context is open. Each can be killed, stopped, frozen and started again."""

    def __init__(self, folder: Path, heap: str = "400m", java: Sequence[str] | None = None, lock: Lock | None = None):
        ports = lasting_ports(6)
        cluster, controllers = new_cluster(), dict(zip(NODES, ports[3:], strict=True))
        options = quick_start() if java is None else java
        self.nodes = {
            number: EmbeddedKafka(
                folder / f"node-{number}",
                port,
                heap,
                options,
                lock,
                Server(PROPERTIES, (), Node(number, cluster, controllers)),
            )
            for number, port in zip(NODES, ports, strict=False)
        }

    @property
    def connection(self) -> Connection:
        """All three."""
        return Connection(",".join(node.address for node in self.nodes.values()))

    def start(self, number: int) -> None:
        """Start a node that was killed or stopped; it is in sync again some seconds later, see `whole`."""
        self.nodes[number].stop()  # what is left of one that was killed
        self.nodes[number].start()

    def stop(self, number: int) -> None:
        """SIGTERM, and wait for its end: it hands its leaderships over first."""
        self.nodes[number].stop()

    def kill(self, number: int) -> None:
        """SIGKILL."""
        os.kill(self.nodes[number].pid, signal.SIGKILL)
        wait_for(lambda: not self.nodes[number].running, 20, f"node {number} is dead")

    def freeze(self, number: int) -> None:
        """SIGSTOP."""
        os.kill(self.nodes[number].pid, signal.SIGSTOP)

    def thaw(self, number: int) -> None:
        """SIGCONT."""
        os.kill(self.nodes[number].pid, signal.SIGCONT)

    def leader(self, topic: str, partition: int) -> int:
        """The node that leads a partition."""
        return int(self._metadata().topics[topic].partitions[partition].leader)

    def group_coordinator(self, group: str) -> int:
        """The node that coordinates a consumer group."""
        return self._leader_of_key(OFFSETS, group)

    def transaction_coordinator(self, transactional_id: str) -> int:
        """The node that coordinates the transactions of an id."""
        return self._leader_of_key(TRANSACTIONS, transactional_id)

    def whole(self) -> bool:
        """All nodes are there, and all replicas of all partitions in sync."""
        try:
            metadata = self._metadata()
        except KafkaException:
            return False
        places = [place for topic in metadata.topics.values() for place in topic.partitions.values()]
        return len(metadata.brokers) == len(NODES) and all(
            place.leader > 0 and len(place.isrs) == len(place.replicas) == len(NODES) for place in places
        )

    def await_whole(self) -> None:
        """Returns when it is whole."""
        wait_for(self.whole, WHOLE_SECONDS, "all replicas in sync", every=0.3)

    def __enter__(self) -> Self:
        try:
            with ThreadPoolExecutor(len(NODES)) as pool:  # none of them answers as long as it is alone
                list(pool.map(EmbeddedKafka.start, self.nodes.values()))
            self.await_whole()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all nodes, at once: without a majority none of them could leave in good order."""
        for node in self.nodes.values():
            if node.running:
                os.kill(node.pid, signal.SIGKILL)
            node.stop()

    def _leader_of_key(self, topic: str, key: str) -> int:
        return self.leader(topic, (_java_hash(key) & 0x7FFFFFFF) % len(self._metadata().topics[topic].partitions))

    def _metadata(self) -> ClusterMetadata:
        return AdminClient(self.connection.librdkafka(log_level=0)).list_topics(timeout=10)


def _java_hash(text: str) -> int:
    """String.hashCode() of ASCII: Kafka finds coordinators by it."""
    value = 0
    for octet in text.encode("ascii"):
        value = (31 * value + octet) & 0xFFFFFFFF
    return value
