"""What the roles of a worker report, into its health and its metrics. Called once a batch."""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping
from importlib.metadata import PackageNotFoundError, version

from sidestep.streams.observe.health import Health, in_words
from sidestep.streams.observe.metrics import Done, Metrics
from sidestep.streams.runtime.batches import Partition
from sidestep.streams.runtime.hanging import Ended

log = logging.getLogger(__name__)

BEAT_SECONDS = 1.0
ASK_BROKER_SECONDS = 5.0

Lags = Callable[[], Mapping[Partition, int]]


class Report:
    """One worker's report. It knows a role by what `plays` says of it."""

    def __init__(self) -> None:
        self.health = Health()
        self.metrics = Metrics(_version())
        self._assigned: dict[str, set[Partition] | None] = {}
        self._lags: Mapping[Partition, int] = {}
        self._resting: dict[str, set[Partition]] = {}
        self._unassigned: dict[str, Collection[Partition]] = {}
        self._group_lags: dict[tuple[str, str, int], int] = {}
        self._untold: set[str] = set()
        self.metrics.read_ready(lambda: self.health.readyz()[0] == 200)
        self.metrics.read_recovering(lambda: self.health.reading_back)
        self.metrics.read_resting(lambda: {role: len(tps) for role, tps in self._resting.items()})
        self.metrics.read_lag(lambda: {(tp.topic, tp.partition): lag for tp, lag in self._lags.items()})
        self.metrics.read_group(lambda: self._group_lags, lambda: {r: len(tps) for r, tps in self._unassigned.items()})
        self.metrics.read_assigned(lambda: {role: len(tps) for role, tps in self._assigned.items() if tps is not None})

    def plays(self, role: str) -> None:
        """This worker plays `role`; before it has been assigned its partitions nobody should count on the worker."""
        self._assigned[role] = None

    def assigned(self, role: str, partitions: set[Partition]) -> None:
        """The partitions that a role has from now on."""
        self._assigned[role] = partitions
        self._resting[role] = self._resting.get(role, set()) & partitions
        known = [tps for tps in self._assigned.values() if tps is not None]
        if len(known) == len(self._assigned):
            self.health.assigned(set().union(*known))
        names = ", ".join(f"{topic}/{number}" for topic, number in sorted(partitions)) or "none"
        log.info("assigned", extra={"role": role, "partitions": names})

    def coverage(self, role: str, unassigned: Collection[Partition]) -> None:
        """The partitions that nobody in the role's group has; empty: every one has somebody."""
        before, self._unassigned[role] = self._unassigned.get(role, ()), unassigned
        self.health.coverage(role, unassigned)
        self.health.broker_ok()  # that it could be asked; nothing else asks while the worker waits to be assigned
        if unassigned and not before:
            log.error("nobody has these partitions", extra={"role": role, "partitions": in_words(unassigned)})
        elif before and not unassigned:
            log.info("every partition has somebody again", extra={"role": role})

    def coverage_unknown(self, role: str, why: str) -> None:
        """The worker can't find out whether every partition has somebody."""
        self.health.coverage_unknown(role, why)
        if role not in self._untold:
            self._untold.add(role)
            log.warning("whether every partition has somebody can't be told: %s", why, extra={"role": role})

    def group_lag(self, role: str, lags: Mapping[Partition, int]) -> None:
        """Records that wait in each partition of a role's input, whoever has it; of others nothing new is known."""
        self._group_lags |= {(role, tp.topic, tp.partition): lag for tp, lag in lags.items()}

    def recovering(self, tp: Partition, done: int, total: int) -> None:
        """So many records of a changelog have been read back. Called from a thread: one dictionary entry."""
        self.health.recovering(tp, done, total)

    def recovered(self, role: str, tp: Partition, records: int, seconds: float) -> None:
        """A partition's ledger is complete."""
        self.health.recovered(tp)
        self._resting.get(role, set()).discard(tp)
        self.metrics.observe_recovery(role, seconds, records)

    def ended(self, role: str, tp: Partition, hung: Ended) -> None:
        """A transaction of a partition hung, and has been ended."""
        self.metrics.observe_hanging(role, {"adopted": hung.adopted, "rolled-back": hung.rolled_back})

    def rests(self, role: str, tp: Partition, why: str) -> None:
        """A transaction of a partition hangs that an operator has to end."""
        self.health.rests(tp, why)
        resting = self._resting.setdefault(role, set())
        if tp not in resting:
            resting.add(tp)
            self.metrics.observe_hanging(role, {"left": 1})
            log.error("%s/%d rests: %s", tp.topic, tp.partition, why, extra={"role": role})

    def batch_done(self, role: str, topic: str, done: Done) -> None:
        """A batch of `topic` is finished for good: its output is in Kafka."""
        self.health.progress()
        self.metrics.observe_batch(role, topic, done)

    async def beat(self, lags: Lags, ask_broker: Callable[[], object]) -> None:
        """Every second: how much waits; now and then: does the broker answer. `ask_broker` blocks."""
        asked = float("-inf")
        while True:
            self._lags = lags()
            self.health.lag(sum(self._lags.values()))
            if time.monotonic() - asked >= ASK_BROKER_SECONDS:
                asked = time.monotonic()
                await self._ask(ask_broker)
            await asyncio.sleep(BEAT_SECONDS)

    async def _ask(self, ask_broker: Callable[[], object]) -> None:
        try:
            await asyncio.to_thread(ask_broker)
            self.health.broker_ok()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what /readyz is to say
            self.health.broker_error(str(error))


def _version() -> str:
    try:
        return version("sidestep")
    except PackageNotFoundError:
        return ""
