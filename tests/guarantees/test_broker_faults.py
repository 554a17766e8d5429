"""The one broker dies, leaves or freezes under load, loses a log's beginning, or refuses records."""

import os
import signal
from collections.abc import Iterable

import pytest
from confluent_kafka import IsolationLevel, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, OffsetSpec

from sidestep.streams.local.embedded_kafka import EmbeddedKafka
from sidestep.topics.catalog import EVIDENCE, INTENTS, LEDGER_CHANGELOG, Topic
from tests.guarantees.harness.drive import FAILED, Drive
from tests.guarantees.harness.model import assert_guarantees
from tests.guarantees.harness.records import Key
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import Traffic
from tests.guarantees.harness.workers import WorkerProcess, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]

LITTLE = 100
"""Octets: less than any record that we write, more than the 78 of the marker that ends a transaction."""
ROLES = ("screen", "decide")
AWAY_SECONDS = 5.0
LONG_FREEZE = 70.0
"""Longer than a transaction may take, and than every wait of a worker."""


def test_a_broker_that_dies_leaves_or_freezes(own_system: System, own_kafka: EmbeddedKafka) -> None:
    """Killed and stopped, five seconds away each, frozen for five; the workers are the same afterwards. Frozen for 70,
    which a worker may give up over: whoever starts it again need do no more."""
    system, kafka, traffic = own_system, own_kafka, Traffic(seed=43)
    workers = [system.start(role).await_ready() for role in ROLES]
    drive = Drive(system, traffic)
    drive.during(2, "before")
    for label, number in (("killed", signal.SIGKILL), ("stopped", signal.SIGTERM)):
        os.kill(kafka.pid, number)
        drive.during(AWAY_SECONDS, label)
        kafka.stop()
        kafka.start()
        healed(drive, label)
    freeze(drive, kafka, AWAY_SECONDS, "frozen")
    drive = Drive(system, traffic, workers)
    freeze(drive, kafka, LONG_FREEZE, "frozen-long")
    drive.settle(60)
    print(f"\n{drive.sent} records; left and started again: {[worker.exits for worker in workers]}")
    assert [worker.leave() for worker in workers] == [0, 0]
    assert_guarantees(system.connection, traffic.expected, system.feed.origins, [workers[1].data])


def freeze(drive: Drive, kafka: EmbeddedKafka, seconds: float, label: str) -> None:
    """SIGSTOP for so long, and what comes after."""
    os.kill(kafka.pid, signal.SIGSTOP)
    drive.during(seconds, label)
    os.kill(kafka.pid, signal.SIGCONT)
    healed(drive, label)


def healed(drive: Drive, label: str) -> None:
    """Everything that was published has its verdict again."""
    print(f"\n{label}: all verdicts {drive.until_answered(90, label):.1f} s after the broker was back")


def test_records_deleted_behind_the_workers_and_before_them(system: System) -> None:
    """delete-records on both logs. What has been judged may go, and workers that start afterwards do not mind. What
    nobody has read stops its worker: it exits with 3, says what is lost, and goes on behind the gap when told so."""
    traffic = Traffic(seed=44)
    workers = [system.start(role).await_ready() for role in ROLES]
    answered(system, traffic)
    for topic in (INTENTS.name, EVIDENCE.name):
        assert delete_all(system, topic) > 0
    answered(system, traffic)
    assert [worker.leave() for worker in workers] == [0, 0]
    workers = [system.start(worker.role, worker.data).await_ready() for worker in workers]
    answered(system, traffic)
    lost: set[Key] = set()
    for worker, topic in zip(workers, (INTENTS.name, EVIDENCE.name), strict=True):
        lost |= delete_unread(system, traffic, worker, topic)
        assert worker.ended(60) == FAILED
        assert "LogTruncated" in worker.said and "SIDESTEP_SKIP_TRUNCATED" in worker.said
        system.start(worker.role, worker.data, skip_truncated="true").await_ready()
        answered(system, traffic, lost)
    assert [worker.leave() for worker in system.alive()] == [0, 0]


def more_come(system: System, traffic: Traffic, topic: str) -> None:
    """Fifty intents; returns when their records are in the topic."""
    before = end_of(system, topic)
    system.feed.send(traffic.plain(50))
    system.feed.flush()
    wait_for(lambda: end_of(system, topic) >= before + 50, 20, f"unread records in {topic}", every=0.2)


def delete_unread(system: System, traffic: Traffic, worker: WorkerProcess, topic: str) -> set[Key]:
    """While the worker is frozen records come that are deleted before it wakes up; the keys of their intents. The first
    of them may be the answer to what it asked before; the others nobody has asked for."""
    known = traffic.expected
    worker.signal(signal.SIGSTOP)
    for _ in range(2):
        more_come(system, traffic, topic)
    delete_all(system, topic)
    worker.signal(signal.SIGCONT)
    return traffic.expected - known


@pytest.mark.parametrize("role, topic", [("screen", EVIDENCE), ("decide", LEDGER_CHANGELOG)])
def test_a_topic_that_refuses_records(system: System, role: str, topic: Topic) -> None:
    """max.message.bytes of what a role writes to is set so low that no record passes: the worker exits with 3 and
    names the topic, after a handful of tries; nothing of it counts. Mended, a start is all that is needed."""
    traffic = Traffic(seed=45)
    workers = {name: system.start(name).await_ready() for name in ROLES}
    answered(system, traffic)
    judged = traffic.expected
    configure(system, topic, LITTLE)
    system.feed.send(traffic.plain(200))
    system.feed.flush()
    for _ in range(2):
        assert workers[role].ended(60) == FAILED
        assert topic.name in workers[role].reason and "Message size too large" in workers[role].reason
        workers[role].start_again()
    assert workers[role].ended(60) == FAILED
    system.verdicts.poll(1)
    assert judged == set(system.verdicts.seen)
    configure(system, topic, topic.max_message_bytes)
    workers[role].start_again()
    system.verdicts.await_all(traffic.expected, 60)
    assert [workers[name].await_ready().leave() for name in ROLES] == [0, 0]
    assert_guarantees(system.connection, traffic.expected, system.feed.origins, [workers["decide"].data])


def answered(system: System, traffic: Traffic, but: Iterable[Key] = ()) -> None:
    """More intents, and a verdict for each that there ever was, but for those in `but`."""
    system.feed.send(traffic.plain(100))
    system.feed.flush()
    system.verdicts.await_all(traffic.expected - set(but), 60)


def end_of(system: System, topic: str) -> int:
    """The last stable offsets of all partitions of a topic, added up."""
    return sum(offset for _, offset in ends_of(system, topic))


def ends_of(system: System, topic: str) -> list[tuple[int, int]]:
    """The last stable offset of each partition."""
    client = AdminClient(system.connection.librdkafka())
    places = {
        TopicPartition(topic, number): OffsetSpec.latest()
        for number in client.list_topics(topic).topics[topic].partitions
    }
    asked = client.list_offsets(places, isolation_level=IsolationLevel.READ_COMMITTED)
    return [(place.partition, future.result(20).offset) for place, future in asked.items()]


def delete_all(system: System, topic: str) -> int:
    """delete-records up to the end of each partition; how many offsets that were."""
    ends = ends_of(system, topic)
    client = AdminClient(system.connection.librdkafka())
    for future in client.delete_records([TopicPartition(topic, *end) for end in ends]).values():
        future.result(20)
    return sum(offset for _, offset in ends)


def configure(system: System, topic: Topic, octets: int) -> None:
    """Set max.message.bytes of a topic."""
    entry = ConfigEntry("max.message.bytes", str(octets), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic.name, incremental_configs=[entry])
    client = AdminClient(system.connection.librdkafka())
    client.incremental_alter_configs([resource])[resource].result(20)
