"""Readers of feedback: in turns, so that nobody waits for the end of somebody else's batch."""

import asyncio
import time
from itertools import groupby

import pytest

from sidestep.schemas import Bounce
from sidestep.schemas.codec import ContractError
from sidestep.streams.runtime.cut_record import LARGEST_PART, cut
from sidestep.streams.screen import feedback_readers
from sidestep.streams.screen.feedback_readers import FeedbackReaders
from sidestep.streams.screen.lock_breaks import BREAK_SECONDS, LockBreaks
from tests.kafka_records import delivered

BOUNCE = b'{"recipient": "jane@fast.example"}'


def test_a_batch_is_read_whole_where_there_is_time() -> None:
    """What can't be read is told in its place; nothing is held afterwards."""

    async def scenario() -> None:
        readers = FeedbackReaders(60.0)
        records = cut([delivered(0, BOUNCE), delivered(1, b"?"), delivered(2, bytes(LARGEST_PART + 1))]).records
        said = await readers.read(records, Bounce, time.time(), None)
        assert not isinstance(said[0], Exception)
        assert ["jane@fast.example"] == [event.recipient for event in said[0][0]]
        faults = [each for each in said[1:] if isinstance(each, ContractError)]
        assert ["not-json", "too-large"] == [fault.code for fault in faults]
        assert readers.octets == 0
        await readers.close()

    asyncio.run(scenario())


def test_batches_have_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn that is over at once reads one record, and whoever comes back for the rest comes behind the others."""
    monkeypatch.setattr(feedback_readers, "THREADS", 1)
    order: list[int] = []

    async def partition(number: int, readers: FeedbackReaders) -> None:
        records = [delivered(offset, BOUNCE) for offset in range(3)]
        while records:
            said = await readers.read(records, Bounce, time.time(), None)
            assert len(said) == 1
            order.append(number)
            records = records[1:]

    async def scenario() -> None:
        readers = FeedbackReaders(0.0)
        await asyncio.gather(*(partition(number, readers) for number in range(4)))
        await readers.close()

    asyncio.run(scenario())
    assert len(order) == 12
    assert max(len(list(times)) for _, times in groupby(order)) == 1


def test_breaks_are_taken_where_work_was_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """For as long as the kernel needs at least, and for a share of the work before it."""
    slept: list[float] = []
    now = iter([0.0, 0.0005, 0.002, 0.002, 0.202, 0.202])
    monkeypatch.setattr(time, "sleep", slept.append)
    monkeypatch.setattr(time, "perf_counter", lambda: next(now))
    breaks = LockBreaks(share=0.5)
    for _ in range(3):
        breaks.look()
    assert [0.001, 0.1] == pytest.approx(slept)
    assert BREAK_SECONDS < slept[0]
