"""A producer's queue is bounded in octets: what finds no room waits, in its order, and is shown."""

import threading
import time

import pytest
from confluent_kafka import KafkaError, Producer

from sidestep.streams.runtime import producer_queue as module
from sidestep.streams.runtime.outgoing import Keyed
from sidestep.streams.runtime.producer_queue import ProducerQueue

KIB = 64


class GivenUp(Exception):
    """Nobody is there to send to."""


def unreachable() -> Producer:
    """To a Kafka that is not there."""
    return Producer({"bootstrap.servers": "127.0.0.1:1", "queue.buffering.max.kbytes": KIB, "log_level": 0})


def records(octets: int) -> list[Keyed]:
    """Of a kilobyte each, the last one without a value."""
    kilobytes: list[Keyed] = [{"key": b"", "value": bytes(1_000)} for _ in range(octets // 1_000)]
    return [*kilobytes, {"key": b"k", "value": None}]


@pytest.mark.parametrize("single", [False, True])
def test_where_there_is_no_room_it_is_looked_at_whether_anybody_is_there(
    single: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until then it waits, with no more in the queue than fits."""
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.05)
    producer, given = unreachable(), records(100_000)

    def look() -> None:
        raise GivenUp

    queue = ProducerQueue(producer, look)
    with pytest.raises(GivenUp):
        if single:
            for _ in range(100):
                queue.put("t", bytes(1_000), partition=0)
        else:
            queue.put_batch("t", 0, given)
    assert 50 < len(producer) < 90, "65 fit; errors of the connection count in its length, too"
    assert 50_000 < queue.octets < 90_000
    assert not any("_error" in record for record in given), "they may be given to another producer"


def test_how_much_is_on_its_way_is_told_while_a_thread_waits() -> None:
    """A scrape never waits for a producer."""
    producer = unreachable()
    queue = ProducerQueue(producer, lambda: None)
    assert 0 == queue.octets
    assert queue.put_batch("t", 0, records(20_000)) is None
    waiting = threading.Thread(target=producer.flush, args=(1.0,))
    waiting.start()
    asked = time.monotonic()
    assert 19_000 < queue.octets <= 20_000
    assert waiting.is_alive(), f"it took {time.monotonic() - asked} s"
    waiting.join()


def test_a_record_that_is_refused_for_its_own_sake_is_told_of() -> None:
    """It does not wait for room that never comes."""
    queue = ProducerQueue(unreachable(), lambda: pytest.fail("nobody waits"))
    error = queue.put_batch("t", 0, [{"key": b"k", "value": bytes(2_000_000)}])
    assert error is not None and KafkaError.MSG_SIZE_TOO_LARGE == error.code()
