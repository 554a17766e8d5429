"""The consumer obeys its lanes, and says how far it is; how it behaves under Faust the guarantee tests show."""

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest

from sidestep.streams.runtime.batches import Batch, Lane, Partition
from sidestep.streams.runtime.transport import BatchConsumer
from tests.kafka_records import delivered

TP = Partition("t", 0)


def lag(end: int, read_to: int, handed_out: int, finished: bool) -> dict[Partition, int]:
    """Of a partition with records 0 and 1, of which `handed_out` are in a batch."""
    lane = Lane(TP, handed_out or 1, 10, 0.0, lambda: 50.0)
    lane.feed([delivered(offset) for offset in range(2)])
    batch = lane.next_step().batch if handed_out else None
    if finished and batch is not None:
        lane.finish(batch)
    reader = SimpleNamespace(end_offset=lambda _: end, read_to=lambda _: read_to)
    consumer: Any = SimpleNamespace(reader=reader, lanes={TP: lane})
    return BatchConsumer.lag(consumer)


@pytest.mark.parametrize(
    ("end", "read_to", "handed_out", "finished", "records"),
    [
        (2, 2, 2, True, 0),
        (3, 3, 2, True, 0),  # behind the last record stands the end of a transaction
        (3, 2, 2, True, 1),  # something has been written since
        (2, 2, 2, False, 2),
        (2, 2, 1, True, 1),  # the other one waits
        (3, -1, 2, True, 1),
    ],
)
def test_the_lag_is_what_has_not_been_finished(
    end: int, read_to: int, handed_out: int, finished: bool, records: int
) -> None:
    """Of records: what only ends a transaction waits for nobody, and a worker that is idle must not seem stuck."""
    assert {TP: records} == lag(end, read_to, handed_out, finished)


def test_of_a_partition_where_nothing_was_done_yet_the_lag_is_not_known() -> None:
    """It is not said rather than guessed."""
    assert {} == lag(2, 2, 0, False)


@pytest.mark.parametrize(("end", "read_to", "lags"), [(7, 7, {TP: 0}), (7, -1, {}), (-1, 7, {}), (9, 7, {TP: 2})])
def test_of_a_partition_where_nothing_has_come_it_is_none(end: int, read_to: int, lags: dict[Partition, int]) -> None:
    """Once its end was reached: everything in it had been done before the worker started."""
    reader = SimpleNamespace(end_offset=lambda _: end, read_to=lambda _: read_to)
    consumer: Any = SimpleNamespace(reader=reader, lanes={TP: Lane(TP, 1, 10, 0.0, lambda: 50.0)})
    assert lags == BatchConsumer.lag(consumer)


class Obedient(BatchConsumer):
    """A consumer without Faust: what it hands out and what it tells its reader is kept."""

    def __init__(self, lane: Lane) -> None:
        self.lanes, self._alarms, self._hand_overs = {lane.tp: lane}, {}, set()
        self.handed_out: list[Batch] = []
        self.told: list[str] = []
        self.flow_active = True
        lane.on_release = self._serve

    def _reading(self) -> Any:
        return SimpleNamespace(pause=lambda _: self.told.append("pause"), resume=lambda _: self.told.append("resume"))

    async def _hand_over(self, batch: Batch) -> None:
        self.handed_out.append(batch)


def arrives(consumer: Obedient, lane: Lane, *offsets: int) -> None:
    """As the reader hands records over."""
    lane.feed([delivered(offset) for offset in offsets])
    consumer._serve(lane)


def test_a_batch_that_is_not_due_is_handed_out_when_it_is() -> None:
    """By one alarm, however often the lane is asked meanwhile; and by itself, if nothing more arrives."""

    async def scenario() -> None:
        lane = Lane(TP, 100, 500, 0.2, time.monotonic)
        consumer = Obedient(lane)
        arrives(consumer, lane, 0)
        await asyncio.sleep(0)
        lane.finish(consumer.handed_out[0])
        alarms = []
        for offset in range(1, 5):
            arrives(consumer, lane, offset)
            alarms.append(consumer._alarms[TP])
        assert (1, 1) == (len(set(map(id, alarms))), len(consumer.handed_out))
        async with asyncio.timeout(5):
            while len(consumer.handed_out) < 2:
                await asyncio.sleep(0.005)
        assert [1, 2, 3, 4] == [record.offset() for record in consumer.handed_out[1].records]
        assert {} == consumer._alarms

    asyncio.run(scenario())


def test_fetching_pauses_and_goes_on_as_the_lane_says() -> None:
    """Said to the reader once each time."""

    async def scenario() -> None:
        lane = Lane(TP, 2, 4, 0.0, lambda: 50.0)
        consumer = Obedient(lane)
        consumer.flow_active = False
        arrives(consumer, lane, *range(4))
        arrives(consumer, lane, 4)
        await asyncio.sleep(0)
        assert (["pause"], []) == (consumer.told, consumer.handed_out), "nobody takes a batch while the flow stands"
        consumer.flow_active = True
        consumer._serve(lane)
        await asyncio.sleep(0)
        lane.finish(consumer.handed_out[0])
        assert ["pause", "resume"] == consumer.told

    asyncio.run(scenario())


def test_a_lane_whose_partition_went_elsewhere_is_not_served() -> None:
    """Its last batch may be released after the partition has come back with another lane."""

    async def scenario() -> None:
        lane, later = Lane(TP, 2, 4, 0.0, lambda: 50.0), Lane(TP, 2, 4, 0.0, lambda: 50.0)
        consumer = Obedient(lane)
        consumer.lanes = {TP: later}
        arrives(consumer, lane, 0)
        await asyncio.sleep(0)
        assert [] == consumer.handed_out

    asyncio.run(scenario())
