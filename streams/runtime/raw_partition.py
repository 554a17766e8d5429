"""The octets of a partition's batches, as Kafka keeps them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar

from aiokafka import errors
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.structs import TopicPartition

from sidestep.streams.runtime.batches import Partition

READ_UNCOMMITTED = 0
FETCH_OCTETS = 1024 * 1024
RETRY_SECONDS = 0.05
EARLIEST = -2

Answer = TypeVar("Answer")


class RawAnswer(NamedTuple):
    """Some batches, the last of which may be cut short, and the offset at which the partition ended."""

    octets: bytes
    end: int


class RawPartition:
    """A partition. What it raises: TimeoutError where nobody has answered within the seconds that are given, and
    aiokafka.errors.KafkaError where the answer is that there is none."""

    def __init__(self, client: AIOKafkaClient, tp: Partition):
        self._client, self._tp = client, tp

    async def fetch(self, offset: int, seconds: float) -> RawAnswer:
        """The batch with this offset and some of the next ones; empty at the end. Never waits for records."""

        async def ask(leader: int) -> RawAnswer:
            wanted = [(self._tp.topic, [(self._tp.partition, offset, FETCH_OCTETS)])]
            answer = await self._client.send(leader, FetchRequest(0, 0, FETCH_OCTETS, READ_UNCOMMITTED, wanted))
            ((_, ((_, code, end, *rest),)),) = answer.topics
            _check(code)
            return RawAnswer(bytes(rest[-1] or b""), end)

        return await self._asked(ask, seconds)

    async def beginning(self, seconds: float) -> int:
        """The offset of the first record that is left."""

        async def ask(leader: int) -> int:
            wanted = [(self._tp.topic, [(self._tp.partition, EARLIEST)])]
            answer = await self._client.send(leader, OffsetRequest(-1, READ_UNCOMMITTED, wanted))
            ((_, ((_, code, *rest),)),) = answer.topics
            _check(code)
            return int(rest[-1])

        return await self._asked(ask, seconds)

    async def _asked(self, ask: Callable[[int], Awaitable[Answer]], seconds: float) -> Answer:
        async with asyncio.timeout(seconds):
            while True:
                try:
                    return await ask(await self._leader())
                except errors.KafkaError as error:
                    if not error.retriable:
                        raise
                    await self._client.force_metadata_update()
                    await asyncio.sleep(RETRY_SECONDS)

    async def _leader(self) -> int:
        await self._client._wait_on_metadata(self._tp.topic)
        leader = self._client.cluster.leader_for_partition(TopicPartition(*self._tp))
        if leader is None or leader == -1:
            raise errors.LeaderNotAvailableError(str(self._tp))
        return int(leader)


def _check(code: int) -> None:
    if code:
        raise errors.for_code(code)()
