"""What a partition has under way: batches handed out, records that wait, and the offset that may be committed. Pure."""

import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

Clock = Callable[[], float]

PAUSE_MOST = 0.05
"""Seconds; see Lane.pause."""


class Partition(NamedTuple):
    """A topic's partition. Equal to Faust's TP and usable in its place."""

    topic: str
    partition: int


class Batch:
    """All records of one partition that had arrived when it was handed out, in offset order.

    `low` is the lowest offset not finished yet: whoever finishes records out of order moves it forward, so that a
    commit never passes a record that is still parked. `release` asks for the next batch before this one is finished.
    """

    __slots__ = ("_lane", "end", "finished", "low", "records", "tp")

    def __init__(self, lane: "Lane", records: list[Any]):
        self._lane = lane
        self.tp = lane.tp
        self.records = records
        self.low: int = records[0].offset()
        self.end: int = records[-1].offset() + 1
        self.finished = False

    def release(self) -> None:
        """The partition may hand out its next batch."""
        self._lane.release(self)


class Lane:
    """One assigned partition: at most one batch unreleased; what arrives meanwhile becomes the next one."""

    def __init__(self, tp: Partition, batch_max: int, held_max: int, pace: float = 0.0, clock: Clock = time.monotonic):
        self.tp = tp
        self.batch_max = batch_max
        self.held_max = held_max
        self.waiting: list[Any] = []
        self.under_way: deque[Batch] = deque()
        self.busy: Batch | None = None
        self.done = -1
        """Every offset below it is finished, as far as batches were handed out; -1: none was."""
        self.paused = False
        self.scheduled = False
        self.pace = pace
        self._clock = clock
        self._handed_out_at, self._took = float("-inf"), 0.0
        self.on_release: Any = None

    def feed(self, records: list[Any]) -> None:
        """Records that have arrived, in offset order."""
        self.waiting.extend(records)

    def pause(self) -> float:
        """Seconds to wait before the next batch, so that under steady traffic it is worth its transaction.

        At least the pace lies between two batches, and at least as long as the last one took lies between its end and
        the next: the slower the broker answers, the larger are the batches it is asked for. A record that comes alone
        never waits: its predecessor is longer ago. Nor does a backlog.
        """
        if self.busy is not None or len(self.waiting) * 4 >= self.batch_max:
            return 0.0
        return self._handed_out_at + max(self.pace, min(PAUSE_MOST, 2 * self._took)) - self._clock()

    @property
    def full(self) -> bool:
        """More waits than should: fetching pauses."""
        return len(self.waiting) >= self.held_max

    def next_batch(self) -> Batch | None:
        """The next batch, if there is one and the last one has been released."""
        if self.busy is not None or not self.waiting:
            return None
        records, self.waiting = self.waiting[: self.batch_max], self.waiting[self.batch_max :]
        batch = self.busy = Batch(self, records)
        self._handed_out_at = self._clock()
        self.under_way.append(batch)
        return batch

    def release(self, batch: Batch) -> None:
        """See Batch.release."""
        if self.busy is batch:
            self.busy = None
            self._took = self._clock() - self._handed_out_at
            if self.on_release is not None:
                self.on_release(self)

    def finish(self, batch: Batch) -> None:
        """The batch is done with, whole."""
        batch.finished = True
        while self.under_way and self.under_way[0].finished:
            self.done = self.under_way.popleft().end
        self.release(batch)

    def committable(self) -> int | None:
        """The next offset to read after a restart; None as long as nothing is finished."""
        if self.under_way:
            return self.under_way[0].low
        return self.done if self.done >= 0 else None
