"""The Kafka of a soak, one broker or three: nodes that can be killed, stopped, frozen and started again."""

import contextlib
import os
import signal
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from sidestep.streams.errors import EmbeddedBrokerError
from sidestep.streams.local.embedded_config import Server, quick_start
from sidestep.streams.local.embedded_jars import Lock
from sidestep.streams.local.embedded_kafka import EmbeddedKafka
from sidestep.topics.connection import Connection
from tests.guarantees.harness.cluster import NODES, Cluster
from tests.guarantees.harness.ports import lasting_ports
from tests.guarantees.harness.proxy import Proxy

START_TRIES = 3


class Brokers(Protocol):
    """Nodes are numbered from 0."""

    count: int
    replication: int

    @property
    def connection(self) -> Connection:
        """For who is not behind a proxy."""

    def start(self, *nodes: int) -> None:
        """Start what was killed or stopped; returns when they answer, and all replicas are in sync."""

    def stop(self, node: int) -> None:
        """SIGTERM, and wait for the end."""

    def kill(self, node: int) -> None:
        """SIGKILL."""

    def signal(self, node: int, number: int) -> None:
        """SIGSTOP or SIGCONT."""

    def mend(self) -> None:
        """Returns when all replicas are in sync."""

    def close(self) -> None:
        """End all."""


class OneBroker:
    """The embedded broker as it ships, or another Kafka's; `links`: proxies that workers reach it through."""

    count = 1
    replication = 1

    def __init__(self, folder: Path, lock: Lock | None, links: Sequence[Proxy]):
        listeners = tuple(link.listener(f"LINK{number}") for number, link in enumerate(links))
        self._kafka = EmbeddedKafka(
            folder, port=lasting_ports(1)[0], heap="1g", java=quick_start(), lock=lock, server=Server({}, listeners)
        )
        self.start()

    @property
    def connection(self) -> Connection:
        """Straight at the broker."""
        return self._kafka.connection

    def start(self, *nodes: int) -> None:
        """Start it."""
        for attempt in range(1, START_TRIES + 1):
            try:
                self._kafka.start()
                return
            except EmbeddedBrokerError:  # on a machine under load it may take longer than it is given
                if attempt == START_TRIES:
                    raise
                time.sleep(1)

    def stop(self, node: int) -> None:
        """SIGTERM, and wait for the end."""
        self._kafka.stop()

    def kill(self, node: int) -> None:
        """SIGKILL."""
        os.kill(self._kafka.pid, signal.SIGKILL)
        self._kafka.stop()

    def signal(self, node: int, number: int) -> None:
        """SIGSTOP or SIGCONT."""
        os.kill(self._kafka.pid, number)

    def mend(self) -> None:
        """It has nobody to be in sync with."""

    def close(self) -> None:
        """End it."""
        if self._kafka.running:
            self.signal(0, signal.SIGCONT)
        self._kafka.stop()


class ThreeBrokers:
    """A cluster of three, replication 3, min.insync.replicas 2."""

    count = len(NODES)
    replication = len(NODES)

    def __init__(self, folder: Path, lock: Lock | None):
        self._cluster = Cluster(folder, lock=lock)
        self._cluster.__enter__()

    @property
    def connection(self) -> Connection:
        """All three."""
        return self._cluster.connection

    def start(self, *nodes: int) -> None:
        """All at once: none of them answers as long as it is alone."""
        with ThreadPoolExecutor(self.count) as pool:
            list(pool.map(self._cluster.start, [NODES[node] for node in nodes]))
        self.mend()

    def stop(self, node: int) -> None:
        """SIGTERM, and wait for the end."""
        self._cluster.stop(NODES[node])

    def kill(self, node: int) -> None:
        """SIGKILL."""
        self._cluster.kill(NODES[node])

    def signal(self, node: int, number: int) -> None:
        """SIGSTOP or SIGCONT."""
        os.kill(self._cluster.nodes[NODES[node]].pid, number)

    def mend(self) -> None:
        """All replicas in sync."""
        self._cluster.await_whole()

    def close(self) -> None:
        """End all nodes."""
        with contextlib.suppress(ProcessLookupError):
            for node in range(self.count):
                self.signal(node, signal.SIGCONT)
        self._cluster.close()
