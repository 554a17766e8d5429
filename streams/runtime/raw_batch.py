"""Batches of records as they lie in the log, and the records of one, taken out a few at a time. Pure.

The format: https://kafka.apache.org/documentation/#recordbatch. Kafka looks into each batch that it takes, so that the
number of records that a head says is right.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from sidestep.streams.runtime.batches import Partition
from sidestep.streams.runtime.cut_record import (
    HEADER_COST,
    LARGEST_HEADERS,
    UNPACKED_MOST,
    CutRecord,
    PackedBatch,
)
from sidestep.streams.runtime.raw_record import RawRecord
from sidestep.streams.runtime.record import Record
from sidestep.streams.runtime.unpacking import most, unpack

HEAVY = 128 * 1024 * 1024
"""Octets of memory that librdkafka may take for a batch that lies in the log. A worker that may have 512 MB has some
250 beside."""
COPIES = 2
"""librdkafka unpacks a batch whole, and a value is copied as it is handed over: 100 MB of gzip or lz4 took 195."""
RECORD_COST = 350
"""Octets that librdkafka takes for a record besides: 400,000 empty ones took 133 MB."""

_HEAD = struct.Struct(">qiibIhiqqqhii")
"""Base offset, octets behind these two, leader epoch, magic, checksum, attributes, last offset less base offset, first
and largest timestamp, producer's id, its epoch and sequence, number of records."""
_BEFORE_LENGTH = 12
_MAGIC = 2
_CODEC, _APPEND_TIME, _CONTROL = 7, 8, 32
_SHORT = 10
"""Octets of a varint at the most."""


class RawBatch(NamedTuple):
    """Offsets of the first and the last record; how many there are, and how they are compressed."""

    first: int
    last: int
    codec: int
    attributes: int
    timestamps: tuple[int, int]
    """First and largest, milliseconds since 1970."""
    number: int
    """Of records."""
    packed: bytes
    """The records."""


class OldBatch(ValueError):
    """A batch of a form that we do not read."""


def raw_batches(octets: bytes) -> Iterator[RawBatch]:
    """All batches that are there whole, in their order. Raises OldBatch where one is older than Kafka 0.11."""
    at = 0
    while at + _HEAD.size <= len(octets):
        first, length, _, magic, _, attributes, more, *times, _, _, _, number = _HEAD.unpack_from(octets, at)
        if magic != _MAGIC:
            raise OldBatch(f"the batch at offset {first} has the form {magic}")
        end = at + _BEFORE_LENGTH + length
        if end > len(octets):
            return
        packed = octets[at + _HEAD.size : end]
        yield RawBatch(first, first + more, attributes & _CODEC, attributes, (times[0], times[1]), number, packed)
        at = end


def is_heavy(batch: RawBatch) -> bool:
    """Whether librdkafka would take more than HEAVY for it; where that is not sure: yes."""
    left = HEAVY - RECORD_COST * batch.number
    return left < 0 or COPIES * most(batch.codec, batch.packed, left // COPIES) > left


def records_of(tp: Partition, batch: RawBatch, start: int) -> Iterator[Record]:
    """The records from offset `start` on, cut where headers are too large (see `cut`). One PackedBatch in place of
    those that would be more than UNPACKED_MOST octets, or can't be read."""
    if batch.attributes & _CONTROL:
        return
    reached = start
    try:
        for record in _parsed(tp, batch, memoryview(unpack(batch.codec, batch.packed, UNPACKED_MOST))):
            if record.offset() >= start:
                reached = record.offset() + 1
                yield record
    except (ValueError, IndexError):
        yield PackedBatch(*tp, max(batch.first, reached), batch.last)


def _parsed(tp: Partition, batch: RawBatch, octets: memoryview) -> Iterator[Record]:
    kind = 2 if batch.attributes & _APPEND_TIME else 1
    at = 0
    for _ in range(batch.number):
        length, at = _varint(octets, at)
        end = at + length
        late, at = _varint(octets, at + 1)
        delta, at = _varint(octets, at)
        key, at = _field(octets, at)
        value, at = _field(octets, at)
        headers, cost, at = _headers(octets, at)
        if at != end:
            raise ValueError("a record is not as long as it says")
        time = batch.timestamps[1] if kind == 2 else batch.timestamps[0] + late
        record = RawRecord(tp, batch.first + delta, key, value, headers, (kind, time))
        yield record if cost <= LARGEST_HEADERS else CutRecord(record, cost)


def _headers(octets: memoryview, at: int) -> tuple[list[tuple[bytes, bytes | None]], int, int]:
    """Name and value of each, nothing where they are too many; their octets in memory; and where they end."""
    count, at = _varint(octets, at)
    headers: list[tuple[bytes, bytes | None]] = []
    cost = 0
    for _ in range(count):
        name, at = _field(octets, at)
        value, at = _field(octets, at)
        cost += HEADER_COST + len(name or b"") + len(value or b"")
        if cost <= LARGEST_HEADERS:
            headers.append((name or b"", value))
    return headers if cost <= LARGEST_HEADERS else [], cost, at


def _field(octets: memoryview, at: int) -> tuple[bytes | None, int]:
    length, at = _varint(octets, at)
    if length < 0:
        return None, at
    end = at + length
    if end > len(octets):
        raise ValueError("a field ends behind its batch")
    return bytes(octets[at:end]), end


def _varint(octets: memoryview, at: int) -> tuple[int, int]:
    """A number in zigzag form, and where it ends. Raises IndexError."""
    octet = octets[at]
    value, shift, end = octet & 0x7F, 7, at + 1
    while octet >= 0x80:
        octet = octets[end]
        value |= (octet & 0x7F) << shift
        shift, end = shift + 7, end + 1
        if end - at > _SHORT:
            raise ValueError("a number without an end")
    return value >> 1 ^ -(value & 1), end
