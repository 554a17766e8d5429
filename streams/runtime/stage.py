"""What makes a stage out of a ledger: each partition that this worker holds has one, recovered before its first batch,
and a judge that batches are handed to. Knows nothing about email. Thin: an exception never leaves an agent."""

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, Protocol, TypeVar

from sidestep.streams.errors import Hanging
from sidestep.streams.runtime.batch_app import BatchApp, declare
from sidestep.streams.runtime.batches import Batch, Partition
from sidestep.streams.runtime.hanging import Ended
from sidestep.streams.runtime.record import Record
from sidestep.streams.runtime.recovery import Progress
from sidestep.topics.errors import BrokerUnreachable

log = logging.getLogger(__name__)

RECOVERIES = 4
"""Partitions recovered at a time: while some wait for the broker to take them over, others read. Each costs some 15 MB
for its queue."""
THREADS = 16
"""Partitions whose transactions may overlap; they wait for the broker most of the time."""
GIVING_UP_SECONDS = 20.0
"""For which a partition that is taken away waits for the end of its opening: the group allows a minute for all."""

RESTS_SECONDS = 30.0
"""Between two looks at a partition in which something hangs that nobody can end but an operator."""
WATCH_SECONDS = 5.0
"""Between two looks at partitions in which nothing happens."""


class GivenUp(Exception):
    """The partition was taken away while its ledger was being opened."""


class PartitionLedger(Protocol):
    """A partition's ledger as far as a stage looks into it: runtime/ledger.py."""

    marker: int
    """Source offset up to which everything is in; -1: nothing is."""
    recovered: int
    """Changelog records that were read back when it was opened."""

    @property
    def ended(self) -> Ended:
        """What hung when the partition was taken over last."""

    @property
    def on_its_way(self) -> int:
        """Octets that Kafka has not acknowledged yet, about."""

    def memtables(self) -> int:
        """Octets of rows that are not on the disk yet."""

    def settle(self) -> bool:
        """See that nothing was left hanging, and catch up; True: there was something, and judges must begin anew.
        Blocks."""

    def estimate_keys(self) -> dict[str, int]:
        """Roughly how many rows there are, by store."""

    def close(self) -> None:
        """Flush and close; the partition may then be opened elsewhere. Blocks."""


LedgerT = TypeVar("LedgerT", bound=PartitionLedger)
JudgedT = TypeVar("JudgedT")
LentT = TypeVar("LentT")
JudgedT_co = TypeVar("JudgedT_co", covariant=True)


class Judge(Protocol[JudgedT_co]):
    """One partition's judge, over its ledger."""

    def judge(self, records: list[Record]) -> JudgedT_co:
        """Records in offset order in, one transaction out; what became of them. Blocks. Raises SidestepError."""


class Recoveries(Protocol):
    """Who is told how far ledgers are."""

    def recovering(self, tp: Partition, done: int, total: int) -> None:
        """So many of the changelog's records have been read back. Called from a thread."""

    def recovered(self, role: str, tp: Partition, records: int, seconds: float) -> None:
        """A partition is ready to be judged."""

    def ended(self, role: str, tp: Partition, hung: Ended) -> None:
        """A transaction of the partition hung, and has been ended."""

    def rests(self, role: str, tp: Partition, why: str) -> None:
        """A transaction of the partition hangs that an operator has to end; until then nothing of it is judged."""


class Stage(Generic[LedgerT, JudgedT]):
    """The ledgers of the partitions that this worker holds, and the agent that feeds them."""

    def __init__(
        self,
        role: str,
        topic: str,
        *,
        open_ledger: Callable[[int, Progress], LedgerT],
        new_judge: Callable[[LedgerT], Judge[JudgedT]],
        done: Callable[[Batch, JudgedT], None],
        recoveries: Recoveries,
        fail: Callable[[Exception], None],
    ):
        """`open_ledger`: a partition's number -> its recovered ledger; blocks. `done` hears of committed batches."""
        self._role = role
        self._topic = topic
        self._open_ledger = open_ledger
        self._new_judge = new_judge
        self._done = done
        self._recoveries = recoveries
        self._fail = fail
        self._ledgers: dict[Partition, LedgerT] = {}
        self._judges: dict[Partition, Judge[JudgedT]] = {}
        self._turns: dict[Partition, asyncio.Lock] = {}
        """Whose turn it is with a ledger: a batch, the watch, or who closes it."""
        self._openings: dict[Partition, asyncio.Task[None]] = {}
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix=role)
        self._slots = asyncio.Semaphore(RECOVERIES)

    def register(self, app: BatchApp) -> None:
        """Declare the agent on `app`."""
        declare(app, self._topic, self.process)

    async def open_partition(self, tp: Partition) -> int | None:
        """Recover the partition's ledger; at which offset to begin, None: at the group's committed one.

        A ledger that stayed here is as it was.
        """
        while tp not in self._ledgers:
            try:
                async with self._slots:
                    await self._opened(tp)
            except Hanging as error:
                self._recoveries.rests(self._role, tp, str(error))
                await asyncio.sleep(RESTS_SECONDS)  # then look again whether somebody has ended it
        marker = self._ledgers[tp].marker
        return marker + 1 if marker >= 0 else None

    async def _opened(self, tp: Partition) -> None:
        """Returns when the partition has its ledger. One opening of a partition at a time: each takes the transactional
        id over from whoever has it, and the one before would take it from its heir in this very process.

        A thread can't be interrupted. So that nothing is taken over for what others have by then, a partition that is
        taken away is given up when its opening has ended.
        """
        while (earlier := self._openings.get(tp)) is not None:
            await asyncio.wait({earlier})
        given_up = threading.Event()
        opening = self._openings[tp] = asyncio.create_task(self._open(tp, given_up))
        opening.add_done_callback(lambda _: self._openings.pop(tp))
        try:
            await asyncio.shield(opening)
        except asyncio.CancelledError:
            given_up.set()
            await asyncio.wait({opening}, timeout=GIVING_UP_SECONDS)
            raise

    async def _open(self, tp: Partition, given_up: threading.Event) -> None:
        """Goes on to its end, whoever waits for it."""

        def progress(done: int, total: int) -> None:
            if given_up.is_set():
                raise GivenUp
            self._recoveries.recovering(tp, done, total)

        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            ledger = await loop.run_in_executor(self._threads, self._open_ledger, tp.partition, progress)
        except Exception as error:
            if not given_up.is_set():
                raise
            log.info("%s/%d was given up while it was opened: %r", tp.topic, tp.partition, error)
            return
        if given_up.is_set():
            await loop.run_in_executor(self._threads, ledger.close)
            return
        self._judges[tp] = self._new_judge(ledger)
        self._ledgers[tp] = ledger
        self._turns[tp] = asyncio.Lock()
        self._recoveries.recovered(self._role, tp, ledger.recovered, loop.time() - began)
        if ledger.ended.any:
            self._recoveries.ended(self._role, tp, ledger.ended)

    async def keep_settled(self) -> None:
        """For ever: partitions in which nothing happens are looked after as well. A broker that came back may have
        left their last transaction hanging, and the next one may be long in coming."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            for tp in list(self._ledgers):
                if not self._turns[tp].locked():
                    await self._settle(tp)

    async def _settle(self, tp: Partition) -> None:
        async with self._turns[tp]:
            ledger = self._ledgers.get(tp)
            if ledger is None:
                return
            try:
                if await asyncio.get_running_loop().run_in_executor(self._threads, ledger.settle):
                    self._judges[tp] = self._new_judge(ledger)
                    if ledger.ended.any:
                        self._recoveries.ended(self._role, tp, ledger.ended)
            except BrokerUnreachable as error:  # /readyz tells of it; nothing waits for an answer here
                log.info("%s/%d: looked after again later: %s", tp.topic, tp.partition, error)
            except Exception as error:  # noqa: BLE001 - handed to the composition root: the worker leaves
                self._fail(error)

    async def lend(self, tp: Partition, use: Callable[[LedgerT], LentT]) -> LentT | None:
        """What `use`, which blocks, makes of a partition's ledger while no batch is judged; None: it isn't here."""
        if tp not in self._ledgers:
            return None
        async with self._turns[tp]:
            ledger = self._ledgers.get(tp)
            if ledger is None:
                return None
            return await asyncio.get_running_loop().run_in_executor(self._threads, use, ledger)

    async def keep_only(self, assigned: set[Partition]) -> None:
        """Close the ledgers of partitions that went elsewhere; their batches in hand have ended (Faust waited for
        them)."""
        for tp in set(self._ledgers) - assigned:
            async with self._turns[tp]:
                self._judges.pop(tp)
                ledger = self._ledgers.pop(tp)
                await asyncio.get_running_loop().run_in_executor(self._threads, ledger.close)

    async def close(self) -> None:
        """Close them all."""
        await self.keep_only(set())
        await asyncio.to_thread(self._threads.shutdown)

    def partitions(self) -> list[Partition]:
        """Partitions whose ledgers are open."""
        return list(self._ledgers)

    def keys(self) -> dict[str, int]:
        """Roughly how many rows the ledgers have, by store."""
        totals: dict[str, int] = {}
        for ledger in list(self._ledgers.values()):
            for store, count in ledger.estimate_keys().items():
                totals[store] = totals.get(store, 0) + count
        return totals

    def on_its_way(self) -> int:
        """Octets that are on their way to Kafka, of all partitions."""
        return sum(ledger.on_its_way for ledger in list(self._ledgers.values()))

    def memtables(self) -> int:
        """Octets of rows that are not on the disk yet, of all partitions."""
        return sum(ledger.memtables() for ledger in list(self._ledgers.values()))

    async def process(self, batch: Batch, ack: Callable[[], object]) -> None:
        """Judge a batch of a partition that has been opened. Acked when it is committed, otherwise `fail` is told."""
        try:
            async with self._turns[batch.tp]:
                judge = self._judges[batch.tp].judge
                judged = await asyncio.get_running_loop().run_in_executor(self._threads, judge, batch.records)
            self._done(batch, judged)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - handed to the composition root: the worker leaves, nothing is acked
            self._fail(error)
            return
        ack()
