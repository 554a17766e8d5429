"""The role decide: a stage over email-evidence whose judges fold it into ledgers."""

import contextlib
from collections.abc import Coroutine, Iterable, Iterator
from typing import Any

from prometheus_client.core import GaugeMetricFamily, Metric

from sidestep.streams.decide.judge import Judge, Judged
from sidestep.streams.decide.tables import DEDUPLICATION_SECONDS
from sidestep.streams.errors import LedgerDamaged
from sidestep.streams.hold_transaction import end_hanging
from sidestep.streams.observe.metrics import Count, Done, Labelled
from sidestep.streams.roles.held_up import HeldUp
from sidestep.streams.roles.role import Context
from sidestep.streams.runtime.batch_app import BatchApp
from sidestep.streams.runtime.batches import Batch, Partition
from sidestep.streams.runtime.former import STORES, Former
from sidestep.streams.runtime.ledger import Ledger, LedgerSettings
from sidestep.streams.runtime.offsets import Offsets
from sidestep.streams.runtime.quarantine import count_aside
from sidestep.streams.runtime.reader import Isolation
from sidestep.streams.runtime.recovery import Progress
from sidestep.streams.runtime.stage import Stage
from sidestep.topics.catalog import APPROVED, DEAD_LETTERS, EVIDENCE, IDS_CHANGELOG, LEDGER_CHANGELOG, REJECTED, TALLIES

OUTAGE_SECONDS = 7 * 86_400
"""RocksDB drops old ids by the wall clock, the fold by log time: they may differ by an outage of this length."""

VERDICTS = Count("sidestep_verdicts_total", "Verdicts in committed transactions.", ("decision", "action"))
RULES = Count("sidestep_verdict_rules_total", "Rules that fired in those verdicts.", ("rule",))


class DecideRole:
    """What a worker that decides is made of."""

    name = "decide"
    pace = 0.025
    """A transaction costs the broker some 5 ms."""
    isolation: Isolation = "read_committed"
    """A hold is in force in all partitions or in none."""

    def __init__(self, context: Context):
        settings = context.settings
        self._report = context.report
        self._failpoint = context.failpoint
        self._ledger = LedgerSettings(
            connection=settings.connection,
            group=settings.group,
            role=self.name,
            data=settings.data / "ledger",
            rows_changelog=LEDGER_CHANGELOG.name,
            window_changelog=IDS_CHANGELOG.name,
            own_topics=(APPROVED.name, REJECTED.name),
            shared_topics={topic.name: context.partitions[topic.name] for topic in (TALLIES, DEAD_LETTERS)},
            window_seconds=DEDUPLICATION_SECONDS + OUTAGE_SECONDS,
            cache=context.block_cache,
        )
        # before ids and folders named the role; see docs/decisions/009
        self._former = Former(settings.connection, settings.group, settings.data / "ledger")
        self._stage = Stage(
            self.name,
            EVIDENCE.name,
            open_ledger=self._open,
            new_judge=lambda ledger: Judge(ledger, context.partitions[TALLIES.name]),
            done=self._done,
            recoveries=context.report,
            fail=context.fail,
        )
        log = range(context.partitions[EVIDENCE.name])
        self._held_up = HeldUp(
            self._stage.partitions,
            ends=Offsets(settings.connection).ends,
            end=lambda: end_hanging(settings.connection, settings.group, log),
        )
        context.report.health.needs_ledger(EVIDENCE.name)
        context.report.metrics.declare(VERDICTS, RULES)
        context.report.metrics.read_ledger(self.name, self._stage.keys)
        context.report.metrics.read("set-aside", self._set_aside)

    async def prepare(self) -> None:
        """Nothing: ledgers are recovered when their partitions come."""

    def chores(self) -> Iterable[Coroutine[Any, Any, None]]:
        """The watches over partitions in which nothing happens, or nothing can."""
        return (self._stage.keep_watch(), self._held_up.keep_watch())

    def register(self, app: BatchApp) -> None:
        """The agent on email-evidence."""
        self._stage.register(app)

    async def open_partition(self, tp: Partition) -> int | None:
        """Recover the partition's ledger; it says where to begin."""
        return await self._stage.open_partition(tp)

    async def assigned(self, partitions: set[Partition]) -> None:
        """Close the ledgers of all other partitions."""
        await self._stage.keep_only(partitions)

    async def close(self) -> None:
        """Close all ledgers."""
        await self._stage.close()

    def _open(self, partition: int, progress: Progress) -> Ledger:
        self._former.fence(partition)
        progress(0, 0)  # the next step takes the partition over: not where it was given up meanwhile
        self._former.move(partition, self._ledger.folder(partition))
        for _ in STORES:  # recovery may meet in each what opening does not see: marked by then, and set aside next
            with contextlib.suppress(LedgerDamaged):
                return Ledger(self._ledger, partition, self._failpoint, progress)
        return Ledger(self._ledger, partition, self._failpoint, progress)

    def _set_aside(self) -> Iterator[Metric]:
        family = GaugeMetricFamily("sidestep_ledger_set_aside", "Damaged databases set aside.", labels=("role",))
        family.add_metric((self.name,), count_aside(self._ledger.data / self.name))
        yield family

    def _done(self, batch: Batch, judged: Judged) -> None:
        dead_letters = {"not-evidence": judged.dead_letters} if judged.dead_letters else {}
        counts: dict[Count, Labelled] = {VERDICTS: judged.decisions, RULES: judged.rules}
        done = Done(judged.records, judged.seconds, judged.transaction_seconds, dead_letters, counts)
        self._report.batch_done(self.name, batch.tp.topic, done)
