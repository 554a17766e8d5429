"""A consumer group as a real broker describes it."""

from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions

from sidestep.streams.local.embedded_kafka import EmbeddedKafka
from sidestep.streams.runtime.batches import Partition
from sidestep.streams.runtime.coverage import GroupState
from sidestep.streams.runtime.group import Group
from sidestep.topics.renewing import Renewing
from tests.fixture_types import MakeTopic, WaitUntil

PARTITIONS = 3


class Broker:
    """A topic with 10 records in each partition, and whoever asks about the group of the same name."""

    def __init__(self, kafka: EmbeddedKafka, topic: str):
        self.topic = topic
        self.connection = kafka.connection
        self.admin = AdminClient(kafka.connection.librdkafka())
        self.renewing = Renewing(self.connection.renewals, lambda: self.admin)
        self.group = Group(self.connection, self.renewing, topic, {topic: PARTITIONS})
        producer = Producer(kafka.connection.librdkafka())
        for number in range(PARTITIONS * 10):
            producer.produce(topic, b"x", partition=number % PARTITIONS)
        assert 0 == producer.flush(20)

    def member(self) -> Consumer:
        """Somebody who joins the group."""
        ours = {"group.id": self.topic, "auto.offset.reset": "earliest", "enable.auto.commit": False}
        consumer = Consumer(self.connection.librdkafka(**ours))
        consumer.subscribe([self.topic])
        return consumer

    def stable(self) -> GroupState | None:
        """The group's state, when it is stable."""
        state = self.group.state()
        return state if state.stable else None

    def all(self, count: int = PARTITIONS) -> frozenset[Partition]:
        """The topic's partitions."""
        return frozenset(Partition(self.topic, number) for number in range(count))


@pytest.fixture
def broker(kafka: EmbeddedKafka, make_topic: MakeTopic) -> Iterator[Broker]:
    """A topic of its own for each test."""
    yield Broker(kafka, make_topic(partitions=PARTITIONS))


def test_a_group_without_members_has_nothing_and_is_not_stable(broker: Broker) -> None:
    """One that Kafka has never heard of, too."""
    state = broker.group.state()
    assert (False, frozenset(), frozenset()) == (state.stable, state.members, state.owned)


def test_what_the_members_have_is_told_when_all_have_it(broker: Broker, wait_until: WaitUntil) -> None:
    """The group is stable, and its partitions together are the topic's."""
    member = broker.member()
    wait_until(lambda: member.poll(0.1) is not None, 20)
    state = wait_until(broker.stable, 20)
    assert (1, broker.all()) == (len(state.members), state.owned)
    member.close()


def test_the_lag_of_every_partition_is_told_whoever_has_it(broker: Broker) -> None:
    """Nobody does here: what has been committed counts as handled, where nothing has been, everything waits."""
    assert dict.fromkeys(broker.all(), 10) == broker.group.lags()
    member = broker.member()
    member.commit(offsets=[TopicPartition(broker.topic, 0, 4), TopicPartition(broker.topic, 1, 10)], asynchronous=False)
    member.close()
    by_number = {tp.partition: lag for tp, lag in broker.group.lags().items()}
    assert {0: 6, 1: 0, 2: 10} == by_number


def test_partitions_become_more_and_never_fewer(broker: Broker, wait_until: WaitUntil) -> None:
    """New ones are looked for, and metadata that lacks a topic takes none away: it is the group's to have them."""
    assert broker.all() == broker.group.partitions()
    broker.admin.create_partitions([NewPartitions(broker.topic, PARTITIONS + 1)])[broker.topic].result(20)
    wait_until(lambda: broker.group.partitions() == broker.all(PARTITIONS + 1), 20)
    lacking = Group(broker.connection, broker.renewing, broker.topic, {broker.topic: PARTITIONS, "never-created": 2})
    gone = {Partition("never-created", 0), Partition("never-created", 1)}
    assert broker.all(PARTITIONS + 1) | gone == lacking.partitions()
    assert broker.topic in {tp.topic for tp in lacking.lags()}
