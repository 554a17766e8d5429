"""What a partition has under way: records that wait, batches handed out, and the offset that may be committed. Pure.

The lane decides when there is a batch and whether to fetch; the consumer asks it and obeys.
"""

from collections import deque
from collections.abc import Callable, Sequence
from itertools import accumulate, takewhile
from typing import NamedTuple, Protocol

from sidestep.streams.runtime.cut_record import values_octets
from sidestep.streams.runtime.record import Record

Clock = Callable[[], float]
"""Seconds, only forward."""

MIB = 1024 * 1024
LEAST_SHARE = 4 * MIB
"""Octets that a lane may hold however many there are: several batches of small records."""
BATCH_OCTETS = 2 * MIB
"""Octets of values in a batch, or one record: what records take that are made to take long grows with them, two
microseconds for each at most, and while a batch is under way nothing of its partition is committed nor given up."""
REST_MOST = 0.05
"""Seconds between the end of a batch and the next one, however long it took; see Lane.next_step."""


class Partition(NamedTuple):
    """A topic's partition. Equal to Faust's TP and usable in its place."""

    topic: str
    partition: int


class Unfinished(Protocol):
    """Records of a batch that are not finished yet: whoever holds them lets go of each when it is, and not before."""

    def low(self) -> int | None:
        """The lowest offset among them; None: all are finished."""


def share_of(octets: int, lanes: int) -> int:
    """What each of so many lanes may hold of these octets."""
    return max(octets // max(lanes, 1), LEAST_SHARE)


def held_most(octets: int, lanes: int) -> int:
    """What so many lanes may hold together of these octets."""
    return max(octets, LEAST_SHARE * lanes)


class Batch:
    """All records of one partition that had arrived when it was handed out, in offset order.

    Nothing of it is finished until `finish_all_but` says what still is not. From then on `low` is read off that and
    never set, so that a commit can't pass a record that waits.
    """

    __slots__ = ("_lane", "_unfinished", "end", "finished", "octets", "records", "tp")

    def __init__(self, lane: "Lane", records: list[Record], octets: int = 0):
        self._lane = lane
        self.tp = lane.tp
        self.records = records
        self.octets = octets
        self.end = records[-1].offset() + 1
        self.finished = False
        self._unfinished: Unfinished | None = None

    @property
    def low(self) -> int:
        """The lowest offset that is not finished; `end` when all are."""
        if self._unfinished is None:
            return self.records[0].offset()
        low = self._unfinished.low()
        return self.end if low is None else low

    def finish_all_but(self, unfinished: Unfinished) -> None:
        """Every record is finished except those held there, and each of those as soon as it is let go of."""
        self._unfinished = unfinished

    def keep(self, count: int) -> None:
        """Only so many records are this batch's, one at least: the others took too long, and are the partition's next
        ones. To be said before any of them is finished, or the batch released."""
        if count < len(self.records):
            self._lane.take_back(self, count)

    def release(self) -> None:
        """The partition may hand out its next batch, although this one is not finished."""
        self._lane.release(self)


class Step(NamedTuple):
    """What a lane wants done now."""

    batch: Batch | None = None
    """To be handed out."""
    again_in: float | None = None
    """Seconds after which the lane is to be asked again, if nothing else gives reason to before."""
    fetch: bool | None = None
    """True: fetch again; False: fetch no more for now; None: as it is."""


class Lane:
    """One assigned partition: at most one batch unreleased; what arrives meanwhile becomes the next one."""

    def __init__(
        self,
        tp: Partition,
        batch_max: int,
        held_max: int,
        pace: float,
        clock: Clock,
        share: Callable[[], int] = lambda: LEAST_SHARE,
        octets_of: Callable[[Sequence[Record]], int] = values_octets,
    ):
        """`batch_max` records in a batch; fetching stops at `held_max` that wait, and at a `share` of octets that are
        held, in batches under way as well, as `octets_of` counts them; `pace`: see next_step."""
        self.tp = tp
        self.batch_max = batch_max
        self.held_max = held_max
        self.waiting: list[Record] = []
        self.octets = 0
        """Of all records that wait or are under way."""
        self._octets_waiting = 0
        self.under_way: deque[Batch] = deque()
        self.busy: Batch | None = None
        self.done = -1
        """Every offset below it is finished, as far as batches were handed out; -1: none was."""
        self.fetching = True
        self.pace = pace
        self._share = share
        self._octets_of = octets_of
        self._clock = clock
        self._handed_out_at, self._took = float("-inf"), 0.0
        self.on_release: Callable[[Lane], None] | None = None

    def feed(self, records: list[Record]) -> None:
        """Records that have arrived, in offset order."""
        octets = self._octets_of(records)
        self.waiting.extend(records)
        self.octets += octets
        self._octets_waiting += octets

    def next_step(self, taken: bool = True) -> Step:
        """To be asked when records have arrived, a batch was released, or the time that the last step said is over.

        `taken`: a batch handed out now would be taken; while the group rebalances it would not. Under steady traffic a
        small batch waits until it is worth its transaction: at least the pace lies between two batches, and at least as
        long as the last one took lies between its end and the next (REST_MOST at most): the slower the broker answers,
        the larger are the batches it is asked for. A record that comes alone never waits: its predecessor is longer
        ago. Nor does a backlog.
        """
        full = len(self.waiting) >= self.held_max or self.octets >= self._share()
        rest = self._rest()
        batch = self._hand_out() if taken and rest <= 0 else None
        return Step(batch, rest if rest > 0 else None, self._fetch(full))

    def take_back(self, batch: Batch, count: int) -> None:
        """See Batch.keep."""
        rest, batch.records = batch.records[count:], batch.records[:count]
        batch.end = batch.records[-1].offset() + 1
        octets = self._octets_of(rest)
        batch.octets -= octets
        self.waiting[:0] = rest
        self._octets_waiting += octets

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
        self.octets -= batch.octets
        while self.under_way and self.under_way[0].finished:
            self.done = self.under_way.popleft().end
        self.release(batch)

    @property
    def idle(self) -> bool:
        """Nothing waits, and nothing that was handed out is unfinished."""
        return not self.waiting and not self.under_way

    def committable(self) -> int | None:
        """The next offset to read after a restart; None as long as nothing is finished."""
        if self.under_way:
            return self.under_way[0].low
        return self.done if self.done >= 0 else None

    def _rest(self) -> float:
        """Seconds until the next batch is due; not positive: it is, or there is none to wait for."""
        if self.busy is not None or not self.waiting or len(self.waiting) * 4 >= self.batch_max:
            return 0.0
        return self._handed_out_at + max(self.pace, min(REST_MOST, 2 * self._took)) - self._clock()

    def _hand_out(self) -> Batch | None:
        if self.busy is not None or not self.waiting:
            return None
        count = self._next_count()
        records, self.waiting = self.waiting[:count], self.waiting[count:]
        octets = self._octets_of(records) if self.waiting else self._octets_waiting
        self._octets_waiting -= octets
        batch = self.busy = Batch(self, records, octets)
        self._handed_out_at = self._clock()
        self.under_way.append(batch)
        return batch

    def _next_count(self) -> int:
        """Records of the next batch."""
        if self._octets_waiting <= BATCH_OCTETS:
            return self.batch_max
        totals = accumulate(map(len, self.waiting[: self.batch_max]))
        return max(1, sum(1 for _ in takewhile(lambda octets: octets <= BATCH_OCTETS, totals)))

    def _fetch(self, full: bool) -> bool | None:
        """Stops when too much waits and goes on when less than a batch does: not a record at a time."""
        wanted = not full
        if not self.fetching:
            wanted = len(self.waiting) < self.batch_max and self.octets <= self._share() // 2
        if wanted == self.fetching:
            return None
        self.fetching = wanted
        return wanted
