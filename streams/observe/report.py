"""What the roles report, into health and metrics. Called once a batch."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from sidestep.streams.decide.agent import Decide
from sidestep.streams.decide.judge import Judged
from sidestep.streams.observe.health import Health
from sidestep.streams.observe.metrics import Metrics
from sidestep.streams.runtime.batches import Batch, Partition
from sidestep.streams.runtime.transport import BatchApp

if TYPE_CHECKING:  # a worker that only decides does without Screen's libraries
    from sidestep.streams.screen.dns.resolver import Resolver
    from sidestep.streams.screen.screened import Screened
    from sidestep.streams.screen.screener import Screener
    from sidestep.streams.screen.sources.build import Sources

log = logging.getLogger(__name__)

BEAT_SECONDS = 1.0
ASK_BROKER_SECONDS = 10.0


class Watching:
    """Implements what Screen's and Decide's agents call."""

    def __init__(self, roles: Iterable[str]):
        self.health = Health(screens="screen" in roles)
        self.metrics = Metrics(_version())
        self.metrics.watch_ready(lambda: self.health.readyz()[0] == 200)
        self._assigned: dict[str, set[Partition]] = {}
        self._lags: dict[Partition, int] = {}
        self._dns: tuple[int, int] = (0, 0)
        self._resolver: Resolver | None = None
        self.metrics.watch_lag(lambda: {(tp.topic, tp.partition): lag for tp, lag in self._lags.items()})
        self.metrics.watch_assigned(lambda: {role: len(tps) for role, tps in self._assigned.items()})

    def screens(self, screener: "Screener", sources: "Sources") -> None:
        """This worker screens."""
        self._resolver = sources.resolver
        self.metrics.watch_resolver(sources.resolver)
        self.metrics.watch_askers(sources.status)
        self.metrics.watch_parked(lambda: {(tp.topic, tp.partition): n for tp, n in screener.parked.items()})

    def decides(self, decide: Decide) -> None:
        """This worker decides."""
        self.metrics.watch_ledger(decide.keys)

    def assigned(self, role: str, partitions: set[Partition]) -> None:
        """The partitions that a role has from now on."""
        self._assigned[role] = partitions
        self.health.assigned(set().union(*self._assigned.values()))
        log.info(
            "assigned",
            extra={"role": role, "partitions": ", ".join(f"{t}/{p}" for t, p in sorted(partitions)) or "none"},
        )

    def recovering(self, tp: Partition, done: int, total: int) -> None:
        """Called from a thread: one dictionary entry."""
        self.health.recovering(tp, done, total)

    def recovered(self, tp: Partition, records: int, seconds: float) -> None:
        """A partition's ledger is complete."""
        self.health.recovered(tp)
        self.metrics.observe_recovery(seconds, records)

    def screened(self, batch: Batch, screened: "Screened", seconds: float) -> None:
        """A batch is in the log."""
        self.health.progress()
        self.metrics.observe_screen_batch(len(batch.records), seconds, screened.kinds)
        if screened.reasons:
            self.metrics.observe_dead_letters(batch.tp.topic, screened.reasons)

    def judged(self, batch: Batch, judged: Judged) -> None:
        """A batch is committed."""
        self.health.progress()
        self.metrics.observe_decide_batch(
            judged.records, judged.seconds, judged.transaction_seconds, judged.decisions, judged.rules
        )
        if judged.dead_letters:
            self.metrics.observe_dead_letters(batch.tp.topic, {"not-evidence": judged.dead_letters})

    async def beat(self, apps: list[BatchApp], ask_broker: Callable[[], Any]) -> None:
        """Every second: lag, DNS; now and then: does the broker answer."""
        asked = 0.0
        while True:
            self._lags = {tp: lag for app in apps for tp, lag in app.lag().items()}
            self.health.lag(sum(self._lags.values()))
            self._look_at_dns()
            if time.monotonic() - asked >= ASK_BROKER_SECONDS:
                asked = time.monotonic()
                await self._ask(ask_broker)
            await asyncio.sleep(BEAT_SECONDS)

    async def _ask(self, ask_broker: Callable[[], Any]) -> None:
        try:
            await asyncio.to_thread(ask_broker)
            self.health.broker_ok()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what /readyz is to say
            self.health.broker_error(str(error))

    def _look_at_dns(self) -> None:
        """Whether the look-ups since the last beat have had any answer at all."""
        if self._resolver is None:
            return
        answered = failed = 0
        for (outcome, _), count in self._resolver.outcomes.items():
            if outcome == "unknown":
                failed += count
            else:
                answered += count
        before_answered, before_failed = self._dns
        if answered > before_answered:
            self.health.dns_ok()
        elif failed > before_failed:
            self.health.dns_error("all look-ups since then ended in timeouts or failures")
        self._dns = (answered, failed)


def _version() -> str:
    try:
        return version("sidestep")
    except PackageNotFoundError:
        return ""
