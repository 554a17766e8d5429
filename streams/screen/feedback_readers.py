"""Threads that read feedback: a bounce as its server wrote it takes a hundred times as long to read as one in our
schema, and whoever may write to the topic decides how much there is to read."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from sidestep.schemas.reading import Feedback
from sidestep.streams.runtime.record import Record
from sidestep.streams.screen.lock_breaks import LockBreaks
from sidestep.streams.screen.proved import Said, read_all_feedback
from sidestep.streams.screen.signers import TopicSigners

THREADS = 2
"""They share the interpreter's lock: more of them would read no faster, and each keeps the event loop waiting for five
milliseconds when it wants the lock. Two, so that one long message does not keep everybody else's waiting."""

TURN_SECONDS = 0.05
"""Of a processor, for which a batch is read. The rest of it comes with the next one, when the other partitions have had
their turns: two dozen of them that hold the worst come round in a second or two, and each commits what it has."""
PER_OCTET = 8
"""Octets in memory for each of a message that is read, at the most, as counted by tracemalloc."""


class FeedbackReaders:
    """For all partitions of a worker: batches are read in the order in which they came."""

    def __init__(self, turn: float = TURN_SECONDS) -> None:
        """`turn`: see TURN_SECONDS."""
        self._turn = turn
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="feedback")
        self._reading: dict[int, int] = {}
        """Thread -> octets of the value that it reads."""

    @property
    def octets(self) -> int:
        """Octets in memory of what is being read, about."""
        return PER_OCTET * sum(list(self._reading.values()))

    async def read(
        self, records: list[Record], kind: type[Feedback], now: float, check: TopicSigners | None
    ) -> list[Said]:
        """What each record says, or why it can't be read: of as many as there is time for, one at least."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, records, kind, now, check)

    async def close(self) -> None:
        """Returns when nothing is read any more."""
        await asyncio.to_thread(self._threads.shutdown)

    def _read(self, records: list[Record], kind: type[Feedback], now: float, check: TopicSigners | None) -> list[Said]:
        breaks, thread = LockBreaks(), threading.get_ident()
        ends = time.thread_time() + self._turn

        def goes_on(record: Record) -> bool:
            self._reading[thread] = len(record)
            breaks.look()
            return time.thread_time() < ends

        try:
            return read_all_feedback(records, kind, now, check, goes_on)
        finally:
            self._reading[thread] = 0
