"""Topics get fewer replicas and more, on three nodes: what was written is there when the node that had it has died."""

import pytest
from click.testing import CliRunner
from confluent_kafka import Consumer, KafkaException, TopicPartition

from sidestep.schemas import EmailIntent
from sidestep.streams.cli import main
from sidestep.streams.runtime.to_the_end import read_to_end
from sidestep.topics import Publisher, admin
from sidestep.topics.catalog import CATALOG, INTENTS
from sidestep.topics.connection import Connection
from tests.guarantees.harness.cluster import Cluster
from tests.guarantees.harness.workers import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
MANY, GROUP = 200, "readers"


def test_a_node_dies_after_the_copies_were_made(cluster: Cluster) -> None:
    """min.insync.replicas goes with them, down before they go and up when they are there; what a group has handled is
    copied, too, where it is asked for."""
    reader = Consumer(cluster.connection.librdkafka(log_level=0, **{"group.id": GROUP}))
    wait_for(lambda: commits(reader, TopicPartition(INTENTS.name, 0, 7)), 60, "a coordinator for the group", every=0.3)
    lowered = replicate(cluster, 1)
    await_replication(cluster, 1, 1)
    with Publisher(cluster.connection) as publisher:
        for number in range(MANY):
            publisher.intent(EmailIntent(id=f"r-{number}", to=f"{number}@example.com", service="shop"))
    raised = replicate(cluster, 3)
    await_replication(cluster, 3, 2)
    dead = cluster.group_coordinator(GROUP)
    cluster.kill(dead)
    partitions = range(INTENTS.partitions)
    wait_for(lambda: all(cluster.leader(INTENTS.name, each) not in (dead, -1) for each in partitions), 60, "leaders")
    assert MANY == len(list(read_to_end(cluster.connection, INTENTS.name, partitions, "test")))
    wait_for(lambda: handled(reader, TopicPartition(INTENTS.name, 0)) == 7, 60, "what the group has handled", every=0.3)
    reader.close()
    assert f"{len(CATALOG) + 1} topics have 1 copies" in lowered
    assert f"{len(CATALOG) + 1} topics have 3 copies" in raised


def commits(reader: Consumer, place: TopicPartition) -> bool:
    """Whether the group has a coordinator already: Kafka makes the topic of offsets at the first question for one."""
    try:
        reader.commit(offsets=[place], asynchronous=False)
    except KafkaException:
        return False
    return True


def handled(reader: Consumer, place: TopicPartition) -> int:
    """Where the group goes on; -1 while nobody can say."""
    try:
        return int(reader.committed([place], timeout=10)[0].offset)
    except KafkaException:
        return -1


def replicate(cluster: Cluster, copies: int) -> str:
    """What the command says last."""
    asked = ["topics", "grow", "--broker", str(cluster.connection), "--replication", str(copies), "--internal"]
    result = CliRunner().invoke(main, asked)
    assert 0 == result.exit_code, result.output
    return result.output.splitlines()[-1]


def await_replication(cluster: Cluster, copies: int, in_sync: int) -> None:
    """Each node knows of so many replicas and min.insync.replicas of all topics: they learn one after the other."""
    nodes = [Connection(node.address) for node in cluster.nodes.values()]
    wait_for(
        lambda: all(
            (copies, in_sync) == (state.replication, state.in_sync) for node in nodes for state in admin.states(node)
        ),
        60,
        f"{copies} copies of all topics",
        every=0.3,
    )
