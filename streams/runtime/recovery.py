"""Brings a store up to the end of its changelog: committed records only, at librdkafka's speed, with progress in the
log."""

import logging
import time
from collections.abc import Callable, Sequence

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from rocksdict import WriteBatch

from sidestep.streams.runtime.changelog_ends import TOMBSTONE_SECONDS, begins_anew, first_offset
from sidestep.streams.runtime.kafka import client, explain, fetched
from sidestep.streams.runtime.record import Record
from sidestep.streams.runtime.store import Store, new_batch
from sidestep.topics.cluster import EAGER
from sidestep.topics.connection import Connection
from sidestep.topics.errors import BrokerUnreachable

log = logging.getLogger(__name__)

POSITION = b"\0position"
"""Changelog offset applied last, as decimal digits."""

FIRST_ROW, BEHIND_ROWS = b"\1", b"\xff" * 512
"""Rows lie between; what the ledger keeps for itself begins with a zero."""

PROGRESS_SECONDS = 2.0
SILENCE_SECONDS = 30.0
TAKE_SECONDS = 0.05
"""For so long the client waits for a full batch, although it knows that the end was reached."""

Apply = Callable[[WriteBatch, Sequence[Record]], None]
"""Puts changelog records into a WriteBatch: all at once, since a call for each is a tenth of what recovery costs."""
Progress = Callable[[int, int], None]
"""Called with records done and records in all, roughly; several times a second. What it raises ends the recovery."""


def recover(
    connection: Connection,
    topic: str,
    partition: int,
    store: Store,
    apply: Apply,
    progress: Progress,
    *,
    compacted: bool = False,
    tombstone_seconds: float = TOMBSTONE_SECONDS,
) -> int:
    """Apply what the store lacks. Returns how many records that were. Raises LedgerError, BrokerUnreachable.

    `compacted`: the changelog is kept by key, not by time, so nothing but compaction may take records from it.
    `tombstone_seconds`: for how long it tells of the ends of rows.
    """
    consumer = Consumer(
        client(
            connection,
            f"recover-{topic}-{partition}",
            **{
                "group.id": f"recover-{topic}-unused",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 50,
                **EAGER,
                "queued.max.messages.kbytes": 16 * 1024,
            },
        )
    )
    try:
        start, high = _ends(consumer, topic, partition, store, compacted, tombstone_seconds)
        if start >= high:
            return 0
        consumer.assign([TopicPartition(topic, partition, start)])
        return _recover(consumer, topic, partition, store, apply, progress, high - start)
    except KafkaException as error:
        raise explain(error, f"reading {topic}/{partition}") from error
    finally:
        consumer.close()


def _ends(
    consumer: Consumer, topic: str, partition: int, store: Store, compacted: bool, tombstone_seconds: float
) -> tuple[int, int]:
    low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=30)
    applied = int(store.get(POSITION) or -1)
    start = first_offset(f"{topic}/{partition}", applied, low, high, compacted=compacted)
    # whose beginning was deleted has nothing to begin anew from
    if (
        not compacted
        or low > 0
        or not begins_anew(applied, start, _recent(consumer, topic, partition, tombstone_seconds), high)
    ):
        return start, high
    log.info("%s/%d: the ledger on disk is from long ago: all of it is read back", topic, partition)
    _forget_rows(store)
    return 0, high


def _recent(consumer: Consumer, topic: str, partition: int, tombstone_seconds: float) -> int:
    """The first offset that is no older; -1: nothing is that young."""
    since = int((time.time() - tombstone_seconds) * 1000)
    [found] = consumer.offsets_for_times([TopicPartition(topic, partition, since)], timeout=30)
    if found.error is not None:
        raise KafkaException(found.error)
    return int(found.offset)


def _forget_rows(store: Store) -> None:
    batch = new_batch()
    batch.delete_range(FIRST_ROW, BEHIND_ROWS)
    batch.put(POSITION, b"-1")
    store.write(batch)


def _recover(
    consumer: Consumer, topic: str, partition: int, store: Store, apply: Apply, progress: Progress, missing: int
) -> int:
    applied, began = 0, time.monotonic()
    reported = last_seen = began
    while True:
        records, at_end = _take(consumer)
        now = time.monotonic()
        if records:
            applied += len(records)
            last_seen = now
            _apply(store, records, apply)
        progress(applied, max(applied, missing))  # while nobody answers, too: it raises where that is to end
        if now - reported > PROGRESS_SECONDS and records:
            reported = now
            log.info("%s/%d: %d of about %d records recovered", topic, partition, applied, missing)
        if at_end:
            break
        if now - last_seen > SILENCE_SECONDS:
            raise BrokerUnreachable(
                f"{topic}/{partition}: no answer for {SILENCE_SECONDS:.0f} s while recovering; is Kafka up?"
            )
    if applied:
        log.info("%s/%d: %d records recovered in %.2f s", topic, partition, applied, time.monotonic() - began)
    return applied


def _take(consumer: Consumer) -> tuple[Sequence[Record], bool]:
    """Some records, and whether the end has been reached. Transaction markers at the tail are no obstacle."""
    taken = fetched(consumer.consume(10_000, TAKE_SECONDS))
    records = [message for message in taken if message.error() is None]
    at_end = False
    for message in taken if len(records) < len(taken) else ():
        error = message.error()
        if error is None:
            continue
        if error.code() == KafkaError._PARTITION_EOF:
            at_end = True
        elif not error.retriable() and error.code() not in (KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN):
            raise KafkaException(error)
    return records, at_end


def _apply(store: Store, records: Sequence[Record], apply: Apply) -> None:
    batch = new_batch()
    apply(batch, records)
    batch.put(POSITION, b"%d" % records[-1].offset())
    store.write(batch)
