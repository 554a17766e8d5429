"""The demo's operator: puts a service on hold, with a control record in every partition of the log."""

import time

from confluent_kafka import Producer

from sidestep.schemas import HoldRecord
from sidestep.schemas.codec import encode
from sidestep.streams.errors import PublishFailed
from sidestep.topics.catalog import EVIDENCE
from sidestep.topics.connection import QUIET, admin_client, cluster

DEADLINE = 10.0


class Operator:
    """Whoever watches the services."""

    def __init__(self, broker: str):
        self._partitions = sorted(cluster(admin_client(broker), broker).topics[EVIDENCE.name].partitions)
        self._producer = Producer({"bootstrap.servers": broker, "enable.idempotence": True, **QUIET})

    def hold(self, service: str, seconds: float, why: str) -> None:
        """From here on its intents are deferred, for so long. Raises PublishFailed."""
        now = int(time.time() * 1000)
        record = HoldRecord(service=service, until=now + int(seconds * 1000), reason=why, at=now)
        for partition in self._partitions:
            self._producer.produce(EVIDENCE.name, encode(record), "hold", partition=partition)
        if self._producer.flush(DEADLINE):
            raise PublishFailed(f"the hold of {service} did not get into {EVIDENCE.name}")
