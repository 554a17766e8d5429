"""Reading any topic of the catalog: what a dashboard written in Python imports. For verdicts alone: verdicts.py.

With a group, reading resumes where the group left off: at least once. A record counts as handled when the next one is
asked for, or the block is left without an exception; so after a crash the last ones (a second's worth) come again, and
`service` and `id` of a verdict tell. Without a group every reader sees everything and nothing is remembered.
Only committed transactions are read.

A value that can't be read is handed out as Unreadable, in its place: nothing is lost silently, and one broken record
does not stop a reader. With `verify=VerdictKeys("verdict-keys.toml")` what nobody can prove to be Decide's verdict is
handed out as Unproved, which is an Unreadable, and counted in `refused` (docs/signing.md).
"""

import contextlib
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Self

from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from sidestep.schemas.verdicts import Verdict
from sidestep.topics.beginnings import Last, Since, Start
from sidestep.topics.catalog import BY_NAME
from sidestep.topics.cluster import DEADLINE, QUIET, reason, require
from sidestep.topics.connection import Connection
from sidestep.topics.errors import BrokerUnreachable
from sidestep.topics.handled import Handled
from sidestep.topics.headers import readable_headers
from sidestep.topics.read_errors import NO_LEADER, passing
from sidestep.topics.received import Received, octets_of, received
from sidestep.topics.renewing import CERTIFICATES, STRANDED
from sidestep.topics.stranded import Stranded, close_aside
from sidestep.topics.verdict_check import VerdictCheck
from sidestep.topics.verdict_keys import VerdictKeys

CONFIG: dict[str, Any] = {
    "isolation.level": "read_committed",
    "enable.auto.offset.store": False,  # stored once handled; librdkafka commits what is stored
    "auto.commit.interval.ms": 1000,
    "auto.offset.reset": "error",  # records that retention took away are an error, not a silent jump
    "fetch.wait.max.ms": 50,
    "session.timeout.ms": 10_000,
    "heartbeat.interval.ms": 3_000,
    **QUIET,
}


class Subscription:
    """Records of some topics. Not for several threads at once. A text for the connection is bootstrap servers in plain
    text; `kafka_config` are more of librdkafka's settings, such as fetch.wait.max.ms, which win over those here.

    `start` says where a reader begins that has nothing to resume from: a group begins at the earliest record unless
    told otherwise, a reader without a group at the latest, that is, with what is published from now on; or with the
    Last so many offsets, or with what is there Since a time. Raises BrokerUnreachable and TopicsError, and later
    LogTruncated if retention was quicker than the group.

    `verify`: whose verdicts are taken; for topics of verdicts alone. CredentialsError is raised where the file of the
    keys can't be used, also later.
    """

    def __init__(
        self,
        connection: Connection | str,
        topics: Sequence[str],
        group: str | None = None,
        start: Start | None = None,
        verify: VerdictKeys | None = None,
        **kafka_config: Any,
    ):
        self._check = VerdictCheck(verify) if verify is not None else None
        if self._check is not None and (others := [name for name in topics if not _has_verdicts(name)]):
            raise ValueError(f"verify is for topics of verdicts, which {others[0]} is not")
        if start == "resume" and group is None:
            raise ValueError("start='resume' needs a group to resume")
        self._group = group
        self._past = start if isinstance(start, Last | Since) else None
        at_end = start == "latest" or (start is None and group is None) or self._past is not None
        self._start = OFFSET_END if at_end else OFFSET_BEGINNING
        self._ended: set[tuple[str | None, int | None]] = set()
        self._handed_out: list[Message] = []
        self._begins: list[TopicPartition] = []
        self._done = Handled()
        self._connection = Connection.of(connection)
        self._topics = list(topics)
        self._credentials = self._connection.renewals.stamp()
        self._stranded = Stranded(self._connection.renewals.answers)
        self._settings = {
            "group.id": group or f"sidestep-reader-{uuid.uuid4().hex}",
            "enable.auto.commit": group is not None,
            "enable.partition.eof": self._past is not None,
            **CONFIG,
            **kafka_config,
        }
        self._consumer = Consumer(self._connection.librdkafka(**self._settings))
        try:
            self._open()
        except BaseException:
            self._consumer.close()
            raise

    def poll(self, timeout: float) -> Received | None:
        """The next record, or None after `timeout` seconds. Those handed out before count as handled."""
        records = self.batch(1, timeout)
        return records[0] if records else None

    def batch(self, most: int, timeout: float) -> list[Received]:
        """Up to `most` records, what has arrived; empty after `timeout` seconds. Those before count as handled."""
        if self._check is not None:
            self._check.renew()
        self.handled()
        self._renew()
        deadline = time.monotonic() + timeout
        first = self._consumer.poll(timeout)
        while first is not None and self._passed_over(first):
            first = self._consumer.poll(max(deadline - time.monotonic(), 0))
        if first is None:
            return []
        rest = self._consumer.consume(most - 1, 0) if most > 1 else []
        self._handed_out = [first, *(message for message in rest if not self._passed_over(message))]
        return [self._received(message) for message in self._handed_out]

    def _passed_over(self, message: Message) -> bool:
        """Trouble that passes, the end of a partition, or a record from before where reading begins."""
        error = message.error()
        if error is not None and error.code() == KafkaError._PARTITION_EOF:
            self._ended.add((message.topic(), message.partition()))
            return True
        if passing(error):
            return True
        check = self._check
        if check is None or not check.is_before(message.topic(), message.partition(), message.offset()):
            return False
        check.look_back(received(message), octets_of(message.value()), readable_headers(message))
        return True

    def _received(self, message: Message) -> Received:
        record = received(message)
        if self._check is None:
            return record
        return self._check.checked(record, octets_of(message.value()), readable_headers(message))

    @property
    def refused(self) -> Counter[str]:
        """What was handed out as Unproved, by the reason's code; empty without `verify`."""
        return self._check.refused.copy() if self._check is not None else Counter()

    @property
    def caught_up(self) -> bool:
        """Of a reader without a group that begins in the past: whether it has been at the end of each partition."""
        return len(self._ended) >= len(self._begins)

    def handled(self) -> None:
        """What was handed out is done with and need not come again. The next poll or batch says so as well."""
        if self._group is not None and self._handed_out:
            # a partition that was given away meanwhile: its new owner reads them again
            after = self._after(self._handed_out)
            self._done.note(after)
            with contextlib.suppress(KafkaException):
                self._consumer.store_offsets(offsets=after)
        self._handed_out = []

    def let_go(self, first: int) -> None:
        """Of what was handed out last only the `first` so many will count as handled; the others come again to whoever
        reads next in the group."""
        del self._handed_out[first:]

    def close(self) -> None:
        """Leaves the group and commits what was handled. What was handed out last counts only after handled()."""
        self._consumer.close()

    def __iter__(self) -> Iterator[Received]:
        while True:
            if (record := self.poll(1.0)) is not None:
                yield record

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.handled()
        self.close()

    def _after(self, messages: Sequence[Message]) -> list[TopicPartition]:
        """Where each partition goes on behind these; beside it, in the group, how far its verdicts have come."""
        ends: dict[tuple[str, int], int] = {}
        for message in messages:
            ends[(message.topic() or "", message.partition() or 0)] = (message.offset() or 0) + 1
        if self._check is None:
            return [TopicPartition(*place, offset) for place, offset in ends.items()]
        return [TopicPartition(*place, offset, self._check.note(*place)) for place, offset in ends.items()]

    def _renew(self) -> None:
        """Where certificates or secrets have changed, or this consumer has let go of all brokers: on with another one,
        behind what was handled."""
        stamp = self._connection.renewals.stamp()
        stranded = self._stranded.look(self._consumer, self._topics[0])
        if stamp == self._credentials and not stranded:
            return
        old, self._consumer = self._consumer, Consumer(self._connection.librdkafka(**self._settings))
        self._credentials = stamp
        self._connection.renewals.count(STRANDED if stranded else CERTIFICATES)
        if self._group is None:
            self._consumer.assign(self._positions(old))
        if stranded:
            close_aside(old)
        else:
            old.close()  # it commits what was handled, before the group is joined anew
        self._done.next_consumer()
        if self._group is not None:
            self._consumer.subscribe(self._topics, on_assign=self._assign)

    def _positions(self, consumer: Consumer) -> list[TopicPartition]:
        """Where each partition goes on; one of which nothing has come yet, where it was to begin."""
        begins = {(each.topic, each.partition): each for each in self._begins}
        found = consumer.position(consumer.assignment())
        return [each if each.offset >= 0 else begins[each.topic, each.partition] for each in found]

    def _open(self) -> None:
        topics = self._topics
        found = require(self._consumer, self._connection, topics)
        if self._group is not None:
            self._consumer.subscribe(topics, on_assign=self._assign)
            return
        partitions = [TopicPartition(name, p, self._start) for name in topics for p in found[name].partitions]
        self._begins = [self._looked_back(self._fixed(p)) for p in partitions]
        self._consumer.assign(self._begins)

    def _assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Where the group left off; a partition that it never read begins at `start`."""
        known = self._done.begin(consumer.committed(partitions, timeout=DEADLINE))
        for partition in known:
            if partition.error:
                raise KafkaException(partition.error)
            if partition.offset < 0:
                partition.offset = self._start
            if self._check is not None:
                self._check.resume(partition.topic, partition.partition, partition.metadata)
        begins = [self._fixed(partition) for partition in known]
        self._done.note(TopicPartition(p.topic, p.partition, p.offset, p.metadata or "") for p in begins)
        consumer.assign([self._looked_back(partition) for partition in begins])

    def _fixed(self, partition: TopicPartition) -> TopicPartition:
        """Fixes "latest", and what is past, to an offset at once: what is published from now on will be read."""
        if partition.offset == OFFSET_END:
            first, end = self._ends_of(partition)
            partition.offset = end
            if isinstance(self._past, Last):
                partition.offset = max(first, end - self._past.offsets)
            elif self._past is not None:
                partition.offset = self._first_since(partition, self._past.ms, end)
        return partition

    def _looked_back(self, partition: TopicPartition) -> TopicPartition:
        """With keys, some before are looked at first."""
        if self._check is not None and partition.offset > 0:
            first = self._ends_of(partition)[0]
            partition.offset = self._check.begin(partition.topic, partition.partition, partition.offset, first)
        return partition

    def _first_since(self, partition: TopicPartition, ms: int, end: int) -> int:
        """The offset of the first record that is so young; `end` where none is."""
        asked = TopicPartition(partition.topic, partition.partition, max(ms, 0))
        try:
            (found,) = self._consumer.offsets_for_times([asked], timeout=DEADLINE)
        except KafkaException as error:
            raise BrokerUnreachable(f"{partition.topic} can't be read: {reason(error.args[0])}") from None
        return end if found.offset < 0 else found.offset

    def _ends_of(self, partition: TopicPartition) -> tuple[int, int]:
        """The offset of the first record that is there, and that of the next one to come."""
        deadline = time.monotonic() + DEADLINE
        while True:
            try:
                return self._consumer.get_watermark_offsets(partition, timeout=DEADLINE)
            except KafkaException as error:
                if error.args[0].code() not in NO_LEADER or time.monotonic() > deadline:
                    raise BrokerUnreachable(f"{partition.topic} can't be read: {reason(error.args[0])}") from None
            time.sleep(0.05)


def _has_verdicts(topic: str) -> bool:
    return topic in BY_NAME and BY_NAME[topic].schema is Verdict
