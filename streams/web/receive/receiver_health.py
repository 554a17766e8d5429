"""Health of the receiver: alive while it answers, ready while Kafka takes what comes."""

import asyncio
import logging
from collections.abc import Callable, Iterable

from confluent_kafka import KafkaException

from sidestep.streams.observe.health import HealthAnswer
from sidestep.topics.catalog import BOUNCES, ENGAGEMENT
from sidestep.topics.cluster import admin_client, require
from sidestep.topics.connection import Connection
from sidestep.topics.errors import SidestepError
from sidestep.topics.renewing import Renewing

LOOK_SECONDS = 5.0

log = logging.getLogger(__name__)


class ReceiverHealth:
    """The health that /livez and /readyz tell."""

    def __init__(
        self, doors_fault: Callable[[], str] = lambda: "", topics: Callable[[], Iterable[str]] = tuple
    ) -> None:
        """`doors_fault`: why nobody is let in; "" for nothing. `topics`: where doors publish, the general apart."""
        self.stopping = False
        self.kafka = "Kafka has not answered yet."
        """Why Kafka would not take a record; empty: it would."""
        self._doors_fault = doors_fault
        self._topics = topics

    def livez(self) -> HealthAnswer:
        """Always: whoever hears it has been answered."""
        return 200, {"status": "ok", "reasons": []}

    def readyz(self) -> HealthAnswer:
        """503 while nothing that comes could be kept."""
        reasons = [*(["The receiver is stopping."] if self.stopping else []), *([self.kafka] if self.kafka else [])]
        if fault := self._doors_fault():
            reasons.append(f"The doors file can't be used: {fault}")
        return (503, {"status": "failed", "reasons": reasons}) if reasons else (200, {"status": "ok", "reasons": []})

    async def watch(self, connection: Connection, seconds: float = LOOK_SECONDS) -> None:
        """Ask Kafka again and again for the topics that are written to, until cancelled."""
        client = Renewing(connection.renewals, lambda: admin_client(connection))
        while True:
            before = self.kafka
            try:
                topics = sorted({BOUNCES.name, ENGAGEMENT.name, *self._topics()})
                await asyncio.to_thread(require, client.get(), connection, topics)
                self.kafka = ""
            except (SidestepError, KafkaException) as error:
                self.kafka = str(error)
            if self.kafka != before:
                log.log(*((logging.ERROR, "Kafka: %s", self.kafka) if self.kafka else (logging.INFO, "Kafka answers")))
            await asyncio.sleep(seconds)
