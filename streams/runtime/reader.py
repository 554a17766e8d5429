"""Fetches with librdkafka what Faust was assigned.

Why not aiokafka's fetcher: a header name that is not UTF-8 raises inside it, for ever; its records cost more; and it
parses under the interpreter's lock what librdkafka parses beside it. aiokafka still joins the group and commits.
"""

import asyncio
import logging
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from sidestep.streams.runtime.batch_head import pass_over
from sidestep.streams.runtime.batches import Partition
from sidestep.streams.runtime.cut_record import LARGEST_PART, Handed, cut
from sidestep.streams.runtime.fetching import Isolation, consumer_settings
from sidestep.streams.runtime.kafka import Fetched, fetched
from sidestep.streams.runtime.record import Record
from sidestep.streams.runtime.scout import Errand, Scout
from sidestep.topics.connection import Connection
from sidestep.topics.errors import CredentialsError
from sidestep.topics.renewing import Renewing
from sidestep.topics.stranded import close_aside

log = logging.getLogger(__name__)

POLL_SECONDS = 0.05
MEASURE_SECONDS = 1.0
"""Between looks at where the partitions end, for the lag."""
MESSAGES_A_TURN = 4000
"""Records that are handed over at once, at most."""
FEW_MESSAGES = 16
"""Taken from librdkafka at a time where strangers write: it makes a record of each header, seven megabytes of one that
has a hundred thousand, which is the most that it reads."""
TURN_OCTETS = 4 * 1024 * 1024
"""… and handed over at once there."""

Deliver = Callable[[int, Mapping[Partition, list[Record]]], None]
Fail = Callable[[Partition | None, KafkaError], None]


class Reader(threading.Thread):
    """A thread that reads the partitions it is told to and hands records to the loop, grouped by partition.

    `deliver(generation, records)` and `fail(partition, error)` are called on the loop. What to read is said by
    commands that the thread carries out between two reads, so that each record belongs to exactly one generation:
    whoever takes records throws away those of a generation before the last `clear`. No other thread may touch the
    Consumer: confluent-kafka makes a second caller wait for the first with the interpreter's lock in its hands.
    """

    def __init__(
        self,
        connection: Connection,
        name: str,
        isolation: Isolation,
        loop: asyncio.AbstractEventLoop,
        deliver: Deliver,
        fail: Fail,
        from_strangers: bool = False,
    ):
        """`from_strangers`: services write what it reads, so that answers are small and records that are too large are
        cut; otherwise stages do, and read all of it."""
        super().__init__(name="reader", daemon=True)
        self._connection, self._loop = connection, loop
        self._deliver = deliver
        self._fail = fail
        self._from_strangers = from_strangers

        def new() -> Consumer:
            return Consumer(
                consumer_settings(connection, name, isolation, from_strangers) | {"error_cb": self._on_error}
            )

        self._consumers = Renewing(connection.renewals, new)
        self._starts: dict[tuple[str, int], int] = {}
        self._resting: set[Partition] = set()
        self._paused: set[Partition] = set()
        """As `pause` and `resume` say; `_resting`: as they have been carried out."""
        self._scout: Scout | None = None
        self._commands: deque[Callable[[], None]] = deque()
        self._stopping = False
        self._reading = 0
        self._ends: dict[Partition, int] = {}
        self._read_to: dict[Partition, int] = {}
        self.generation = 0

    def clear(self) -> None:
        """Read nothing any more. What is on its way belongs to the generation before."""
        self.generation += 1
        generation = self.generation
        self._paused.clear()

        def carry_out() -> None:
            # librdkafka remembers a pause beyond the assignment: a partition that comes back would rest for ever
            self._consumer.resume(self._consumer.assignment())
            self._consumer.unassign()
            self._starts.clear()
            self._resting.clear()
            self._reading = generation

        self._commands.append(carry_out)

    def add(self, tp: Partition, offset: int | None) -> None:
        """Read `tp` from `offset` on; None: from its beginning. Where strangers write, what lies there is looked
        through before."""
        self._read_to.pop(tp, None)
        generation = self.generation
        if self._from_strangers:
            self._looking_through().send(
                Errand(
                    tp,
                    offset,
                    wanted=lambda: self.generation == generation and not self._stopping,
                    rests=lambda: tp in self._paused,
                    deliver=lambda records: self._deliver(generation, {tp: records}),
                    go_on=lambda behind: self._assign(tp, behind, generation),
                )
            )
        else:
            self._assign(tp, offset, generation)

    def _assign(self, tp: Partition, offset: int | None, generation: int) -> None:
        start = TopicPartition(tp.topic, tp.partition, OFFSET_BEGINNING if offset is None else offset)

        def carry_out() -> None:
            if generation != self._reading:  # it was looked through meanwhile, and went elsewhere
                return
            # a partition that is still assigned would go on where it was, whatever the offset
            if any((old.topic, old.partition) == tp for old in self._consumer.assignment()):
                self._consumer.incremental_unassign([start])
            self._consumer.incremental_assign([start])
            self._starts[start.topic, start.partition] = start.offset
            if tp in self._resting:
                self._consumer.pause([start])

        self._commands.append(carry_out)

    def _looking_through(self) -> Scout:
        if self._scout is None:
            self._scout = Scout(self._connection, self._loop)
            self._scout.start()
        return self._scout

    def begin_again(self, tp: Partition) -> None:
        """Read `tp` from its beginning: the offset to go on at is gone."""
        self.add(tp, None)

    def pause(self, tp: Partition) -> None:
        """Fetch no more of `tp` for now; what has been handed over stays with whoever took it."""

        def carry_out() -> None:
            self._resting.add(tp)
            if tp in self._starts:
                self._consumer.pause([TopicPartition(tp.topic, tp.partition)])

        self._paused.add(tp)
        self._commands.append(carry_out)

    def resume(self, tp: Partition) -> None:
        """Go on with `tp` behind the last record handed over."""

        def carry_out() -> None:
            self._resting.discard(tp)
            if tp in self._starts:
                self._consumer.resume([TopicPartition(tp.topic, tp.partition)])

        self._paused.discard(tp)
        self._commands.append(carry_out)

    def end_offset(self, tp: Partition) -> int:
        """The partition's end as of the last second; -1: not known."""
        return self._ends.get(tp, -1)

    def read_to(self, tp: Partition) -> int:
        """Every record below this offset has been handed over, the last time that the end was reached; -1: not known.
        Behind the last record there may be what is none: the end of a transaction."""
        return self._read_to.get(tp, -1)

    def run(self) -> None:
        """Wait for one record, then take whatever else has arrived."""
        measured = time.monotonic()
        while not self._stopping:
            while self._commands:
                self._carry_out(self._commands.popleft())
            self._carry_out(self._renew)
            first = self._consumer.poll(POLL_SECONDS)
            if first is not None:
                self._hand_over(first)
            if time.monotonic() - measured >= MEASURE_SECONDS:
                measured = time.monotonic()
                self._ends = self._measure()
        self._consumer.close()

    @property
    def _consumer(self) -> Consumer:
        return self._consumers.client

    def _renew(self) -> None:
        """Where certificates or secrets have changed, or this consumer has let go of all brokers: on with another one,
        each partition behind the last record that was handed over."""
        self._consumers.renew(self._hand_on, self._hand_on, next(iter(self._starts), (None,))[0])

    def _hand_on(self, old: Consumer) -> None:
        positions = old.position(old.assignment())
        for each in positions:
            if each.offset < 0:  # nothing has come yet
                each.offset = self._starts[each.topic, each.partition]
        self._consumer.assign(positions)
        self._consumer.pause([TopicPartition(*tp) for tp in self._resting])
        close_aside(old)

    def _measure(self) -> dict[Partition, int]:
        ends = {}
        for assigned in self._consumer.assignment():
            try:
                _, ends[Partition(assigned.topic, assigned.partition)] = self._consumer.get_watermark_offsets(
                    assigned, cached=True
                )
            except KafkaException as error:
                log.debug("end of %s/%d: %s", assigned.topic, assigned.partition, error)
        return ends

    def stop(self) -> None:
        """End the thread; returns when it has ended."""
        self._stopping = True
        if self._scout is not None:
            self._scout.stop()
        if self.is_alive():
            self.join(10)

    def _carry_out(self, command: Callable[[], None]) -> None:
        try:
            command()
        except (KafkaException, CredentialsError) as error:
            # a pause or resume of what has just been unassigned; anything else shows as an error of its partition
            log.debug("reader command: %s", error)

    def _hand_over(self, first: Message) -> None:
        """A record, and with it what else has arrived."""
        records: dict[tuple[str, int], list[Record]] = defaultdict(list)
        octets = 0
        for messages in self._portions(first):
            arrived, more = self._whole(messages)
            for record in arrived:
                records[record.topic(), record.partition()].append(record)
            octets += more
            if octets >= TURN_OCTETS:
                break
        if records:
            self._call(self._deliver, self._reading, {Partition(*tp): batch for tp, batch in records.items()})

    def _portions(self, first: Message) -> Iterator[list[Fetched]]:
        """A record, and what else has arrived, as much at a time as memory takes. One of many megabytes comes alone: it
        is copied with the interpreter's lock in hand."""
        yield fetched([first])
        if len(first) > LARGEST_PART:
            return
        portion, left = FEW_MESSAGES if self._from_strangers else MESSAGES_A_TURN, MESSAGES_A_TURN - 1
        while left > 0:
            messages = fetched(self._consumer.consume(min(portion, left), 0))
            yield messages
            left -= len(messages)
            if len(messages) < portion:  # that was all
                return

    def _whole(self, messages: list[Fetched]) -> Handed:
        """The records among them, where strangers write cut and counted; errors are told."""
        arrived, failed = list[Record](), list[Fetched]()
        for message in messages:
            error = message.error()
            if error is None:
                arrived.append(message)
            else:
                failed.append(message)
                self._report(message, error)
        if not self._from_strangers:
            return Handed(arrived, 0)
        return cut([*arrived, *pass_over(self._connection, self._consumer, failed)] if failed else arrived)

    def _report(self, message: Fetched, error: KafkaError) -> None:
        tp = Partition(message.topic(), message.partition()) if message.topic() else None
        if tp is not None and error.code() == KafkaError._PARTITION_EOF:
            self._call(self._read_to.__setitem__, tp, message.offset())
        else:
            self._call(self._fail, tp, error)

    def _on_error(self, error: KafkaError) -> None:
        self._call(self._fail, None, error)

    def _call(self, function: Callable[..., None], *arguments: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:  # the loop has closed: the worker is leaving, what was read is read again
            self._stopping = True
