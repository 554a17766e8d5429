"""What a person has a command write: a few records in one transaction, all of them or none. Blocks."""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

from confluent_kafka import KafkaException, Producer

from sidestep.streams.runtime.kafka import behind

ASK_SECONDS = 2.0
"""For one question of how a transaction ends."""
FULL_SECONDS = 10.0
"""For a producer whose queue is full; and for an answer to who gives up."""


def put(producer: Producer, *record: Any, **fields: Any) -> None:
    """As produce, which waits for room in the producer's queue."""
    try:
        producer.produce(*record, **fields)
    except BufferError:
        producer.flush(FULL_SECONDS)
        producer.produce(*record, **fields)


def commit(producer: Producer, seconds: float, look: Callable[[], None] = lambda: None) -> None:
    """Whether it was committed is not known as long as the answer is missing: ask again, never guess. `look` is called
    now and then meanwhile; what it raises ends that."""
    ask_until(producer.commit_transaction, seconds, look)


def ask_until(ask: Callable[[float], object], seconds: float, look: Callable[[], None]) -> None:
    """Ask for the end of a transaction until it is answered, or for so many seconds. Raises KafkaException."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            ask(ASK_SECONDS)
            return
        except KafkaException as error:
            if not error.args[0].retriable() or time.monotonic() > deadline:
                raise
        look()


@contextlib.contextmanager
def one_transaction(producer: Producer, seconds: float) -> Iterator[None]:
    """What is produced inside is committed at its end, or none of it. Raises KafkaException: why it is not, or that
    nobody knows."""
    try:
        producer.begin_transaction()
        yield
        commit(producer, seconds)
    except KafkaException as error:
        cause = behind(producer, error)
        _abort(producer)
        raise cause from error
    except BaseException:
        _abort(producer)
        raise


def _abort(producer: Producer) -> None:
    """So that nobody has to wait for the transaction to time out. It is aborted then at the latest."""
    with contextlib.suppress(KafkaException):
        producer.abort_transaction(FULL_SECONDS)
