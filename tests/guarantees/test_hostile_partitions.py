"""One worker with two dozen partitions of feedback, half of them full of messages that take as long to read as any."""

import json

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, Producer
from confluent_kafka.admin import AdminClient, NewPartitions

from sidestep.topics.catalog import BOUNCES, ENGAGEMENT
from tests.guarantees.harness.attacks import hundred_bounces
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import GOOD
from tests.guarantees.harness.workers import WorkerProcess, wait_for

HEARD = "sidestep_feedback_total"
ASSIGNED = "  assigned  "
"""In the worker's log after each rebalance."""
PARTITIONS = 12
RECORDS = 40
"""Hostile ones of a partition: half a second of reading, and much more is one batch."""


class Group:
    """Screen's group, as Kafka sees it."""

    def __init__(self, system: System):
        self._client = AdminClient(system.connection.librdkafka(log_level=0))
        self._group = f"{system.folder.name}-screen"

    def committed(self) -> list[int]:
        """The offset of each partition of email-bounces, all at one moment; 0 where there is none."""
        asked = ConsumerGroupTopicPartitions(self._group)
        found = self._client.list_consumer_group_offsets([asked])[self._group].result(10).topic_partitions
        offsets = {each.partition: max(each.offset, 0) for each in found or [] if each.topic == BOUNCES.name}
        return [offsets.get(number, 0) for number in range(PARTITIONS)]


@pytest.fixture
def wide(system: System) -> System:
    """Two topics of feedback with a dozen partitions each."""
    client = AdminClient(system.connection.librdkafka(log_level=0))
    wanted = [NewPartitions(topic.name, PARTITIONS) for topic in (BOUNCES, ENGAGEMENT)]
    for future in client.create_partitions(wanted).values():
        future.result(30)
    return system


def _attack(system: System) -> None:
    """Every partition of one topic is filled, and then each of the other one's has an honest opened mail."""
    producer = Producer(system.connection.librdkafka(log_level=0))
    for number in range(RECORDS):
        for partition in range(PARTITIONS):
            producer.produce(BOUNCES.name, hundred_bounces(number * 100), partition=partition)
    assert producer.flush(60) == 0
    for partition in range(PARTITIONS):
        opened = {"recipient": f"honest{partition}@{GOOD[0]}", "kind": "opened", "service": "shop"}
        producer.produce(ENGAGEMENT.name, json.dumps(opened).encode(), partition=partition)
    assert producer.flush(60) == 0


@pytest.mark.timeout(180)
def test_hostile_partitions_have_turns(wide: System) -> None:
    """Each of them is committed as it is read, none waits for another one's end, and honest feedback waits for none of
    them. The worker keeps its partitions all the while."""
    worker = wide.start("screen", commit_interval=0.2).await_ready()
    wait_for(worker.has_all, 30, "it has all partitions", every=0.5)
    group = Group(wide)
    _attack(wide)
    wait_for(lambda: min(group.committed()) > 0, 90, "each hostile partition is begun with", why=lambda: worker.said)
    assert max(group.committed()) < RECORDS
    wait_for(lambda: _opened(worker) == PARTITIONS, 90, "honest feedback is read", why=lambda: worker.said)
    assert sum(group.committed()) < RECORDS * PARTITIONS
    wait_for(lambda: set(group.committed()) == {RECORDS}, 120, "all of it is read", why=lambda: worker.said)
    assert worker.said.count(ASSIGNED) == 1
    assert worker.leave() == 0


def _opened(worker: WorkerProcess) -> float:
    return sum(value for labels, value in worker.metric(HEARD).items() if 'event="opened"' in labels)
