"""What a stage does with the ledgers of its partitions as these come and go; the ledgers are small and in memory."""

import asyncio
import threading
import time
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from sidestep.streams.errors import Hanging
from sidestep.streams.runtime import stage as module
from sidestep.streams.runtime.batches import Batch, Lane, Partition
from sidestep.streams.runtime.hanging import Ended
from sidestep.streams.runtime.record import Record
from sidestep.streams.runtime.recovery import Progress
from sidestep.streams.runtime.stage import RECOVERIES, Stage
from sidestep.topics.errors import BrokerUnreachable
from tests.waiting import until

TOPIC = "numbers"


class SmallLedger:
    """A ledger that knows whether it is open."""

    def __init__(self, partition: int, marker: int = -1):
        self.partition, self.marker, self.recovered, self.closed = partition, marker, 7, False
        self.ended, self.hangs, self.looks, self.unreachable = Ended(), False, 0, False

    def settle(self) -> bool:
        """Once, where something hangs."""
        assert not self.closed
        self.looks += 1
        if self.unreachable:
            raise BrokerUnreachable("away")
        hung, self.hangs = self.hangs, False
        self.ended = Ended(adopted=1) if hung else Ended()
        return hung

    @property
    def on_its_way(self) -> int:
        """A hundred octets."""
        return 100

    def memtables(self) -> int:
        """A thousand octets."""
        return 1_000

    def estimate_keys(self) -> dict[str, int]:
        """Two stores."""
        return {"rows": 10 + self.partition, "window": 1}

    def close(self) -> None:
        """Once."""
        assert not self.closed
        self.closed = True


class Adder:
    """A judge that sums, and can't read what is no number."""

    def __init__(self, ledger: SmallLedger):
        self.ledger = ledger

    def judge(self, records: list[Record]) -> int:
        """Moves the marker."""
        total = sum(int(record.value() or 0) for record in records)
        self.ledger.marker = records[-1].offset()
        return total


@dataclass
class Place:
    """A stage, and what it has told. `gate`: ledgers are opened when it is set."""

    gate: threading.Event = field(default_factory=threading.Event)
    opened: list[SmallLedger] = field(default_factory=list)
    opening: int = 0
    most: int = 0
    told: list[tuple[Any, ...]] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    refuse: bool = False
    left_hanging: int = 0
    """So many openings find what they can't end."""
    steps: int = 1
    """Parts of a recovery; of many each takes a moment."""

    def stage(self) -> Stage[SmallLedger, int]:
        """Make it where the event loop runs."""
        return Stage(
            "add",
            TOPIC,
            open_ledger=self._open,
            new_judge=Adder,
            done=lambda batch, total: self.told.append(("done", batch.tp, total)),
            recoveries=self,
            fail=self.failures.append,
        )

    def _open(self, partition: int, progress: Progress) -> SmallLedger:
        with self.lock:
            self.opening += 1
            self.most = max(self.most, self.opening)
        try:
            self._recover(progress)
        finally:
            with self.lock:
                self.opening -= 1
        if self.refuse:
            raise OSError("no such disk")
        if self.left_hanging:
            self.left_hanging -= 1
            raise Hanging("ask an operator")
        ledger = SmallLedger(partition, marker=100 * partition - 1)
        self.opened.append(ledger)
        return ledger

    def _recover(self, progress: Progress) -> None:
        if self.steps == 1:
            progress(1, 7)
            assert self.gate.wait(10)
            return
        for step in range(self.steps):
            progress(step, self.steps)
            time.sleep(0.001)

    def recovering(self, tp: Partition, done: int, total: int) -> None:
        """Noted."""
        self.told.append(("recovering", tp, done, total))

    def recovered(self, role: str, tp: Partition, records: int, seconds: float) -> None:
        """Noted, without the time."""
        self.told.append(("recovered", role, tp, records))

    def ended(self, role: str, tp: Partition, hung: Ended) -> None:
        """Noted."""
        self.told.append(("ended", tp, hung))

    def rests(self, role: str, tp: Partition, why: str) -> None:
        """Noted."""
        self.told.append(("rests", tp, why))


def batch_of(tp: Partition, *values: str) -> Batch:
    """Records with offsets from 0."""
    records: list[Any] = [SimpleNamespace(offset=lambda n=n: n, value=lambda v=v: v) for n, v in enumerate(values)]
    return Batch(Lane(tp, 100, 100, 0.0, lambda: 0.0), records)


def partitions(*numbers: int) -> list[Partition]:
    """Of the stage's topic."""
    return [Partition(TOPIC, number) for number in numbers]


def test_a_partition_is_recovered_once_and_says_where_to_begin() -> None:
    """Behind the marker; at the group's offset where there is none. A ledger that stayed is not opened again."""

    async def run() -> None:
        place = Place()
        place.gate.set()
        stage = place.stage()
        zero, one = partitions(0, 1)
        assert (None, 100, 100) == tuple([await stage.open_partition(tp) for tp in (zero, one, one)])
        assert 2 == len(place.opened)
        assert ("recovering", one, 1, 7) in place.told
        assert [("recovered", "add", tp, 7) for tp in (zero, one)] == [t for t in place.told if t[0] == "recovered"]
        assert {"rows": 21, "window": 2} == stage.keys()
        await stage.close()
        assert all(ledger.closed for ledger in place.opened)

    asyncio.run(run())


def test_recoveries_are_bounded() -> None:
    """However many partitions come at once, a few are read back at a time."""

    async def run() -> None:
        place = Place()
        stage = place.stage()
        opening = [asyncio.create_task(stage.open_partition(tp)) for tp in partitions(*range(6))]
        await until(lambda: place.opening == RECOVERIES)
        place.gate.set()
        await asyncio.gather(*opening)
        assert (RECOVERIES, 6) == (place.most, len(place.opened))
        await stage.close()

    asyncio.run(run())


def test_a_partition_rests_while_something_hangs_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Others are opened meanwhile; it is tried again until somebody has ended what hangs."""
    monkeypatch.setattr(module, "RESTS_SECONDS", 0.01)

    async def run() -> None:
        place = Place(left_hanging=3)
        place.gate.set()
        stage = place.stage()
        zero, one = partitions(0, 1)
        await asyncio.gather(stage.open_partition(zero), stage.open_partition(one))
        assert 3 == sum(told[0] == "rests" and told[2] == "ask an operator" for told in place.told)
        assert 2 == len(place.opened)
        assert [] == place.failures
        await stage.close()

    asyncio.run(run())


def test_partitions_in_which_nothing_happens_are_looked_after(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where something hung after all, the judge begins anew over what the ledger knows now."""
    monkeypatch.setattr(module, "WATCH_SECONDS", 0.01)

    async def run() -> None:
        place = Place()
        place.gate.set()
        stage = place.stage()
        (zero,) = partitions(0)
        await stage.open_partition(zero)
        judge = stage._judges[zero]
        watch = asyncio.create_task(stage.keep_settled())
        await until(lambda: place.opened[0].looks > 2)
        assert stage._judges[zero] is judge
        place.opened[0].unreachable = True
        looks = place.opened[0].looks
        await until(lambda: place.opened[0].looks > looks + 2)
        place.opened[0].unreachable = False
        place.opened[0].hangs = True
        await until(lambda: ("ended", zero, Ended(adopted=1)) in place.told)
        assert stage._judges[zero] is not judge
        await stage.keep_only(set())
        await asyncio.sleep(0.03)
        watch.cancel()
        assert [] == place.failures
        await stage.close()

    asyncio.run(run())


def test_a_partition_that_is_revoked_while_it_is_recovered_is_closed_again() -> None:
    """Its thread can't be interrupted; whoever gets the partition must not find the folder locked, nor be fenced by an
    opening that goes on: the revocation ends when the opening has ended."""

    async def run() -> None:
        place = Place()
        stage = place.stage()
        opening = asyncio.create_task(stage.open_partition(partitions(3)[0]))
        await until(lambda: place.opening == 1)
        opening.cancel()
        await asyncio.sleep(0.05)
        assert not opening.done()
        place.gate.set()
        with pytest.raises(asyncio.CancelledError):
            await opening
        assert [True] == [ledger.closed for ledger in place.opened]
        assert {} == stage.keys()
        await stage.close()

    asyncio.run(run())


def test_what_is_given_up_ends_soon() -> None:
    """Not after all of the changelog: it is told the next time that it says how far it is. That is no failure."""

    async def run() -> None:
        place = Place(steps=1_000_000)
        stage = place.stage()
        opening = asyncio.create_task(stage.open_partition(partitions(3)[0]))
        await until(lambda: place.opening == 1)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(opening, 5)
        assert ([], []) == (place.opened, place.failures)
        await stage.close()

    asyncio.run(run())


def test_openings_of_one_partition_follow_one_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often the group takes it away and brings it back, though nobody waits for the end of the one before: a
    later one begins when that has closed what it opened."""
    monkeypatch.setattr(module, "GIVING_UP_SECONDS", 0.01)

    async def run() -> None:
        place = Place()
        stage = place.stage()
        (tp,) = partitions(3)
        for _ in range(4):
            opening = asyncio.create_task(stage.open_partition(tp))
            await asyncio.sleep(0.05)
            opening.cancel()
            with pytest.raises(asyncio.CancelledError):
                await opening
        last = asyncio.create_task(stage.open_partition(tp))
        await asyncio.sleep(0.05)
        assert (1, [], False) == (place.opening, place.opened, last.done())
        place.gate.set()
        assert 300 == await last
        assert [True, False] == [ledger.closed for ledger in place.opened]
        assert 1 == place.most
        await stage.close()

    asyncio.run(run())


def test_ledgers_of_partitions_that_went_elsewhere_are_closed() -> None:
    """The others stay open, and a partition that comes back is opened anew."""

    async def run() -> None:
        place = Place()
        place.gate.set()
        stage = place.stage()
        zero, one, two = partitions(0, 1, 2)
        for tp in (zero, one, two):
            await stage.open_partition(tp)
        await stage.keep_only({one})
        assert [True, False, True] == [ledger.closed for ledger in place.opened]
        await stage.open_partition(two)
        assert 4 == len(place.opened)
        await stage.close()

    asyncio.run(run())


def test_a_batch_that_is_judged_is_acked() -> None:
    """And its result is told, once."""

    async def run() -> None:
        place = Place()
        place.gate.set()
        stage = place.stage()
        (tp,) = partitions(0)
        await stage.open_partition(tp)
        acks: list[str] = []
        await stage.process(batch_of(tp, "1", "2"), lambda: acks.append("acked"))
        assert (["acked"], ("done", tp, 3), []) == (acks, place.told[-1], place.failures)
        await stage.close()

    asyncio.run(run())


def test_a_batch_that_fails_is_not_acked_and_ends_the_worker() -> None:
    """Nothing is told of it: whoever takes the partition over reads it again."""

    async def run() -> None:
        place = Place()
        place.gate.set()
        stage = place.stage()
        (tp,) = partitions(0)
        await stage.open_partition(tp)
        acks: list[str] = []
        await stage.process(batch_of(tp, "1", "one"), lambda: acks.append("acked"))
        assert ([], ["ValueError"]) == (acks, [type(error).__name__ for error in place.failures])
        assert "done" not in [told[0] for told in place.told]
        await stage.close()

    asyncio.run(run())


def test_a_ledger_that_cannot_be_opened_is_an_error_of_its_partition() -> None:
    """The transport hands it to the worker; nothing is left that could be judged with."""

    async def run() -> None:
        place = Place(refuse=True)
        place.gate.set()
        stage = place.stage()
        with pytest.raises(OSError, match="no such disk"):
            await stage.open_partition(partitions(0)[0])
        assert {} == stage.keys()
        await stage.close()

    asyncio.run(run())
