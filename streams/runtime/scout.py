"""Looks through what lies in a partition before librdkafka reads it: a batch that would take too much memory there has
ended a worker, and would end the next one.

What lies there when the partition is assigned is fetched as it is, and the heads of its batches are looked at; few
have to be unpacked, a piece at a time, for it to be told (raw_batch.is_heavy). Where none is heavy, librdkafka reads
all of it. Otherwise the records up to behind the last heavy one are taken out here, a few at a time, and librdkafka
goes on from there. What arrives later it reads first: of each heavy batch one worker may die, and none twice.
"""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka import errors
from aiokafka.client import AIOKafkaClient

from sidestep.streams.runtime.batches import Partition
from sidestep.streams.runtime.cut_record import cut
from sidestep.streams.runtime.raw_batch import OldBatch, is_heavy, raw_batches, records_of
from sidestep.streams.runtime.raw_partition import RawPartition
from sidestep.streams.runtime.record import Record
from sidestep.topics.connection import Connection
from sidestep.topics.errors import CredentialsError

log = logging.getLogger(__name__)

LOOKED_AT_OCTETS = 160 * 1024 * 1024
"""Of a partition at a time: more than a worker holds (128 MiB), and so more than lies between what it has committed and
the batch that ended it."""
LOOK_SECONDS = 10.0
"""For that, where the network is slow or much has to be unpacked to count it."""
ANSWER_SECONDS = 5.0
"""For which a broker is asked. Then, and as long again, librdkafka reads as if nobody had looked: who can't be asked
must not keep records from being read, and a topic without such batches is the usual one."""
TAKING_SECONDS = 60.0
"""… where a heavy batch is known to lie there."""
PARTITIONS = 4
"""Looked at at once, each with an answer of the broker in memory."""
PORTION_RECORDS, PORTION_OCTETS = 1_000, 4 * 1024 * 1024
"""Handed over at once, at most, where one record is not more."""
REST_SECONDS = 0.02


@dataclass
class Errand:
    """A partition to look at. `wanted` and `rests` are asked in the scout's thread, `deliver` is called on the loop of
    whoever asked, `go_on` once, in the scout's thread."""

    tp: Partition
    offset: int | None
    """Where to begin, None: where the partition does; later what comes next."""
    wanted: Callable[[], bool]
    rests: Callable[[], bool]
    deliver: Callable[[list[Record]], None]
    go_on: Callable[[int | None], None]
    """Says at which offset librdkafka begins."""


class Scout(threading.Thread):
    """A thread for all partitions of a reader. It has a client while it has something to do."""

    def __init__(self, connection: Connection, loop: asyncio.AbstractEventLoop):
        """`loop`: the one on which records are delivered."""
        super().__init__(name="scout", daemon=True)
        self._connection, self._to = connection, loop
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._errands = set[asyncio.Task[None]]()
        self._looking, self._taking = asyncio.Semaphore(PARTITIONS), asyncio.Lock()
        self._opening = asyncio.Lock()
        self._client: AIOKafkaClient | None = None
        self._users = 0
        self._silent_until = float("-inf")

    def send(self, errand: Errand) -> None:
        """Look at a partition. For any thread; never waits."""

        def begin() -> None:
            task = self._loop.create_task(self._carry_out(errand))
            self._errands.add(task)
            task.add_done_callback(self._errands.discard)

        self._loop.call_soon_threadsafe(begin)

    def run(self) -> None:
        """Until it is stopped."""
        try:
            self._loop.run_until_complete(self._until_stopped())
        finally:
            self._loop.close()

    def stop(self) -> None:
        """End the thread; returns when it has ended."""
        if self.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self.join(10)

    async def _until_stopped(self) -> None:
        await self._stopping.wait()
        for task in self._errands:
            task.cancel()
        await asyncio.gather(*self._errands, return_exceptions=True)

    async def _carry_out(self, errand: Errand) -> None:
        try:
            async with self._connected() as client:
                partition = RawPartition(client, errand.tp)
                while errand.wanted() and (behind := await self._look(partition, errand)) is not None:
                    await self._take(partition, errand, behind)
        except (errors.KafkaError, CredentialsError, TimeoutError, OSError, OldBatch) as error:
            if isinstance(error, TimeoutError):
                self._silent_until = time.monotonic() + ANSWER_SECONDS
            log.warning(
                "%s/%d can't be looked through before it is read: %s", *errand.tp, error or type(error).__name__
            )
        except Exception:
            log.exception("%s/%d is read without being looked through", *errand.tp)
        if errand.wanted():
            errand.go_on(errand.offset)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[AIOKafkaClient]:
        """A client that all errands share which are under way."""
        self._users += 1
        try:
            async with asyncio.timeout(ANSWER_SECONDS), self._opening:
                client = self._client or await self._bootstrapped()
                self._client = client
            yield client
        finally:
            self._users -= 1
            if not self._users and self._client is not None:
                client, self._client = self._client, None
                await client.close()

    async def _bootstrapped(self) -> AIOKafkaClient:
        client = AIOKafkaClient(**self._connection.aiokafka(), client_id="scout")
        try:
            await client.bootstrap()
        except BaseException:
            await client.close()
            raise
        return client

    async def _look(self, partition: RawPartition, errand: Errand) -> int | None:
        """The offset behind the last heavy batch that was found; None: none was."""
        async with self._looking:
            if time.monotonic() < self._silent_until:
                raise TimeoutError("Kafka does not answer")
            until, behind = time.monotonic() + LOOK_SECONDS, None
            start = at = errand.offset if errand.offset is not None else await partition.beginning(ANSWER_SECONDS)
            end, seen = at + 1, 0
            while at < end and seen < LOOKED_AT_OCTETS and time.monotonic() < until and errand.wanted():
                before, (octets, now) = at, await partition.fetch(at, ANSWER_SECONDS)
                end = end if seen else now
                for batch in raw_batches(octets):
                    at = max(at, batch.last + 1)
                    if batch.last >= before and is_heavy(batch):
                        behind, errand.offset = at, start
                seen += len(octets)
                if at == before:  # the end, or what a cleaner left of it
                    break
        return behind

    async def _take(self, partition: RawPartition, errand: Errand, behind: int) -> None:
        """Hand over what lies before this offset."""
        assert errand.offset is not None
        log.warning("%s/%d: some batches before offset %d would take much memory", *errand.tp, behind)
        while errand.offset < behind and errand.wanted():
            octets, _ = await partition.fetch(errand.offset, TAKING_SECONDS)
            before = errand.offset
            for batch in raw_batches(octets):
                if batch.first < behind and batch.last >= errand.offset:
                    async with self._taking:  # one is unpacked at a time, whosever it is
                        for portion in _portions(records_of(errand.tp, batch, errand.offset)):
                            if not await self._delivered(errand, portion):
                                return
                    errand.offset = batch.last + 1
            if errand.offset == before:
                return

    async def _delivered(self, errand: Errand, records: list[Record]) -> bool:
        """Hand over when there is room; returns when they were taken. False: nobody wants them any more."""
        while errand.rests() and errand.wanted():
            await asyncio.sleep(REST_SECONDS)
        if not errand.wanted():
            return False
        taken = Future[None]()

        def hand_over() -> None:
            if taken.set_running_or_notify_cancel():
                try:
                    errand.deliver(records)
                finally:
                    taken.set_result(None)

        try:
            self._to.call_soon_threadsafe(hand_over)
        except RuntimeError:  # the loop has closed: the worker is leaving
            return False
        await asyncio.wrap_future(taken)
        errand.offset = records[-1].offset() + 1
        return True


def _portions(records: Iterable[Record]) -> Iterator[list[Record]]:
    """As much at a time as memory takes, cut."""
    portion, octets = list[Record](), 0
    for record in records:
        ((whole,), more) = cut([record])
        portion.append(whole)
        octets += more
        if len(portion) >= PORTION_RECORDS or octets >= PORTION_OCTETS:
            yield portion
            portion, octets = [], 0
    if portion:
        yield portion
