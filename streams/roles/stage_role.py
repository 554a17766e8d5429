"""What roles with a ledger share: the stage's life in a worker, the ledger that heals, what both show."""

import contextlib
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Generic, TypeVar

from sidestep.streams.errors import LedgerDamaged
from sidestep.streams.observe.budgets import Budgets, Held
from sidestep.streams.observe.metrics import Done
from sidestep.streams.roles.role import Context
from sidestep.streams.roles.role_snapshots import RoleSnapshots, SnapshotKind
from sidestep.streams.runtime.batch_app import BatchApp
from sidestep.streams.runtime.batches import Batch, Partition
from sidestep.streams.runtime.fetching import Isolation
from sidestep.streams.runtime.former import STORES
from sidestep.streams.runtime.ledger import Ledger, LedgerSettings
from sidestep.streams.runtime.quarantine import count_aside
from sidestep.streams.runtime.recovery import Progress
from sidestep.streams.runtime.stage import Judge, Stage
from sidestep.streams.runtime.store import MEMTABLES
from sidestep.streams.runtime.transactions import QUEUE_OCTETS

JudgedT = TypeVar("JudgedT")


class StageRole(Generic[JudgedT]):
    """A role that is a stage with a ledger. What one is made of says its own file.

    `topic` is its input, `done` says what a batch came to, in the words of metrics.
    """

    name: str
    pace: float
    drains = False
    isolation: Isolation = "read_committed"
    from_strangers = False
    """A transaction of the stage before counts whole or not at all."""

    def __init__(
        self,
        context: Context,
        topic: str,
        ledger: LedgerSettings,
        new_judge: Callable[[Ledger], Judge[JudgedT]],
        done: Callable[[JudgedT], Done],
        snapshots: SnapshotKind = SnapshotKind(),
    ):
        self._report = context.report
        self._failpoint = context.failpoint
        self._ledger = ledger
        self._measured = done
        self._snapshots = RoleSnapshots(context, topic, ledger, snapshots)
        self._stage = Stage(
            self.name,
            topic,
            open_ledger=self._open,
            new_judge=new_judge,
            done=self._done,
            recoveries=context.report,
            fail=context.fail,
        )
        context.report.health.needs_ledger(topic)
        context.report.metrics.read_ledger(self.name, self._stage.keys)
        self._show(context.report.metrics.budgets, stores=1 + bool(ledger.window_changelog))
        context.report.metrics.read_set_aside(self.name, lambda: count_aside(ledger.data / self.name))

    def _show(self, budgets: Budgets, stores: int) -> None:
        """Of each partition there are so many `stores`."""
        stage = self._stage

        def producers() -> Held:
            return Held(stage.on_its_way(), len(stage.partitions()) * QUEUE_OCTETS)

        def memtables() -> Held:
            return Held(stage.memtables(), len(stage.partitions()) * stores * MEMTABLES)

        budgets.show(self.name, "producers", producers)
        budgets.show(self.name, "memtables", memtables)

    async def prepare(self) -> None:
        """Nothing: ledgers are recovered when their partitions come."""

    def chores(self) -> Iterable[Coroutine[Any, Any, None]]:
        """The watch over partitions in which nothing happens, and the snapshots."""
        taking = self._snapshots.keep_taking(self._stage.partitions, self._stage.lend)
        return self._stage.keep_settled(), taking

    def register(self, app: BatchApp) -> None:
        """The agent on the input."""
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
        self._snapshots.begin_from_newest(partition)
        for _ in STORES:  # recovery may meet in each what opening does not see: marked by then, and set aside next
            with contextlib.suppress(LedgerDamaged):
                return Ledger(self._ledger, partition, self._failpoint, progress)
        return Ledger(self._ledger, partition, self._failpoint, progress)

    def _done(self, batch: Batch, judged: JudgedT) -> None:
        self._report.batch_done(self.name, batch.tp.topic, self._measured(judged))
