"""What a worker counts, for Prometheus; docs/operations.md says how to read it. What every role has is declared here,
what one role alone counts stands beside the role, each once and under the name that a scrape shows.

Nothing is paid per event. Batches are observed once each, with the sums their stage has anyway; what changes more often
than that (caches, car parks, lag) is a plain number somewhere else and read by scrape.py when somebody asks.

Labels are bounded. A label whose values come from outside this file is folded to "other" beyond LABEL_VALUES of them;
topic and partition are bounded by the assignment. No label ever holds an address or a domain.
"""

import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder

from sidestep.streams.observe.budgets import Budgets
from sidestep.streams.observe.labels import LabelBounds
from sidestep.streams.observe.loop_silence import LoopSilence
from sidestep.streams.observe.scrape import ByName, ByPartition, ByRoleAndPartition, Families, Scrape
from sidestep.streams.snapshots.figures import SnapshotFigures

# A lone event is a batch of one, a backlog comes in thousands (settings.batch_max).
_RECORDS = (1, 5, 20, 100, 500, 1_000, 2_000, 4_000, 8_000)
# From a commit on a quiet broker to 60 s, when Kafka aborts a transaction (transaction.timeout.ms).
_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0)
# From an empty changelog to a year of a large one.
_RECOVERY_SECONDS = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1_800.0)

BUILD_INFO = "sidestep_build_info"
"""Shown by every process of Sidestep."""

Labelled = Mapping[str, int] | Mapping[tuple[str, str], int] | Mapping[tuple[str, str, str], int]
"""Numbers by the value of the one label, or by the values of two or three labels in their order."""


@dataclass(frozen=True)
class Count:
    """A counter: its name as a scrape shows it, what it counts, and the names of its labels."""

    name: str
    about: str
    labels: tuple[str, ...] = ()


DEAD_LETTERS = Count("sidestep_dead_letters_total", "Records that could not be read.", ("topic", "reason"))
RECOVERED_RECORDS = Count("sidestep_recovered_records_total", "Changelog records read back into ledgers.", ("role",))
HANGING = Count(
    "sidestep_hanging_transactions_total",
    "Partitions in which a transaction hung at a take-over, by what became of it.",
    ("role", "outcome"),
)
SCRAPE_ERRORS = Count("sidestep_scrape_errors_total", "Values that could not be read for a scrape.", ("source",))


@dataclass(frozen=True)
class Done:
    """A finished batch, in the words that all roles share."""

    records: int
    seconds: float
    """From the batch's hand-over to its end."""
    transaction_seconds: float | None = None
    """Of the Kafka transaction, begin to commit; None: the role writes without one."""
    dead_letters: Mapping[str, int] = field(default_factory=dict)
    """Records that could not be read, by reason."""
    counts: Mapping[Count, Labelled] = field(default_factory=dict)
    """What the role alone counts."""


class Metrics:
    """One worker's metrics in a registry of their own."""

    def __init__(self, version: str = "") -> None:
        self.registry = CollectorRegistry()
        self._labels = LabelBounds()
        self._counters: dict[Count, _BoundedCounter] = {}
        self.declare(DEAD_LETTERS, RECOVERED_RECORDS, HANGING, SCRAPE_ERRORS)
        self._declare_histograms()
        self.loop_silence = LoopSilence(self.registry)
        build = self._gauge(BUILD_INFO, "Version of Sidestep and of Python.", "version", "python")
        build.labels(version or "unknown", platform.python_version()).set(1)
        self._scrape = Scrape(lambda source: self._counters[SCRAPE_ERRORS].add({source: 1}))
        self.registry.register(self._scrape)
        self.budgets = Budgets()
        self.read("budgets", self.budgets.families)
        ProcessCollector(registry=self.registry)

    def _declare_histograms(self) -> None:
        def histogram(name: str, about: str, buckets: tuple[float, ...]) -> Histogram:
            return Histogram(name, about, ("role",), buckets=buckets, registry=self.registry)

        self._batch_records = histogram("sidestep_batch_records", "Records of one batch.", _RECORDS)
        self._batch_seconds = histogram("sidestep_batch_seconds", "From a batch's hand-over to its end.", _SECONDS)
        self._transaction_seconds = histogram("sidestep_transaction_seconds", "One Kafka transaction.", _SECONDS)
        self._recovery_seconds = histogram(
            "sidestep_recovery_seconds", "Reading one partition's ledger back.", _RECOVERY_SECONDS
        )

    def _gauge(self, name: str, about: str, *labels: str) -> Gauge:
        return Gauge(name, about, labels, registry=self.registry)

    # -- what is counted -----------------------------------------------------------------------------------------------

    def declare(self, *counts: Count) -> None:
        """Counters that batches may bring; each once."""
        for count in counts:
            self._counters[count] = _BoundedCounter(count, self.registry)

    def observe_batch(self, role: str, topic: str, done: Done) -> None:
        """A batch of `topic` has been finished by `role`."""
        role = self._labels.bound("role", role)
        self._batch_records.labels(role).observe(done.records)
        self._batch_seconds.labels(role).observe(done.seconds)
        if done.transaction_seconds is not None:
            self._transaction_seconds.labels(role).observe(done.transaction_seconds)
        if done.dead_letters:
            by_reason = {(topic, reason): count for reason, count in done.dead_letters.items()}
            self._counters[DEAD_LETTERS].add(by_reason)
        for count, numbers in done.counts.items():
            self._counters[count].add(numbers)

    def observe_recovery(self, role: str, seconds: float, records: int) -> None:
        """One partition's ledger is complete."""
        role = self._labels.bound("role", role)
        self._recovery_seconds.labels(role).observe(seconds)
        self._counters[RECOVERED_RECORDS].add({role: records})

    def observe_hanging(self, role: str, outcomes: Mapping[str, int]) -> None:
        """Transactions hung in so many places, by outcome: adopted, rolled-back, left."""
        self._counters[HANGING].add({(role, outcome): count for outcome, count in outcomes.items() if count})

    # -- what is read at a scrape --------------------------------------------------------------------------------------

    def read_held(self, read: ByPartition) -> None:
        """`read` gives the octets of records in memory by (topic, partition)."""
        self._scrape.held = read

    def read_lag(self, source: ByPartition) -> None:
        """`source` gives the records that wait, by (topic, partition)."""
        self._scrape.lag = source

    def read_group(self, lag: ByRoleAndPartition, unassigned: ByName) -> None:
        """Of whole groups: `lag` gives the records that wait, by (role, topic, partition), `unassigned` the number of
        partitions that nobody has, by role."""
        self._scrape.group_lag, self._scrape.unassigned = lag, unassigned

    def read_recovering(self, source: Callable[[], int]) -> None:
        """`source` gives the number of partitions whose ledgers are being read back."""
        self._scrape.recovering = source

    def read_resting(self, source: ByName) -> None:
        """`source` gives the number of partitions that rest, by role."""
        self._scrape.resting = source

    def read_assigned(self, source: ByName) -> None:
        """`source` gives the number of partitions by role."""
        self._scrape.assigned = source

    def read_ready(self, source: Callable[[], bool]) -> None:
        """`source` tells whether /readyz would answer 200."""
        self._scrape.ready = source

    def read_ledger(self, role: str, source: ByName) -> None:
        """`source` gives the (estimated) number of keys of a role's ledgers, by table."""
        self._scrape.ledgers[role] = source

    def read_set_aside(self, role: str, source: Callable[[], int]) -> None:
        """`source` gives the number of damaged databases that a role's ledgers have set aside."""
        self._scrape.set_aside[role] = source

    def read_snapshots(self, role: str, source: Callable[[], SnapshotFigures]) -> None:
        """`source` gives what a role's snapshots show."""
        self._scrape.snapshots[role] = source

    def read(self, source: str, families: Families) -> None:
        """`families` gives what one role alone shows; `source` names it when it fails."""
        self._scrape.read(source, families)

    # -- what is shown -------------------------------------------------------------------------------------------------

    def families(self) -> list[Metric]:
        """Every metric of Sidestep's own, whether it has values yet or not."""
        return [family for family in self.registry.collect() if family.name.startswith("sidestep_")]

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """The text of a scrape and its content type, in the form that the Accept header asks for."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type


class _BoundedCounter:
    """A counter whose labels take few values each."""

    def __init__(self, count: Count, registry: CollectorRegistry) -> None:
        self._counter = Counter(count.name, count.about, count.labels, registry=registry)
        self._names, self._bounds = count.labels, LabelBounds()

    def add(self, numbers: Labelled) -> None:
        """Count so many more for each of these label values."""
        for values, number in numbers.items():
            given = (values,) if isinstance(values, str) else values
            bounded = map(self._bounds.bound, self._names, given)
            self._counter.labels(*bounded).inc(number)
