"""A Faust app whose agents get batches: what a role declares its agents on. transport.py hands the batches over."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any

import faust
from aiokafka.errors import KafkaError as GroupError
from confluent_kafka import KafkaError
from faust.events import Event
from faust.serializers.schemas import DecodeFunction
from faust.tables import TableManager
from faust.types import TP, AppT, Message

from sidestep.streams.errors import WorkerCrashed
from sidestep.streams.runtime.assignor import CompleteAssignor
from sidestep.streams.runtime.batches import Batch, Partition
from sidestep.streams.runtime.credentials import faust_settings
from sidestep.streams.runtime.fetching import Isolation
from sidestep.streams.runtime.transport import BatchConsumer, BatchTransport
from sidestep.topics.connection import Connection
from sidestep.topics.errors import BrokerUnreachable, SidestepError

WAITS_ON = 86_400.0
"""Seconds. What Faust waits for after a rebalance it must not give up; /readyz says meanwhile that Kafka does not
answer. How long a single request may take is said in consumer_thread.py."""

Open = Callable[[Partition], Awaitable[int | None]]
"""Makes a partition ready and says at which offset to begin; None: at the group's committed one."""

Process = Callable[[Batch, Callable[[], object]], Coroutine[Any, Any, None]]
"""What is to become of a batch; the second argument acks it."""


class BatchSchema(faust.Schema[Any, Batch]):
    """Hands the Batch through as it is: decoding is the agent's, so that a record that can't be read stays in its
    hands."""

    def compile(
        self,
        app: AppT,
        *,
        on_key_decode_error: object = None,
        on_value_decode_error: object = None,
        default_propagate: bool = False,
    ) -> DecodeFunction:
        """Faust's hook for decoders."""

        async def decode(message: Message, propagate: bool = False) -> Event:
            return Event(app, message.key, message.value, {}, message)

        return decode


class NoTables(TableManager):
    """Faust's tables, of which Sidestep has none; ledger.py has its own."""

    async def on_start(self) -> None:
        """As in Faust, but for the second that it waits first, in case that somebody declares tables late: each start
        of each role would take it."""
        await self._update_channels()
        await self.recovery.start()


class BatchApp(faust.App):
    """A Faust app over BatchTransport. `open_partition` and `on_failure` come from the composition root.

    `pace`: seconds between two small batches of a partition; see Lane.next_step. `held_octets`: of records that all
    partitions together may have here. `from_strangers`: see Reader.
    """

    def __init__(
        self,
        name: str,
        *,
        connection: Connection,
        open_partition: Open,
        on_failure: Callable[[SidestepError | Exception], None],
        on_broker_error: Callable[[KafkaError], None],
        healthy: Callable[[], bool],
        batch_max: int,
        pace: float,
        skip_truncated: bool,
        isolation: Isolation,
        held_octets: int,
        from_strangers: bool,
        **options: Any,
    ):
        self.connection = connection
        self.open_partition = open_partition
        self.fail = on_failure
        self.on_broker_error = on_broker_error
        self.healthy = healthy
        self.batch_max = batch_max
        self.pace = pace
        self.skip_truncated = skip_truncated
        self.isolation = isolation
        self.held_octets = held_octets
        self.from_strangers = from_strangers
        self.inputs: list[str] = []
        """The topics that agents are declared on."""
        super().__init__(
            name,
            **faust_settings(connection),
            PartitionAssignor=CompleteAssignor,
            TableManager=NoTables,
            broker_request_timeout=WAITS_ON,
            **options,
        )

    def on_moved(self, follow: Callable[[], object]) -> None:
        """`follow` is called whenever partitions have been assigned, and whenever they have been given up."""

        async def moved(_app: object, /, *_arguments: Any, **_signal: object) -> None:
            follow()

        self.on_partitions_assigned.connect(moved, weak=False)
        self.on_partitions_revoked.connect(moved, weak=False)

    async def start(self) -> None:
        """Join the group. Raises BrokerUnreachable: Kafka may have gone since it was last asked."""
        try:
            await super().start()
        except GroupError as error:
            raise explain_group(error) from error

    def why_stopped(self) -> Exception:
        """What Faust has ended itself for."""
        reason = self.crash_reason
        if isinstance(reason, GroupError):
            return explain_group(reason)
        return reason if isinstance(reason, Exception) else WorkerCrashed(f"Faust has stopped: {reason!r}; see its log")

    def on_assigned(self, follow: Callable[[set[Partition]], Awaitable[None]]) -> None:
        """`follow` hears of all partitions that this worker has after a rebalance, before they are read."""

        async def assigned(_app: object, /, *arguments: Any, **_signal: object) -> None:
            partitions: Iterable[TP] = arguments[0]
            await follow({Partition(tp.topic, tp.partition) for tp in partitions})

        self.on_partitions_assigned.connect(assigned, weak=False)

    def lag(self) -> dict[Partition, int]:
        """Records of each assigned partition that have not been finished."""
        consumer = self.consumer
        return consumer.lag() if isinstance(consumer, BatchConsumer) else {}

    def held(self) -> dict[Partition, int]:
        """Octets of each assigned partition between Kafka and where they go."""
        consumer = self.consumer
        return consumer.held() if isinstance(consumer, BatchConsumer) else {}

    @property
    def member(self) -> str:
        """The id that the group knows this worker by; empty before it has joined."""
        consumer = self.consumer
        return consumer.member if isinstance(consumer, BatchConsumer) else ""

    def rejoin(self, insist: bool) -> None:
        """Have the group assign anew; see WaryCoordinator."""
        consumer = self.consumer
        if isinstance(consumer, BatchConsumer):
            consumer.rejoin(insist)

    def _new_transport(self) -> BatchTransport:
        return BatchTransport(self.conf.broker_consumer, self, loop=self.loop)


def explain_group(error: GroupError) -> SidestepError:
    """One of our errors for one of aiokafka's, which Faust keeps the group with."""
    if error.retriable or "Connection" in type(error).__name__:
        return BrokerUnreachable(f"keeping the consumer group: {error}. Is Kafka running, and does it answer?")
    return WorkerCrashed(f"keeping the consumer group: {error!r}; Faust's log says more")


def declare(app: BatchApp, topic: str, process: Process) -> None:
    """An agent on `topic` that starts `process` for each batch; batches of different partitions overlap."""

    async def agent(stream: Any) -> None:  # StreamT, the type that Faust gives out, lacks noack()
        under_way: set[asyncio.Task[None]] = set()
        async for event in stream.noack().events():
            task = asyncio.create_task(process(event.value, event.ack))
            under_way.add(task)
            task.add_done_callback(under_way.discard)

    app.inputs.append(topic)
    app.agent(app.topic(topic, schema=BatchSchema()), name=f"{app.conf.id}-{topic}")(agent)
