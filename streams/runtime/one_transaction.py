"""What a person has a command write: a few records in one transaction, all of them or none. Blocks."""

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from confluent_kafka import KafkaException, Producer

from sidestep.streams.runtime.kafka import behind

FULL_SECONDS = 10.0
"""For a producer whose queue is full; and for an answer to who gives up."""


def put(producer: Producer, *record: Any, **fields: Any) -> None:
    """As produce, which waits for room in the producer's queue."""
    try:
        producer.produce(*record, **fields)
    except BufferError:
        producer.flush(FULL_SECONDS)
        producer.produce(*record, **fields)


def commit(producer: Producer, seconds: float) -> None:
    """Whether it was committed is not known as long as the answer is missing: ask again, never guess."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return producer.commit_transaction(max(1.0, deadline - time.monotonic()))
        except KafkaException as error:
            if not error.args[0].retriable() or time.monotonic() > deadline:
                raise


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
