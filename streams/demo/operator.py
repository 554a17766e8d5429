"""The demo's operator: puts a service on hold, with a control record in every partition of the log."""

import time

from confluent_kafka import Producer

from sidestep.schemas import HoldRecord
from sidestep.schemas.codec import encode
from sidestep.topics.catalog import EVIDENCE
from sidestep.topics.cluster import QUIET, admin_client, cluster
from sidestep.topics.connection import Connection
from sidestep.topics.errors import PublishFailed

DEADLINE = 10.0


class Operator:
    """Whoever watches the services."""

    def __init__(self, connection: Connection):
        self._partitions = sorted(cluster(admin_client(connection), connection).topics[EVIDENCE.name].partitions)
        self._producer = Producer(connection.librdkafka(**{"enable.idempotence": True, **QUIET}))

    def hold(self, service: str, seconds: float, why: str) -> None:
        """From here on its intents are deferred, for so long. Raises PublishFailed."""
        now = int(time.time() * 1000)
        record = HoldRecord(service=service, until=now + int(seconds * 1000), reason=why, at=now)
        for partition in self._partitions:
            self._producer.produce(EVIDENCE.name, encode(record), "hold", partition=partition)
        if self._producer.flush(DEADLINE):
            raise PublishFailed(f"the hold of {service} did not get into {EVIDENCE.name}")
