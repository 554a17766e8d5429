"""A stretch of a topic, read once: committed records alone, up to the end that the topic had at the start."""

import time
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from sidestep.topics.cluster import DEADLINE, EAGER, QUIET, admin_client, cluster, reason
from sidestep.topics.connection import Connection
from sidestep.topics.errors import BrokerUnreachable, LogTruncated, NotLetIn, ReplayError, TopicsError
from sidestep.topics.headers import UnreadableHeaders, headers_of
from sidestep.topics.read_errors import FORBIDDEN, LOST, NO_LEADER
from sidestep.topics.received import octets_of
from sidestep.topics.replay_codec import StoredRecord
from sidestep.topics.replay_rules import TopicStretch

SILENT_SECONDS = 30.0
GROUP = "sidestep-reader-replay"
"""Nobody joins it: librdkafka wants the name of a group. Whoever reads anything has the right to name it."""


class ClusterTopic(NamedTuple):
    """A topic of a cluster."""

    cluster: str
    """Id of the cluster."""
    name: str
    partitions: int


class OffsetRange(NamedTuple):
    """Offsets of one partition: `start` <= offset < `end`."""

    partition: int
    start: int
    end: int


class Unwritable(NamedTuple):
    """A record that can't be copied: Kafka's client for Python can't write names of headers that are not UTF-8."""

    partition: int
    offset: int
    key: bytes | None = None
    value: bytes | None = None


def topic_of(connection: Connection, name: str) -> ClusterTopic:
    """Raises BrokerUnreachable, and TopicsError where there is none."""
    found = cluster(admin_client(connection), connection)
    if name not in found.topics or found.topics[name].error is not None:
        raise TopicsError(
            f"there is no topic {name} at {connection}: make it first, with as many partitions as the one that it is "
            "copied from. Where Kafka has ACLs, topics are hidden from whoever has no right to them"
        )
    return ClusterTopic(str(found.cluster_id), name, len(found.topics[name].partitions))


def ranges_of(connection: Connection, topic: ClusterTopic, stretch: TopicStretch) -> list[OffsetRange]:
    """Where the stretch lies in each partition, as the topic is now. Raises ReplayError for a partition that there is
    not, LogTruncated for a first offset that is not retained any more."""
    named = stretch.partitions | stretch.first.keys() | stretch.end.keys()
    if strangers := sorted(number for number in named if not 0 <= number < topic.partitions):
        raise ReplayError(f"{topic.name} has no partition {strangers[0]}: it has {topic.partitions}, from 0 on")
    numbers = sorted(stretch.partitions) or range(topic.partitions)
    ask = _Asking(connection, topic.name, numbers)
    oldest = ask(OffsetSpec.earliest())
    ends = ask(OffsetSpec.latest())
    since = ask(OffsetSpec.for_timestamp(stretch.since)) if stretch.since is not None else oldest
    return [_range(topic.name, number, stretch, oldest[number], since[number], ends[number]) for number in numbers]


def _range(topic: str, number: int, stretch: TopicStretch, oldest: int, since: int, end: int) -> OffsetRange:
    first = stretch.first.get(number, oldest)
    if first < oldest:
        raise LogTruncated(f"{topic}/{number}/{first} is not retained any more: the oldest record there is {oldest}")
    start = max(first, since if since >= 0 else end)  # -1: nothing is so young
    return OffsetRange(number, start, max(start, min(end, stretch.end.get(number, end))))


class _Asking:
    def __init__(self, connection: Connection, topic: str, numbers: Sequence[int]):
        self._admin: AdminClient = admin_client(connection)
        self._places = [TopicPartition(topic, number) for number in numbers]

    def __call__(self, spec: OffsetSpec) -> dict[int, int]:
        """Of each partition, what Kafka says of committed records."""
        deadline = time.monotonic() + DEADLINE
        while True:
            try:
                asked = self._admin.list_offsets(
                    dict.fromkeys(self._places, spec),
                    isolation_level=IsolationLevel.READ_COMMITTED,
                    request_timeout=DEADLINE,
                )
                return {place.partition: int(found.result().offset) for place, found in asked.items()}
            except KafkaException as error:
                if error.args[0].code() not in NO_LEADER or time.monotonic() > deadline:
                    raise _explained(error.args[0], self._places[0].topic) from error
            time.sleep(0.1)  # until the partition has a leader, or the deadline


def read_stretch(
    connection: Connection,
    topic: ClusterTopic,
    ranges: Sequence[OffsetRange],
    most: int = 500,
    isolation: Literal["read_committed", "read_uncommitted"] = "read_committed",
) -> Iterator[list[StoredRecord | Unwritable]]:
    """The records of these offsets, in order within a partition, up to `most` at a time; empty: nothing has come for a
    moment. Those that were not committed only where `isolation` says so. Raises BrokerUnreachable, NotLetIn,
    LogTruncated."""
    ends = {each.partition: each.end for each in ranges if each.start < each.end}
    settings = {
        "group.id": GROUP,
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "isolation.level": isolation,
    }
    # what retention takes away meanwhile is an error, not a silent jump
    settings |= {"auto.offset.reset": "error", "fetch.wait.max.ms": 20, **EAGER, **QUIET}
    consumer = Consumer(connection.librdkafka(**settings))
    try:
        consumer.assign([TopicPartition(topic.name, each.partition, each.start) for each in ranges if each[0] in ends])
        yield from _batches(consumer, topic, ends, most)
    finally:
        consumer.close()


def _batches(
    consumer: Consumer, topic: ClusterTopic, ends: dict[int, int], most: int
) -> Iterator[list[StoredRecord | Unwritable]]:
    answered = time.monotonic()
    while ends:
        messages = consumer.consume(most, 0.1)
        if messages:
            answered = time.monotonic()
        yield [_stored(message, topic) for message in messages if _wanted(message, ends, topic.name)]
        if time.monotonic() - answered > SILENT_SECONDS:
            raise BrokerUnreachable(f"{topic.name}: no answer within {SILENT_SECONDS:.0f} s. Is Kafka up?")


def _wanted(message: Message, ends: dict[int, int], topic: str) -> bool:
    """False as well for what says that a partition is done with; that is noted in `ends`."""
    number, offset = message.partition() or 0, message.offset() or 0
    error = message.error()
    if error is not None:
        if error.code() == KafkaError._PARTITION_EOF:
            ends.pop(number, None)
        elif error.code() in (*LOST, *FORBIDDEN) or error.fatal():
            raise _explained(error, topic)
        return False
    end = ends.get(number, 0)
    if offset >= end - 1:
        ends.pop(number, None)
    return offset < end


def _stored(message: Message, topic: ClusterTopic) -> StoredRecord | Unwritable:
    partition, offset = message.partition() or 0, message.offset() or 0
    key, value = octets_of(message.key()), octets_of(message.value())
    try:
        headers = tuple(headers_of(message))
    except UnreadableHeaders:
        return Unwritable(partition, offset, key, value)
    kind, stamp = message.timestamp()
    at = stamp if kind else None  # 0: TIMESTAMP_NOT_AVAILABLE
    return StoredRecord(topic.name, partition, offset, at, key, value, headers, topic.cluster, topic.partitions)


def _explained(error: KafkaError, topic: str) -> BrokerUnreachable | LogTruncated:
    if error.code() in LOST:
        return LogTruncated(f"{topic}: records were deleted before they were read: {reason(error)}")
    if error.code() in FORBIDDEN:
        return NotLetIn(f"{topic} can't be read: {reason(error)}. It takes a principal with READ on it")
    return BrokerUnreachable(f"{topic} can't be read: {reason(error)}")
