"""Numbers that others keep, read when somebody scrapes: those that change more often than batches end, or belong to
somebody else. What every role has stands here; a role adds what it alone has with `Scrape.read`."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from sidestep.streams.observe.labels import LabelBounds
from sidestep.streams.snapshots.figures import SnapshotFigures

ByPartition = Callable[[], Mapping[tuple[str, int], int]]
"""Gives counts by (topic, partition)."""
ByRoleAndPartition = Callable[[], Mapping[tuple[str, str, int], int]]
"""Gives counts by (role, topic, partition)."""
ByName = Callable[[], Mapping[str, int]]
"""Gives counts by the value of a label."""
Families = Callable[[], Iterable[Metric]]

T = TypeVar("T")

log = logging.getLogger(__name__)


class Scrape(Collector):
    """The sources of a scrape. One that cannot be read is left out of it, logged and counted by `failed`."""

    def __init__(self, failed: Callable[[str], None]) -> None:
        self._failed = failed
        self._labels = LabelBounds()
        self._others: dict[str, Families] = {}
        self.lag: ByPartition = dict
        self.held: ByPartition = dict
        self.group_lag: ByRoleAndPartition = dict
        self.assigned: ByName = dict
        self.unassigned: ByName = dict
        self.resting: ByName = dict
        self.recovering: Callable[[], int] | None = None
        self.ledgers: dict[str, ByName] = {}
        self.set_aside: dict[str, Callable[[], int]] = {}
        self.snapshots: dict[str, Callable[[], SnapshotFigures]] = {}
        self.ready: Callable[[], bool] | None = None

    def read(self, source: str, families: Families) -> None:
        """`families` gives a role's own metrics at each scrape; `source` names it when it fails."""
        self._others[source] = families

    def collect(self) -> Iterator[Metric]:
        """Every family, with the values that its source has now."""
        lag = self._read("lag", self.lag) or {}
        yield by_partition("sidestep_lag_records", "Records not yet handled.", lag)
        about = "Octets of records between Kafka and the end of their batch."
        yield by_partition("sidestep_held_octets", about, self._read("held", self.held) or {})
        yield self._group_lag()
        about = "Partitions of this worker."
        yield self._by_role("sidestep_partitions_assigned", about, self._read("assigned", self.assigned))
        about = "Partitions that nobody in the role's group has."
        yield self._by_role("sidestep_partitions_unassigned", about, self._read("unassigned", self.unassigned))
        about = "Partitions of this worker in which a transaction hangs that an operator has to end."
        yield self._by_role("sidestep_partitions_resting", about, self._read("resting", self.resting))
        about = "Partitions of this worker whose ledgers are being read back."
        yield self._one("sidestep_partitions_recovering", about, self.recovering)
        yield self._ledger_keys()
        counts = {role: self._read("set-aside", count) for role, count in self.set_aside.items()}
        known = {role: count for role, count in counts.items() if count is not None}
        yield self._by_role("sidestep_ledger_set_aside", "Damaged databases set aside.", known)
        yield from self._snapshots()
        yield self._one("sidestep_ready", "1 while /readyz answers 200.", self.ready)
        for source, families in self._others.items():
            yield from self._read(source, lambda: list(families())) or ()  # noqa: B023 - called here

    def _group_lag(self) -> Metric:
        about = "Records not yet handled in each partition that the role's group reads, whoever has it."
        family = GaugeMetricFamily("sidestep_group_lag_records", about, labels=("role", "topic", "partition"))
        for (role, topic, number), count in (self._read("group lag", self.group_lag) or {}).items():
            family.add_metric((role, topic, str(number)), count)
        return family

    def _by_role(self, name: str, about: str, counts: Mapping[str, int] | None) -> Metric:
        family = GaugeMetricFamily(name, about, labels=("role",))
        for role, count in (counts or {}).items():
            family.add_metric((self._labels.bound("role", role),), count)
        return family

    def _ledger_keys(self) -> Metric:
        about = "Keys of a table (RocksDB's estimate)."
        family = GaugeMetricFamily("sidestep_ledger_keys", about, labels=("role", "table"))
        for role, keys in self.ledgers.items():
            for table, count in (self._read("ledger", keys) or {}).items():
                family.add_metric((role, self._labels.bound("table", table)), count)
        return family

    def _snapshots(self) -> Iterator[Metric]:
        labels = ("role", "partition")
        about = "When the last snapshot of a partition's ledger was taken."
        taken = GaugeMetricFamily("sidestep_snapshot_taken_timestamp_seconds", about, labels=labels)
        held = GaugeMetricFamily(
            "sidestep_snapshot_held_seconds", "For how long it held its partition up.", labels=labels
        )
        octets = GaugeMetricFamily("sidestep_snapshot_octets", "Octets of its files.", labels=labels)
        about = "Snapshots that were tried, and that there are not."
        failed = CounterMetricFamily("sidestep_snapshots_failed_total", about, labels=("role",))
        for role, source in self.snapshots.items():
            figures = self._read("snapshots", source)
            if figures is None:
                continue
            shown = ((taken, figures.taken_at), (held, figures.held_seconds), (octets, figures.octets))
            for family, values in shown:
                for partition, value in dict(values).items():
                    family.add_metric((role, str(partition)), value)
            failed.add_metric((role,), figures.failed)
        yield from (taken, held, octets, failed)

    def _one(self, name: str, about: str, source: Callable[[], float] | None) -> Metric:
        family = GaugeMetricFamily(name, about)
        if source is not None:
            family.add_metric((), float(self._read(name.removeprefix("sidestep_"), source) or 0))
        return family

    def _read(self, source: str, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except Exception:  # a ledger that is just being closed must not blind the operator to all the rest
            log.exception("a metric could not be read", extra={"source": source})
            self._failed(source)
            return None


def by_partition(name: str, about: str, counts: Mapping[tuple[str, int], int]) -> Metric:
    """A gauge with the labels topic and partition."""
    family = GaugeMetricFamily(name, about, labels=("topic", "partition"))
    for (topic, number), count in counts.items():
        family.add_metric((topic, str(number)), count)
    return family
