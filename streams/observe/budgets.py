"""What a worker has in memory of what arrives, beside the octets that it may: docs/limits.md has the bounds."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from prometheus_client.core import GaugeMetricFamily, Metric

SHARED = "all"
"""In place of a role, of what all roles of a worker have together."""
LABELS = ("role", "what")


class Held(NamedTuple):
    """Octets that there are, and those that there may be."""

    octets: int
    most: int


class Budgets:
    """By role, and by what it is that takes the memory."""

    def __init__(self) -> None:
        self._sources: dict[tuple[str, str], Callable[[], Held]] = {}

    def show(self, role: str, what: str, source: Callable[[], Held]) -> None:
        """`source` is asked at each scrape. `what`: one of a few words."""
        self._sources[role, what] = source

    def families(self) -> Iterator[Metric]:
        """Each budget, and what of it is taken."""
        about = "Octets in memory of what arrives, by what it is."
        taken = GaugeMetricFamily("sidestep_memory_octets", about, labels=LABELS)
        about = "Octets that it may take; beyond, others wait or the oldest goes."
        bounds = GaugeMetricFamily("sidestep_memory_budget_octets", about, labels=LABELS)
        for labels, source in self._sources.items():
            held = source()
            taken.add_metric(labels, held.octets)
            bounds.add_metric(labels, held.most)
        yield from (taken, bounds)
