"""Transactions as a coordinator leaves them that has forgotten some of its end markers: written on a healthy Kafka.

With verification off a broker takes records of a transaction that the coordinator was not told of (as all brokers did
before KIP-890), so that its end marker does not come to those places.
"""

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka import errors
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.structs import TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from sidestep.streams.runtime.manifest import Place
from sidestep.streams.runtime.raw_log import RawLog, _check
from sidestep.topics.connection import Connection

Raw = tuple[bytes | None, bytes, list[tuple[str, bytes]]]
"""Key, value, headers."""
LZ4 = 3


@dataclass(frozen=True)
class Part:
    """What a transaction writes to a place. `ends`: whether the coordinator knows of it, so that its marker comes."""

    records: list[Raw]
    ends: bool
    sequence: int = 0


@contextmanager
def without_verification(connection: Connection) -> Iterator[None]:
    """The embedded broker takes what the coordinator was not told of while the context is open."""
    client = AdminClient(connection.librdkafka())
    _set(client, "false")
    try:
        yield
    finally:
        _set(client, "true")


SETTING_SECONDS = 10.0
"""Within which a broker goes by a setting that was changed; the answer to the change says only that it stands."""


def _set(client: AdminClient, value: str) -> None:
    entry = ConfigEntry("transaction.partition.verification.enable", value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.BROKER, "1", incremental_configs=[entry])
    for future in client.incremental_alter_configs([resource]).values():
        future.result(10)


def write_transaction(
    connection: Connection, transactional_id: str, parts: Mapping[Place, Part], *, commit: bool
) -> None:
    """One transaction of that id, decided, whose end marker comes to those of its parts that say so."""
    asyncio.run(_write(connection, transactional_id, parts, commit))


async def _write(connection: Connection, transactional_id: str, parts: Mapping[Place, Part], commit: bool) -> None:
    client = AIOKafkaClient(**connection.aiokafka())
    await client.bootstrap()
    try:
        log = RawLog(client)
        answer = await log._again(log._init, transactional_id)
        producer = answer.producer_id, answer.producer_epoch
        known = [place for place, part in parts.items() if part.ends]
        if known:
            await log._again(log._add, transactional_id, *producer, sorted(known))
        for place, part in parts.items():
            octets = _batch(part, *producer)
            await log._again(_produce, client, transactional_id, place, octets)
        if known:
            await log._again(log._end, transactional_id, *producer, commit)
            await log._again(log._init, transactional_id)
    finally:
        await client.close()


def _batch(part: Part, producer: int, epoch: int) -> bytes:
    builder = DefaultRecordBatchBuilder(2, LZ4, 1, producer, epoch, part.sequence, 1_000_000)
    builder.set_producer_state(producer, epoch, part.sequence)
    for number, (key, value, headers) in enumerate(part.records):
        assert builder.append(number, None, key, value, headers) is not None
    return bytes(builder.build())


async def _produce(client: AIOKafkaClient, transactional_id: str, place: Place, octets: bytes) -> None:
    await client._wait_on_metadata(place.topic)
    leader = client.cluster.leader_for_partition(TopicPartition(*place))
    request = ProduceRequest(transactional_id, -1, 10_000, [(place.topic, [(place.partition, octets)])])
    deadline = time.monotonic() + SETTING_SECONDS
    while True:
        answer: Any = await client.send(leader, request)
        code = answer.topics[0][1][0][1]
        if code != errors.InvalidTxnState.errno or time.monotonic() > deadline:
            return _check(code)
        await asyncio.sleep(0.05)  # between two tries, until the broker has heard of `without_verification`


def values(records: Iterable[bytes]) -> list[Raw]:
    """Records without keys and headers."""
    return [(None, value, []) for value in records]
