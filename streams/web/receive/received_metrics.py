"""What the doors count, for Prometheus; docs/operations.md says how to read it.

Labels are bounded: names of doors come from the doors file, outcomes from the code.
"""

import platform
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder

from sidestep.streams.observe.labels import LabelBounds
from sidestep.streams.observe.metrics import BUILD_INFO

DOORS_MOST = 200
NO_DOOR = "none"
"""Label of whatever asked at no door that is there."""
_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class ReceivedMetrics:
    """A receiver's metrics in a registry of their own."""

    def __init__(self, version: str = "") -> None:
        self.registry = CollectorRegistry()
        self._bounds = LabelBounds(DOORS_MOST)
        self._received = Counter(
            "sidestep_received", "Messages at the doors, by what became of them.", ("door", "outcome"),
            registry=self.registry,
        )  # fmt: skip
        self._seconds = Histogram(
            "sidestep_received_seconds", "From a message's head to the answer.", ("door",), buckets=_SECONDS,
            registry=self.registry,
        )  # fmt: skip
        self._connections = Gauge("sidestep_receive_connections", "Connections that are open.", registry=self.registry)
        self._kafka = Gauge(
            "sidestep_receive_kafka_up", "1 while Kafka answers and takes records.", registry=self.registry
        )
        self._doors = Gauge(
            "sidestep_doors_refused", "Doors that let nobody in, as their files can't be used.", registry=self.registry
        )
        build = Gauge(BUILD_INFO, "Version of Sidestep and of Python.", ("version", "python"), registry=self.registry)
        build.labels(version or "unknown", platform.python_version()).set(1)
        ProcessCollector(registry=self.registry)

    def count(self, door: str, outcome: str, seconds: float) -> None:
        """A message has been answered."""
        door = self._bounds.bound("door", door)
        self._received.labels(door, outcome).inc()
        self._seconds.labels(door).observe(seconds)

    def read(
        self, connections: Callable[[], int], kafka: Callable[[], bool], doors: Callable[[], int] = lambda: 0
    ) -> None:
        """Where the numbers come from that are read at a scrape. `doors`: those that let nobody in."""
        self._doors.set_function(doors)
        self._connections.set_function(connections)
        self._kafka.set_function(lambda: float(kafka()))

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """The text of a scrape and its content type, in the form that the Accept header asks for."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type
