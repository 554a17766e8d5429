"""What stands before a batch of records, read without unpacking it: of one that a client refuses to unpack, and would
fetch again for ever."""

import asyncio
import logging
import struct
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

from aiokafka.client import AIOKafkaClient
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from sidestep.streams.runtime.batches import Partition
from sidestep.streams.runtime.cut_record import PackedBatch
from sidestep.streams.runtime.kafka import Fetched
from sidestep.streams.runtime.raw_partition import RawPartition
from sidestep.topics.connection import Connection

log = logging.getLogger(__name__)

SECONDS = 10.0
"""For asking the broker."""

_HEAD = struct.Struct(">qiibihi")
"""Base offset, octets behind these two, leader epoch, magic, checksum, attributes, last offset less base offset: the
beginning of a batch of records, https://kafka.apache.org/documentation/#recordbatch."""
_BEFORE_LENGTH = 12


class BatchHead(NamedTuple):
    """Offsets of a batch's first and last record, and the octets that it takes in the log."""

    first: int
    last: int
    octets: int


def pass_over(connection: Connection, consumer: Consumer, failed: Iterable[Fetched]) -> list[PackedBatch]:
    """Let a consumer go on behind the batches that are told of here as too much to unpack: what stands in place of
    each. None where it can't be found out where one ends: it is told of again. Blocks; see batch_head."""
    found: dict[Partition, PackedBatch] = {}
    for message in failed:
        error, tp = message.error(), Partition(message.topic(), message.partition())
        if error is None or error.code() != KafkaError._BAD_COMPRESSION or tp in found:
            continue
        head = batch_head(connection, tp, message.offset())
        if head is not None:
            with suppress(KafkaException):  # the partition has just gone elsewhere
                consumer.seek(TopicPartition(*tp, head.last + 1))
                found[tp] = PackedBatch(*tp, head.first, head.last)
    return list(found.values())


def batch_head(connection: Connection, tp: Partition, offset: int) -> BatchHead | None:
    """The head of the batch in which an offset lies; None: there is none, or the broker could not be asked. Blocks; not
    for a thread in which a loop runs."""
    try:
        return head_of(asyncio.run(asyncio.wait_for(_fetch(connection, tp, offset), SECONDS)), offset)
    except Exception as error:  # noqa: BLE001 - whatever it is: the reader must not end of it, and it is told of again
        log.warning("where the batch at offset %d of %s/%d ends is not known: %s", offset, *tp, error)
        return None


def head_of(octets: bytes, offset: int) -> BatchHead | None:
    """The same, of the octets of some batches, the last of which may be cut short. Pure."""
    at = 0
    while at + _HEAD.size <= len(octets):
        first, length, _, _, _, _, more = _HEAD.unpack_from(octets, at)
        if first <= offset <= first + more:
            return BatchHead(first, first + more, length + _BEFORE_LENGTH)
        at += length + _BEFORE_LENGTH
    return None


async def _fetch(connection: Connection, tp: Partition, offset: int) -> bytes:
    client = AIOKafkaClient(**connection.aiokafka())
    try:
        await client.bootstrap()
        return (await RawPartition(client, tp).fetch(offset, SECONDS)).octets
    finally:
        await client.close()
