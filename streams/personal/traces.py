"""Reads a cluster's topics for what they have of one person. Blocks."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sidestep.streams.personal.found import NOT_OF_A_PERSON, TopicTraces
from sidestep.streams.personal.kept_until import KeptTopic, kept_topic
from sidestep.streams.personal.person import Form, Person
from sidestep.topics.admin import configs_of
from sidestep.topics.catalog import BY_NAME, CATALOG
from sidestep.topics.cluster import admin_client, require
from sidestep.topics.connection import Connection
from sidestep.topics.own_topics import GENERAL, general_of
from sidestep.topics.replay_codec import StoredRecord
from sidestep.topics.replay_rules import TopicStretch
from sidestep.topics.stretch import ClusterTopic, OffsetRange, Unwritable, ranges_of, read_stretch, topic_of

MANY = 1_000

Told = Callable[[int], None]
"""Hears of records that have been read."""


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
                found.note(record, form)
                if form is not None:
                    take(record, form)
        told(len(records))
    return found
