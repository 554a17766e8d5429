"""The Kafka of a soak: one embedded broker that can be killed, stopped, frozen and started again."""

import os
import signal
import time
from pathlib import Path

from sidestep.streams.errors import EmbeddedBrokerError
from sidestep.streams.local.embedded_config import quick_start
from sidestep.streams.local.embedded_kafka import EmbeddedKafka
from tests.soak.crew import low_ports

START_TRIES = 3


class OneBroker:
    """One node; `node` is always 0."""

    nodes = 1

    def __init__(self, folder: Path):
        self._kafka = EmbeddedKafka(folder, port=low_ports(1)[0], heap="1g", java=quick_start())
        self.connection = self._kafka.connection
        self.replication = 1

    def start(self, node: int = 0) -> None:
        """Returns when it answers."""
        for attempt in range(1, START_TRIES + 1):
            try:
                self._kafka.start()
                return
            except EmbeddedBrokerError:  # on a machine under load it may take longer than it is given
                if attempt == START_TRIES:
                    raise
                time.sleep(1)

    def stop(self, node: int = 0) -> None:
        """SIGTERM, and wait."""
        self._kafka.stop()

    def signal(self, number: int, node: int = 0) -> None:
        """Send it a signal; after SIGKILL it may be started again."""
        os.kill(self._kafka.pid, number)
        if number == signal.SIGKILL:
            self._kafka.stop()
