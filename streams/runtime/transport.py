"""Faust's consumer, changed in one thing: an agent receives all records of a partition that have arrived as one event.

Faust keeps the consumer group, the assignment, the rebalances and the agents. What changes is the unit: one event
holds a Batch. A lone record goes through at once, a backlog goes in thousands; a batch is acked when it is finished,
whole.

What the code below has to respect in Faust 0.15:
- at a rebalance it throws away messages that no agent has started (flow_control.clear): they are never acked, so
  nothing here may wait for them, and no reference may keep them alive (Faust waits for a WeakSet of messages to empty);
- a stream silently drops a message of another generation than the app's;
- its own commit bookkeeping can pass an unfinished event, so it is replaced;
- where it has waited for committed offsets for longer than broker_request_timeout, it silently gives up whatever comes
  after a rebalance, for good: the worker is assigned partitions and never begins with them. So it waits on.
"""

import asyncio
import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, cast

from confluent_kafka import KafkaError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage, Message
from mode.utils.futures import notify

from sidestep.streams.runtime.batches import Batch, Lane, Partition, share_of
from sidestep.streams.runtime.consumer_thread import ConsumerThread, RebalanceListener
from sidestep.streams.runtime.cut_record import octets_of, values_octets
from sidestep.streams.runtime.reader import Reader
from sidestep.streams.runtime.record import Record
from sidestep.topics.errors import LogTruncated

if TYPE_CHECKING:  # the app makes the transport
    from sidestep.streams.runtime.batch_app import BatchApp

log = logging.getLogger(__name__)

RECONCILE_SECONDS = 0.1
HELD_BATCHES = 5
"""Fetching of a partition pauses while this many batches of it wait."""


class BatchConsumer(driver.Consumer):
    """See the module's text."""

    RebalanceListener = RebalanceListener

    app: "BatchApp"

    def __init__(self, *arguments: Any, **options: Any):
        super().__init__(*arguments, **options)
        self.lanes: dict[Partition, Lane] = {}
        self.reader: Reader | None = None
        self._opening: dict[Partition, asyncio.Task[None]] = {}
        self._hand_overs: set[asyncio.Task[None]] = set()
        self._alarms: dict[Partition, asyncio.TimerHandle] = {}

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    @property
    def member(self) -> str:
        """The id that the group knows this consumer by; empty before it has joined."""
        coordinator = cast(ConsumerThread, self._thread).coordinator
        return "" if coordinator is None else str(coordinator.member_id)

    def rejoin(self, insist: bool) -> None:
        """Have the group assign anew; see WaryCoordinator."""
        thread = cast(ConsumerThread, self._thread)
        if thread.coordinator is not None and not thread.should_stop:
            thread.thread_loop.call_soon_threadsafe(thread.coordinator.rejoin, insist)

    # -- reading -------------------------------------------------------------------------------------------------------

    async def _drain_messages(self, fetcher: Any) -> None:  # ServiceT, the type that Faust gives it, lacks _stopped
        """Runs as long as partitions are assigned: opens lanes for those that have none yet. Reader does the rest."""
        while not (self._stopped.is_set() or fetcher._stopped.is_set()):
            if not self.flow_active:
                await self.wait(self.can_resume_flow)  # type: ignore[arg-type]  # as in Faust: any Event will do
                continue
            for tp in list(self._get_active_partitions()):
                partition = Partition(tp.topic, tp.partition)
                if partition not in self.lanes and partition not in self._opening:
                    self._opening[partition] = asyncio.create_task(self._open(partition))
            for lane in self.lanes.values():  # a batch that a pause of the flow kept back
                self._serve(lane)
            self._still_polling()
            cast(ConsumerThread, self._thread).renew()
            await asyncio.sleep(RECONCILE_SECONDS)

    def _still_polling(self) -> None:
        """aiokafka leaves the group when nobody fetches for max.poll.interval: tell it that somebody does."""
        consumer = self._thread._consumer
        if consumer is not None and self.app.healthy():
            with consumer._subscription.fetch_context():
                pass

    async def _open(self, tp: Partition) -> None:
        try:
            offset = await self.app.open_partition(tp)
            if offset is None:
                offset = self._read_offset.get(TP(*tp))
            batch_max = self.app.batch_max
            held_max = batch_max * HELD_BATCHES
            octets = octets_of if self.app.from_strangers else values_octets
            lane = Lane(tp, batch_max, held_max, self.app.pace, time.monotonic, self._share, octets)
            self.lanes[tp] = lane
            lane.on_release = self._serve
            self._reading().add(tp, offset)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, this partition can't be served: the worker leaves
            self.app.fail(error)
        finally:
            self._opening.pop(tp, None)

    def _share(self) -> int:
        return share_of(self.app.held_octets, len(self.lanes))

    def _reading(self) -> Reader:
        if self.reader is None:
            self.reader = Reader(
                self.app.connection,
                f"{self.app.conf.id}-reader",
                self.app.isolation,
                asyncio.get_running_loop(),
                self._on_records,
                self._on_read_error,
                self.app.from_strangers,
            )
            self.reader.start()
        return self.reader

    def _on_records(self, generation: int, records: Mapping[Partition, list[Record]]) -> None:
        if generation != self._reading().generation:
            return
        for tp, arrived in records.items():
            lane = self.lanes.get(tp)
            if lane is not None:
                lane.feed(arrived)
                self._serve(lane)

    def _on_read_error(self, tp: Partition | None, error: KafkaError) -> None:
        if tp is not None and error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
            if self.app.skip_truncated:
                log.error("%s/%d: records were lost to retention; on with the oldest left", tp.topic, tp.partition)
                self._reading().begin_again(tp)
                return
            self.app.fail(
                LogTruncated(
                    f"{tp.topic}/{tp.partition}: the offset to go on at is not retained any more ({error.str()}). "
                    "Records that were never read are gone: raise the topic's retention.ms. To go on with what is "
                    "left, start once with SIDESTEP_SKIP_TRUNCATED=true."
                )
            )
        else:
            self.app.on_broker_error(error)

    # -- handing over --------------------------------------------------------------------------------------------------

    def _serve(self, lane: Lane) -> None:
        """Do what the lane says."""
        if self.lanes.get(lane.tp) is not lane:  # the partition went elsewhere meanwhile
            return
        step = lane.next_step(self.flow_active)
        if step.batch is not None:
            task = asyncio.ensure_future(self._hand_over(step.batch))
            self._hand_overs.add(task)
            task.add_done_callback(self._hand_overs.discard)
        if step.again_in is not None and lane.tp not in self._alarms:
            self._alarms[lane.tp] = asyncio.get_running_loop().call_later(step.again_in, self._alarm, lane)
        if step.fetch is not None:
            (self._reading().resume if step.fetch else self._reading().pause)(lane.tp)

    def _alarm(self, lane: Lane) -> None:
        del self._alarms[lane.tp]
        self._serve(lane)

    async def _hand_over(self, batch: Batch) -> None:
        last = batch.records[-1]
        _, created = last.timestamp()
        tp = TP(*batch.tp)
        value = cast(Any, batch)  # for Faust a value is octets; here it is a Batch
        message = ConsumerMessage(
            tp.topic, tp.partition, batch.end - 1, created / 1000, 0, [], None, value, None, 0, 0, tp
        )
        message.generation_id = self.app.consumer_generation_id
        await self.callback(message)

    # -- acks, commits and rebalances ----------------------------------------------------------------------------------

    def ack(self, message: Message) -> bool:
        """The batch of this message is finished."""
        if message.acked:
            return False
        message.acked = True
        self._unacked_messages.discard(message)
        batch = cast("Batch", message.value)
        batch._lane.finish(batch)
        notify(self._waiting_for_ack)
        return True

    def _filter_tps_with_pending_acks(self, topics: AbstractSet[str | TP] | None = None) -> Iterator[TP]:
        return (TP(*tp) for tp in self.lanes if topics is None or TP(*tp) in topics or tp.topic in topics)

    def _new_offset(self, tp: TP) -> int | None:
        lane = self.lanes.get(Partition(tp.topic, tp.partition))
        return lane.committable() if lane is not None else None

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Throw away what waits (it is read again by whoever gets the partition), let the batches in hand finish,
        commit."""
        if self.lanes or self._opening:
            self.stop_flow()  # Faust does so too, but later: lanes would be opened for what is being given up
        if self.reader is not None:
            self.reader.clear()
        await _cancelled([*self._opening.values(), *self._hand_overs])
        self._opening.clear()  # one that was cancelled before its first step could not do so itself
        for alarm in self._alarms.values():
            alarm.cancel()
        self._alarms.clear()
        for lane in self.lanes.values():
            lane.waiting.clear()
        # commits what is finished: the lanes are still there
        await super().on_partitions_revoked(revoked)
        self.lanes.clear()

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Faust's livelock detector looks at aiokafka's fetcher, which rests here. /readyz watches progress instead."""

    async def on_stop(self) -> None:
        """Open nothing more, leave the group cleanly, then end the reader."""
        await _cancelled(self._opening.values())
        await super().on_stop()
        if self.reader is not None:
            await asyncio.get_running_loop().run_in_executor(None, self.reader.stop)

    def held(self) -> dict[Partition, int]:
        """Octets of each assigned partition between Kafka and where they go."""
        return {tp: lane.octets for tp, lane in list(self.lanes.items())}

    def lag(self) -> dict[Partition, int]:
        """Records of each assigned partition that have not been finished."""
        if self.reader is None:
            return {}
        lags = {}
        for tp, lane in list(self.lanes.items()):
            end, finished = self.reader.end_offset(tp), lane.committable()
            done = -1 if finished is None else finished
            if lane.idle:  # nothing may have come since it was opened
                done = max(done, self.reader.read_to(tp))
            if min(end, done) >= 0:
                lags[tp] = max(0, end - done)
        return lags


async def _cancelled(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Returns when they have ended."""
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class BatchTransport(driver.Transport):
    """Faust's aiokafka transport with BatchConsumer."""

    Consumer = BatchConsumer
