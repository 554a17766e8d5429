"""Records as a consumer hands them over, for tests of what reads them; no broker has delivered these."""

from collections.abc import Sequence

from confluent_kafka import TIMESTAMP_CREATE_TIME, Message

from sidestep.streams.runtime.batches import Partition
from sidestep.streams.runtime.kafka import fetched
from sidestep.streams.runtime.record import Record

TP = Partition("test", 0)


def delivered(
    offset: int,
    value: bytes | None = None,
    *,
    tp: Partition = TP,
    key: bytes | None = None,
    headers: Sequence[tuple[str, bytes | None]] = (),
    at_ms: int = 1_800_000_000_000,
) -> Record:
    """confluent-kafka's own message, with what a broker would have put there."""
    stamp = (TIMESTAMP_CREATE_TIME, at_ms)
    message = Message(tp.topic, tp.partition, offset, key, value, list(headers), timestamp=stamp)
    return fetched([message])[0]
