"""Partitions as Kafka keeps them, record batches and end markers included; and transactions that are ended without
writing a record. What librdkafka does not offer, in the requests of aiokafka's client.

For take-overs that find a hanging transaction: rare, so it is made to be right, not fast.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from itertools import groupby
from typing import Any

from aiokafka import errors
from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.transaction import AddPartitionsToTxnRequest, EndTxnRequest, InitProducerIdRequest
from aiokafka.record.control_record import COMMIT_MARKER, ControlRecord
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition

from sidestep.streams.runtime.credentials import aiokafka_settings
from sidestep.streams.runtime.hanging import Fate, RecordBatch
from sidestep.streams.runtime.manifest import HEADER, MARKER, Manifest, Place
from sidestep.topics.connection import Connection

READ_UNCOMMITTED = 0
FETCH_OCTETS = 8 * 1024 * 1024
FETCH_WAIT_MS = 200
RETRY_SECONDS = 0.05
TRANSACTION_MS = 60_000


class RawLog:
    """A client of one cluster; use raw_log()."""

    def __init__(self, client: AIOKafkaClient):
        self._client = client

    async def read(self, place: Place, start: int, end: int) -> list[RecordBatch]:
        """All record batches from the one with the offset `start` to the one before `end`.

        Raises aiokafka.errors.KafkaError; those that are retriable are tried again until the caller's time is over.
        """
        batches: list[RecordBatch] = []
        while start < end:
            octets = await self._again(self._fetch, place, start)
            new = [batch for batch in _parse(octets) if batch.last_offset >= start]
            batches += [batch for batch in new if batch.offset < end]
            # behind the last batch a compacted partition may have no more of them before `end`
            start = new[-1].last_offset + 1 if new else end
        return batches

    async def producer_id(self, transactional_id: str) -> int:
        """The number that Kafka knows an id by, in its record batches; fences whoever uses it."""
        return int((await self._again(self._init, transactional_id)).producer_id)

    async def end(self, transactional_id: str, places: Iterable[Place], *, commit: bool) -> None:
        """End in `places` what this id has open there; fences whoever uses it. Raises aiokafka.errors.KafkaError."""
        answer = await self._again(self._init, transactional_id)
        producer, epoch = answer.producer_id, answer.producer_epoch
        await self._again(self._add, transactional_id, producer, epoch, sorted(places))
        await self._again(self._end, transactional_id, producer, epoch, commit)

    async def _again(self, ask: Any, *about: Any) -> Any:
        while True:
            try:
                return await ask(*about)
            except errors.KafkaError as error:
                if not error.retriable and not isinstance(error, errors.ConcurrentTransactions):
                    raise
                await self._client.force_metadata_update()
                await asyncio.sleep(RETRY_SECONDS)  # until Kafka can answer, or the caller's time is over

    async def _fetch(self, place: Place, offset: int) -> bytes:
        await self._client._wait_on_metadata(place.topic)
        leader = self._client.cluster.leader_for_partition(TopicPartition(*place))
        if leader is None or leader == -1:
            raise errors.LeaderNotAvailableError(str(place))
        wanted = [(place.topic, [(place.partition, offset, FETCH_OCTETS)])]
        request = FetchRequest(FETCH_WAIT_MS, 1, FETCH_OCTETS, READ_UNCOMMITTED, wanted)
        answer = await self._client.send(leader, request)
        found = answer.topics[0][1][0]  # partition, error, …, records
        _check(found[1])
        return bytes(found[-1] or b"")

    async def _init(self, transactional_id: str) -> Any:
        return await self._ask(transactional_id, InitProducerIdRequest(transactional_id, TRANSACTION_MS))

    async def _add(self, transactional_id: str, producer: int, epoch: int, places: list[Place]) -> None:
        topics = [
            (topic, [place.partition for place in of]) for topic, of in groupby(places, lambda place: place.topic)
        ]
        request = AddPartitionsToTxnRequest(transactional_id, producer, epoch, topics)
        for _, partitions in (await self._ask(transactional_id, request)).errors:
            for _, code in partitions:
                _check(code)

    async def _end(self, transactional_id: str, producer: int, epoch: int, commit: bool) -> None:
        await self._ask(transactional_id, EndTxnRequest(transactional_id, producer, epoch, commit))

    async def _ask(self, transactional_id: str, request: Any) -> Any:
        node = await self._client.coordinator_lookup(CoordinationType.TRANSACTION, transactional_id)
        await self._client.force_metadata_update()
        answer = await self._client.send(node, request)
        _check(getattr(answer, "error_code", 0))
        return answer


@asynccontextmanager
async def raw_log(connection: Connection) -> AsyncIterator[RawLog]:
    """A client that ends with the context. Raises aiokafka.errors.KafkaError where nobody answers."""
    client = AIOKafkaClient(**aiokafka_settings(connection), client_id="take-over")
    try:
        await client.bootstrap()
        yield RawLog(client)
    finally:
        await client.close()


def _check(code: int) -> None:
    if code:
        raise errors.for_code(code)()


def _parse(octets: bytes) -> list[RecordBatch]:
    records = MemoryRecords(octets)
    batches: list[RecordBatch] = []
    while records.has_next():
        batches.append(_described(records.next_batch()))
    return batches


def _described(batch: Any) -> RecordBatch:
    ends: Fate | None = None
    manifests: tuple[Manifest | None, ...] = ()
    if batch.is_control_batch:
        control = ControlRecord.parse(next(batch).key)
        ends = Fate.COMMITTED if control == COMMIT_MARKER else Fate.ABORTED
    elif batch.is_transactional:
        manifests = tuple(_manifests(batch))
    return RecordBatch(
        offset=batch.base_offset,
        last_offset=batch.base_offset + batch.last_offset_delta,
        producer=batch.producer_id,
        epoch=batch.producer_epoch,
        sequence=batch.base_sequence,
        transactional=batch.is_transactional,
        ends=ends,
        manifests=manifests,
    )


def _manifests(records: Iterable[Any]) -> Iterator[Manifest | None]:
    for record in records:
        told = dict(record.headers).get(HEADER)
        if told or record.key == MARKER:
            yield Manifest.decode(told) if told else None
