"""What a cluster has of one person: which records of which topics, and which rows. Reads all of each topic. Blocks."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from sidestep.streams.personal.kept_until import KeptTopic, kept_topic
from sidestep.streams.personal.person import Form, Person
from sidestep.topics.admin import configs_of
from sidestep.topics.catalog import BY_NAME, CATALOG, IDS_CHANGELOG
from sidestep.topics.cluster import admin_client, require
from sidestep.topics.connection import Connection
from sidestep.topics.own_topics import GENERAL, general_of
from sidestep.topics.replay_codec import StoredRecord
from sidestep.topics.replay_rules import TopicStretch
from sidestep.topics.stretch import ClusterTopic, OffsetRange, Unwritable, ranges_of, read_stretch, topic_of

NOT_OF_A_PERSON = IDS_CHANGELOG.name
"""Hashes of ids and of what messages say: nobody is found by them who has not the very message."""
MANY = 1_000

Told = Callable[[int], None]
"""Hears of records that have been read."""


@dataclass
class TopicTraces:
    """What a topic has of a person."""

    topic: KeptTopic
    counts: dict[Form, int] = field(default_factory=lambda: {"address": 0, "hash": 0})
    oldest_ms: int = 0
    newest_ms: int = 0
    live: dict[tuple[int, bytes], bytes] = field(default_factory=dict)
    """Of a compacted topic, what counts still: by partition and key, the last value that holds the person."""

    @property
    def records(self) -> int:
        """In whatever form."""
        return sum(self.counts.values())


def kept_topics(connection: Connection) -> list[KeptTopic]:
    """The topics that may hold somebody, in the catalog's order, and those that services have to themselves. Raises
    SidestepError."""
    client = admin_client(connection)
    names = require(client, connection, [topic.name for topic in CATALOG])
    own = sorted(name for name in names if name not in BY_NAME and general_of(name) in GENERAL)
    wanted = [*(topic.name for topic in CATALOG if topic.name != NOT_OF_A_PERSON), *own]
    configs = configs_of(client, wanted)
    return [kept_topic(name, BY_NAME[general_of(name)].addresses, configs[name]) for name in wanted if name in configs]


@dataclass(frozen=True)
class Reading:
    """One topic to read, up to the end that it has now."""

    connection: Connection
    topic: KeptTopic
    where: ClusterTopic
    ranges: Sequence[OffsetRange]

    @property
    def records(self) -> int:
        """How many there are, roughly."""
        return sum(each.end - each.start for each in self.ranges)

    def batches(self) -> Iterator[list[StoredRecord | Unwritable]]:
        """All of them. Raises SidestepError."""
        return read_stretch(self.connection, self.where, self.ranges, MANY) if self.records else iter(())


def readings(connection: Connection, topics: Sequence[KeptTopic]) -> list[Reading]:
    """Of each topic. Raises SidestepError."""
    found = [(topic, topic_of(connection, topic.name)) for topic in topics]
    return [Reading(connection, topic, where, ranges_of(connection, where, TopicStretch())) for topic, where in found]


def traces(
    reading: Reading, person: Person, told: Told, take: Callable[[StoredRecord, Form], None] = lambda _r, _f: None
) -> TopicTraces:
    """What the topic has; `take` is given each record. Raises SidestepError, NotLetIn among them."""
    found, find = TopicTraces(reading.topic), person.finder()
    for records in reading.batches():
        for record in records:
            if isinstance(record, StoredRecord):
                form = find((record.key, record.value, *(value for _, value in record.headers)))
                _note(found, record, form)
                if form is not None:
                    take(record, form)
        told(len(records))
    return found


def _note(found: TopicTraces, record: StoredRecord, form: Form | None) -> None:
    place = record.partition, record.key or b""
    if form is None or record.value is None:
        found.live.pop(place, None)
    if form is None:
        return
    if found.topic.compacted and record.value is not None:
        found.live[place] = record.value
    at = record.timestamp or 0
    found.counts[form] += 1
    found.oldest_ms = min(found.oldest_ms or at, at)
    found.newest_ms = max(found.newest_ms, at)
