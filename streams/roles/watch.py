"""The role watch: a stage over email-tallies whose watchers fold them into ledgers, anomalies and control records."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Coroutine, Iterable, Iterator
from typing import Any

from prometheus_client.core import GaugeMetricFamily, Metric

from sidestep.schemas import Tally
from sidestep.schemas.codec import encode
from sidestep.streams import hold_transaction
from sidestep.streams.observe.metrics import Count, Done, Labelled
from sidestep.streams.roles.budgeted import held_by
from sidestep.streams.roles.held_up import HeldUp
from sidestep.streams.roles.role import Context
from sidestep.streams.roles.role_snapshots import SnapshotKind, tombstones_of
from sidestep.streams.roles.stage_role import StageRole
from sidestep.streams.runtime.batches import Partition
from sidestep.streams.runtime.judging import UNFOLDABLE
from sidestep.streams.runtime.ledger import Ledger, LedgerSettings
from sidestep.streams.runtime.outgoing import Keyed, Outgoing
from sidestep.streams.runtime.publisher import Publisher
from sidestep.streams.screen.holds import note
from sidestep.streams.thresholds_file import read_thresholds
from sidestep.streams.watch.judge import WatchedBatch, Watcher
from sidestep.streams.watch.tables import WATCH_CLOCK
from sidestep.streams.watch.ticking import WatchTicks
from sidestep.streams.watch_transaction import ROLE, SHARED, TRANSACTION_SECONDS
from sidestep.topics.catalog import EVIDENCE, TALLIES, WATCH_CHANGELOG
from sidestep.topics.errors import SidestepError

ANOMALY_RECORDS = Count("sidestep_anomalies_total", "Records of incidents, by what they say.", ("pattern", "state"))
WATCH_TALLIES = Count("sidestep_watch_tallies_total", "Tallies, by whether their window was open.", ("arrived",))
WATCH_WINDOWS = Count("sidestep_watch_windows_total", "Windows that have ended, of a service or of all.", ("of",))
WATCH_CONTROLS = Count(
    "sidestep_watch_controls_total", "Control records that Watch has written into the log.", ("kind",)
)

log = logging.getLogger(__name__)


class WatchRole(StageRole[WatchedBatch]):
    """What a worker that watches is made of."""

    name = ROLE
    pace = 0.5
    """Tallies come once a second; an incident is told of when a minute is over."""

    def __init__(self, context: Context):
        settings = context.settings
        self._watchers: dict[int, Watcher] = {}
        self._partitions = context.partitions
        self._rules = read_thresholds(settings)
        self._publisher = Publisher(settings.connection, f"{settings.group}-{self.name}-ticks")
        self._ticks = WatchTicks()
        ledger = LedgerSettings(
            connection=settings.connection,
            group=settings.group,
            role=self.name,
            data=settings.data / "ledger",
            rows_changelog=WATCH_CHANGELOG.name,
            window_changelog="",
            own_topics=(),
            shared_topics={topic: context.partitions[topic] for topic in SHARED},
            window_seconds=0,
            cache=context.block_cache,
            transaction_seconds=TRANSACTION_SECONDS,
            tombstone_seconds=tombstones_of(context, WATCH_CHANGELOG.name),
        )
        super().__init__(context, TALLIES.name, ledger, self._watcher, _measured, SnapshotKind(clock_ms=_clock_ms))
        log_partitions = range(context.partitions[EVIDENCE.name])
        self._held_up = HeldUp(
            self._looked_at,
            ends=ledger.offsets.ends,
            end=lambda: hold_transaction.end_hanging(settings.connection, settings.group, log_partitions),
        )
        context.report.metrics.budgets.show(self.name, "ticks", lambda: held_by(self._publisher))
        context.report.metrics.declare(ANOMALY_RECORDS, WATCH_TALLIES, WATCH_WINDOWS, WATCH_CONTROLS)
        context.report.metrics.read("incidents", self._families)

    def chores(self) -> Iterable[Coroutine[Any, Any, None]]:
        """The watch over partitions in which nothing happens, the ticks, and the watch over the log: a hold that hangs
        is ended here where ACLs keep Decide from that (docs/decisions/040)."""
        return (*super().chores(), self._keep_time(), self._held_up.keep_watch())

    async def close(self) -> None:
        """Close all ledgers; what was handed to the publisher is sent."""
        await super().close()
        await self._publisher.close()

    def _looked_at(self) -> list[Partition]:
        """All partitions of the log, by the one worker that has the first partition of the tallies."""
        one = any(tp.partition == 0 for tp in self._stage.partitions())
        return [Partition(EVIDENCE.name, number) for number in range(self._partitions[EVIDENCE.name])] if one else []

    def _watcher(self, ledger: Ledger) -> Watcher:
        watcher = self._watchers[ledger.partition] = Watcher(ledger, self._partitions, self._rules, note)
        return watcher

    def _open_watchers(self) -> dict[int, Watcher]:
        """By partition, of those that this worker has."""
        numbers = [tp.partition for tp in self._stage.partitions()]
        return {number: self._watchers[number] for number in numbers if number in self._watchers}

    async def _keep_time(self) -> None:
        """For ever, each second: a tick where something is over and no tally says so. Kafka out of reach: later."""
        while True:
            await asyncio.sleep(1.0)
            now = time.time()
            due = {number: watcher.due for number, watcher in self._open_watchers().items()}
            partitions = self._ticks.partitions(due, now)
            tick: Keyed = {"key": "", "value": encode(Tally(service="", partition=0, second=int(now)))}
            try:
                if partitions:
                    await self._publisher.send(Outgoing({(TALLIES.name, number): [tick] for number in partitions}))
            except SidestepError as error:
                log.warning("no tick: %s", error)
                self._ticks = WatchTicks()

    def _families(self) -> Iterator[Metric]:
        watchers = list(self._open_watchers().values())
        about = "Incidents that are open, of the partitions of this worker."
        incidents = GaugeMetricFamily("sidestep_incidents_open", about, labels=("pattern", "severity"))
        for labels, count in sum((watcher.open for watcher in watchers), Counter()).items():
            incidents.add_metric(labels, count)
        yield incidents
        about = "Share of bad ones that counts against a provider's budget."
        share = GaugeMetricFamily("sidestep_budget_share", about, labels=("budget",))
        about = "Messages until that budget's limit, if they fare as the last ones; +Inf: it is not reached."
        left = GaugeMetricFamily("sidestep_budget_mails_left", about, labels=("budget",))
        about = "Share of what an MX provider got that is left to it; below 1 it has said that we are too fast."
        speed = GaugeMetricFamily("sidestep_provider_speed", about, labels=("provider",))
        for watcher in watchers:
            for provider, left_to_it in watcher.speeds.items():
                speed.add_metric((provider,), left_to_it)
            for name, standing in watcher.budgets.items():
                share.add_metric((name,), standing.share)
                left.add_metric((name,), float("inf") if standing.mails_left is None else standing.mails_left)
        yield from (share, left, speed)


def _clock_ms(ledger: Ledger) -> int:
    return 1000 * max((row.second for row in ledger.read(WATCH_CLOCK, [b"clock"]).values()), default=0)


def _measured(batch: WatchedBatch) -> Done:
    dead_letters = {"not-a-tally": batch.dead_letters, UNFOLDABLE: batch.unfoldable}
    counts: dict[Count, Labelled] = {
        ANOMALY_RECORDS: batch.anomalies,
        WATCH_TALLIES: {"in-time": batch.records - batch.late - sum(dead_letters.values()), "late": batch.late},
        WATCH_WINDOWS: batch.windows,
        WATCH_CONTROLS: batch.controls,
    }
    return Done(batch.records, batch.seconds, batch.transaction_seconds, dead_letters, counts)
