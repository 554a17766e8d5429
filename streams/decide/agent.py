"""The Decide role: one Faust agent, one Judge a partition. Thin: an exception never leaves an agent."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from sidestep.streams.decide.judge import Judge, Judged
from sidestep.streams.runtime.batches import Batch, Partition
from sidestep.streams.runtime.ledger import Ledger, LedgerSettings
from sidestep.streams.runtime.transport import BatchApp, declare
from sidestep.topics.catalog import EVIDENCE

log = logging.getLogger(__name__)

RECOVERIES = 2
"""Partitions recovered at a time: more would cost memory for queues and gain nothing on few cores."""
THREADS = 16
"""Partitions whose transactions may overlap; they wait for the broker most of the time."""


class Watcher(Protocol):
    """What the composition root wants to know."""

    def judged(self, batch: Batch, judged: Judged) -> None:
        """A batch is committed."""

    def recovering(self, tp: Partition, done: int, total: int) -> None:
        """Called from a thread."""

    def recovered(self, tp: Partition, records: int, seconds: float) -> None:
        """A partition is ready to be judged."""


class Decide:
    """The ledgers of the partitions that this worker holds, and the agent that feeds them."""

    def __init__(
        self,
        ledger: LedgerSettings,
        watcher: Watcher,
        fail: Callable[[Exception], None],
        failpoint: Callable[[str], None],
        tally_partitions: int,
    ):
        self._settings = ledger
        self._watcher = watcher
        self._fail = fail
        self._failpoint = failpoint
        self._tally_partitions = tally_partitions
        self._ledgers: dict[Partition, Ledger] = {}
        self._judges: dict[Partition, Judge] = {}
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="decide")
        self._recoveries = asyncio.Semaphore(RECOVERIES)

    def register(self, app: BatchApp) -> None:
        """Declare the agent on `app`."""
        declare(app, EVIDENCE.name, self._process)

    async def open_partition(self, tp: Partition) -> int | None:
        """Recover the partition's ledger; where to begin. A ledger that stayed here is as it was."""
        if tp not in self._ledgers:
            loop = asyncio.get_running_loop()
            began = loop.time()
            async with self._recoveries:
                opening = loop.run_in_executor(self._threads, self._open, tp)
                try:
                    ledger = await asyncio.shield(opening)
                except asyncio.CancelledError:
                    # revoked meanwhile: a thread can't be interrupted, so close what it opens
                    opening.add_done_callback(_close_opened)
                    raise
            self._judges[tp] = Judge(ledger, self._tally_partitions)
            self._ledgers[tp] = ledger
            self._watcher.recovered(tp, ledger.recovered, loop.time() - began)
        marker = self._ledgers[tp].marker
        return marker + 1 if marker >= 0 else None

    def _open(self, tp: Partition) -> Ledger:
        def progress(done: int, total: int) -> None:
            self._watcher.recovering(tp, done, total)

        return Ledger(self._settings, tp.partition, self._failpoint, progress)

    async def keep_only(self, assigned: set[Partition]) -> None:
        """Close the ledgers of partitions that went elsewhere; their batches in hand have ended (Faust waited for
        them)."""
        for tp in set(self._ledgers) - assigned:
            self._judges.pop(tp)
            ledger = self._ledgers.pop(tp)
            await asyncio.get_running_loop().run_in_executor(self._threads, ledger.close)

    async def close(self) -> None:
        """Close them all."""
        await self.keep_only(set())
        self._threads.shutdown()

    def keys(self) -> dict[str, int]:
        """Roughly how many rows the ledgers have, by store."""
        totals: dict[str, int] = {}
        for ledger in list(self._ledgers.values()):
            for store, count in ledger.estimate_keys().items():
                totals[store] = totals.get(store, 0) + count
        return totals

    async def _process(self, batch: Batch, ack: Callable[[], object]) -> None:
        try:
            loop = asyncio.get_running_loop()
            judged = await loop.run_in_executor(self._threads, self._judges[batch.tp].judge, batch.records)
            self._watcher.judged(batch, judged)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - handed to the composition root: the worker leaves, nothing is acked
            self._fail(error)
            return
        ack()


def _close_opened(opening: "asyncio.Future[Ledger]") -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
