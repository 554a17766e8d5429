"""What a worker counts, for Prometheus. Every metric is declared here, once; docs/operations.md says how to read it.

Nothing is paid per event. Batches are observed once each, with the sums their stage has anyway; what changes more often
than that (caches, car parks, lag) is a plain number somewhere else and read when somebody scrapes.

Labels are bounded. A label whose values come from outside this file is folded to "other" beyond LABEL_VALUES of them;
topic and partition are bounded by the assignment. No label ever holds an address or a domain.
"""

import logging
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram, Info, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from sidestep.streams.observe import askers
from sidestep.streams.screen.sources.status import SourceStatus

LABEL_VALUES = 50
OTHER = "other"

# A lone event is a batch of one, a backlog comes in thousands (settings.batch_max).
_RECORDS = (1, 5, 20, 100, 500, 1_000, 2_000, 4_000, 8_000)
# From a commit on a quiet broker to 60 s, when Kafka aborts a transaction (transaction.timeout.ms).
_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0)
# From an empty changelog to a year of a large one.
_RECOVERY_SECONDS = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1_800.0)

ByPartition = Callable[[], Mapping[tuple[str, int], int]]
ByName = Callable[[], Mapping[str, int]]

T = TypeVar("T")

logger = logging.getLogger(__name__)


class ResolverCounters(Protocol):
    """What is read from the resolver when somebody scrapes."""

    @property
    def hits(self) -> int:
        """Domains answered from the cache."""

    @property
    def misses(self) -> int:
        """Domains that had to be asked."""

    @property
    def stale(self) -> int:
        """Old answers given because no new one could be had."""

    @property
    def queries(self) -> int:
        """Questions sent to name servers."""

    @property
    def in_flight(self) -> int:
        """Look-ups under way."""

    @property
    def outcomes(self) -> Mapping[tuple[str, str], int]:
        """Finished look-ups by (outcome, reason)."""


@dataclass(frozen=True)
class NoResolver:
    """The counters of a worker that asks no DNS."""

    hits: int = 0
    misses: int = 0
    stale: int = 0
    queries: int = 0
    in_flight: int = 0
    outcomes: Mapping[tuple[str, str], int] = field(default_factory=dict)


class LabelBounds:
    """The label values seen so far, at most LABEL_VALUES for each label name."""

    def __init__(self, most: int = LABEL_VALUES) -> None:
        self._most = most
        self._seen: dict[str, set[str]] = {}

    def bound(self, label: str, value: str) -> str:
        """`value`, or "other" where this label has too many already."""
        seen = self._seen.setdefault(label, set())
        if value in seen:
            return value
        if len(seen) >= self._most:
            return OTHER
        seen.add(value)
        return value


class BoundedCounter:
    """A counter whose labels take few values each."""

    def __init__(self, counter: Counter, labels: tuple[str, ...]) -> None:
        self._counter, self._names, self._bounds = counter, labels, LabelBounds()

    def add(self, count: int, *values: str) -> None:
        """Count `count` more for these label values, given in the order of the labels."""
        if not self._names:
            return self._counter.inc(count)
        bounded = map(self._bounds.bound, self._names, values)
        self._counter.labels(*bounded).inc(count)


class Metrics:
    """One worker's metrics in a registry of their own."""

    def __init__(self, version: str = "") -> None:
        self.registry = CollectorRegistry()
        self._labels = LabelBounds()
        self._declare_counts()
        self._declare_timings()
        self.build = Info("sidestep_build", "Version of Sidestep and of Python.", registry=self.registry)
        self.build.info({"version": version or "unknown", "python": platform.python_version()})
        self._sources = ScrapedNumbers(self._labels, self.scrape_errors)
        self.registry.register(self._sources)
        ProcessCollector(registry=self.registry)

    def _declare_counts(self) -> None:
        self.verdicts = self._counter("verdicts", "Verdicts in committed transactions.", "decision", "action")
        self.verdict_rules = self._counter("verdict_rules", "Rules that fired in those verdicts.", "rule")
        self.evidence = self._counter("evidence", "Records written to the log, by kind.", "kind")
        self.dead_letters = self._counter("dead_letters", "Records that could not be read.", "topic", "reason")
        self.recovered_records = self._counter("recovered_records", "Changelog records read back into ledgers.")
        self.scrape_errors = self._counter("scrape_errors", "Values that could not be read for a scrape.", "source")

    def _declare_timings(self) -> None:
        self.batch_records = self._histogram("batch_records", "Records of one batch.", _RECORDS, "role")
        self.batch_seconds = self._histogram("batch_seconds", "From a batch's hand-over to its end.", _SECONDS, "role")
        self.transaction_seconds = self._histogram("transaction_seconds", "One Kafka transaction.", _SECONDS)
        self.recovery_seconds = self._histogram(
            "recovery_seconds", "Reading one partition's ledger back.", _RECOVERY_SECONDS
        )

    def _counter(self, name: str, about: str, *labels: str) -> BoundedCounter:
        return BoundedCounter(Counter(f"sidestep_{name}", about, labels, registry=self.registry), labels)

    def _histogram(self, name: str, about: str, buckets: Iterable[float], *labels: str) -> Histogram:
        return Histogram(f"sidestep_{name}", about, labels, buckets=tuple(buckets), registry=self.registry)

    def observe_decide_batch(
        self,
        records: int,
        seconds: float,
        transaction_seconds: float,
        by_decision: Mapping[tuple[str, str], int],
        by_rule: Mapping[str, int],
    ) -> None:
        """A committed batch: verdicts by (decision, action) and by rule id."""
        self.observe_batch("decide", records, seconds)
        self.transaction_seconds.observe(transaction_seconds)
        for (decision, action), count in by_decision.items():
            self.verdicts.add(count, decision, action)
        for rule, count in by_rule.items():
            self.verdict_rules.add(count, rule)

    def observe_screen_batch(self, records: int, seconds: float, by_kind: Mapping[str, int]) -> None:
        """A batch whose evidence Kafka has taken, by kind of record."""
        self.observe_batch("screen", records, seconds)
        for kind, count in by_kind.items():
            self.evidence.add(count, kind)

    def observe_batch(self, role: str, records: int, seconds: float) -> None:
        """A batch of any role."""
        role = self._labels.bound("role", role)
        self.batch_records.labels(role).observe(records)
        self.batch_seconds.labels(role).observe(seconds)

    def observe_dead_letters(self, topic: str, by_reason: Mapping[str, int]) -> None:
        """The unreadable records of a batch."""
        for reason, count in by_reason.items():
            self.dead_letters.add(count, topic, reason)

    def observe_recovery(self, seconds: float, records: int) -> None:
        """One partition's ledger is complete."""
        self.recovery_seconds.observe(seconds)
        self.recovered_records.add(records)

    def watch_resolver(self, resolver: ResolverCounters) -> None:
        """Read the resolver's counters at each scrape."""
        self._sources.resolver = resolver

    def watch_askers(self, source: Callable[[], Iterable[SourceStatus]]) -> None:
        """`source` gives the sources of evidence besides DNS."""
        self._sources.askers = source

    def watch_lag(self, source: ByPartition) -> None:
        """`source` gives the records that wait, by (topic, partition)."""
        self._sources.lag = source

    def watch_parked(self, source: ByPartition) -> None:
        """`source` gives the intents that wait for DNS, by (topic, partition)."""
        self._sources.parked = source

    def watch_ledger(self, source: ByName) -> None:
        """`source` gives the (estimated) number of keys by table."""
        self._sources.ledger = source

    def watch_assigned(self, source: ByName) -> None:
        """`source` gives the number of partitions by role."""
        self._sources.assigned = source

    def watch_ready(self, source: Callable[[], bool]) -> None:
        """`source` tells whether /readyz would answer 200."""
        self._sources.ready = source

    def families(self) -> list[Metric]:
        """Every metric of Sidestep's own, whether it has values yet or not."""
        return [family for family in self.registry.collect() if family.name.startswith("sidestep_")]

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """The text of a scrape and its content type, in the form that the Accept header asks for."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type


class ScrapedNumbers(Collector):
    """Numbers that others keep, read at each scrape. One that cannot be read is left out of it and counted."""

    def __init__(self, labels: LabelBounds, errors: BoundedCounter) -> None:
        self._labels, self._errors = labels, errors
        self.resolver: ResolverCounters = NoResolver()
        self.lag: ByPartition = dict
        self.parked: ByPartition = dict
        self.ledger: ByName = dict
        self.assigned: ByName = dict
        self.ready: Callable[[], bool] | None = None
        self.askers: Callable[[], Iterable[SourceStatus]] = tuple

    def collect(self) -> Iterator[Metric]:
        """Every family, with the values that its source has now."""
        yield self._by_partition("lag_records", "Records not yet handled.", "lag", self.lag)
        yield self._by_partition("parked_records", "Intents that wait for DNS.", "parked", self.parked)
        yield self._by_name("ledger_keys", "Keys of a table (RocksDB's estimate).", "table", "ledger", self.ledger)
        yield self._by_name("partitions_assigned", "Partitions of this worker.", "role", "assigned", self.assigned)
        yield self._ready()
        yield from self._dns()
        yield from askers.families(self._read("sources", self.askers, ()))

    def _by_partition(self, name: str, about: str, source: str, read: ByPartition) -> Metric:
        family = GaugeMetricFamily(f"sidestep_{name}", about, labels=("topic", "partition"))
        nothing: Mapping[tuple[str, int], int] = {}
        for (topic, number), value in self._read(source, read, nothing).items():
            family.add_metric((topic, str(number)), value)
        return family

    def _by_name(self, name: str, about: str, label: str, source: str, read: ByName) -> Metric:
        family = GaugeMetricFamily(f"sidestep_{name}", about, labels=(label,))
        for value, count in self._folded(label, self._read(source, read, {})).items():
            family.add_metric((value,), count)
        return family

    def _folded(self, label: str, counts: Mapping[str, int]) -> dict[str, int]:
        folded: dict[str, int] = {}
        for value, count in counts.items():
            bounded = self._labels.bound(label, value)
            folded[bounded] = folded.get(bounded, 0) + count
        return folded

    def _ready(self) -> Metric:
        family = GaugeMetricFamily("sidestep_ready", "1 while /readyz answers 200.")
        if self.ready is not None:
            family.add_metric((), float(self._read("ready", self.ready, False)))
        return family

    def _dns(self) -> Iterator[Metric]:
        resolver = self.resolver
        yield CounterMetricFamily("sidestep_dns_cache_hits", "Domains answered from the cache.", resolver.hits)
        yield CounterMetricFamily("sidestep_dns_cache_misses", "Domains that had to be asked.", resolver.misses)
        yield CounterMetricFamily("sidestep_dns_stale_answers", "Old answers for want of new ones.", resolver.stale)
        yield CounterMetricFamily("sidestep_dns_queries", "Questions sent to name servers.", resolver.queries)
        yield GaugeMetricFamily("sidestep_dns_in_flight", "Names under way, or waiting for it.", resolver.in_flight)
        yield self._dns_outcomes(dict(resolver.outcomes))

    def _dns_outcomes(self, outcomes: Mapping[tuple[str, str], int]) -> Metric:
        family = CounterMetricFamily("sidestep_dns_outcomes", "Answers of DNS.", labels=("outcome", "reason"))
        folded: dict[tuple[str, str], int] = {}
        for (outcome, reason), count in outcomes.items():
            labels = self._labels.bound("outcome", outcome), self._labels.bound("reason", reason)
            folded[labels] = folded.get(labels, 0) + count
        for labels, count in folded.items():
            family.add_metric(labels, count)
        return family

    def _read(self, source: str, read: Callable[[], T], otherwise: T) -> T:
        try:
            return read()
        except Exception:  # a ledger that is just being closed must not blind the operator to all the rest
            logger.exception("a metric could not be read", extra={"source": source})
            self._errors.add(1, source)
            return otherwise
