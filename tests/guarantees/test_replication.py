"""Topics get fewer replicas and more, on three nodes: what was written is there when the node that had it has died."""

import pytest
from click.testing import CliRunner
from confluent_kafka import Consumer, TopicPartition

from sidestep.schemas import EmailIntent
from sidestep.streams.cli import main
from sidestep.streams.runtime.to_the_end import read_to_end
from sidestep.topics import Publisher, admin
from sidestep.topics.catalog import CATALOG, INTENTS
from tests.guarantees.harness.cluster import Cluster

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
MANY, GROUP = 200, "readers"


def test_a_node_dies_after_the_copies_were_made(cluster: Cluster) -> None:
    """min.insync.replicas goes with them, down before they go and up when they are there; what a group has handled is
    copied, too, where it is asked for."""
    reader = Consumer(cluster.connection.librdkafka(**{"group.id": GROUP}))
    reader.commit(offsets=[TopicPartition(INTENTS.name, 0, 7)], asynchronous=False)
    lowered = replicate(cluster, 1)
    assert {(1, 1)} == replication(cluster)
    with Publisher(cluster.connection) as publisher:
        for number in range(MANY):
            publisher.intent(EmailIntent(id=f"r-{number}", to=f"{number}@example.com", service="shop"))
    raised = replicate(cluster, 3)
    assert {(3, 2)} == replication(cluster)
    cluster.kill(cluster.group_coordinator(GROUP))
    assert MANY == len(list(read_to_end(cluster.connection, INTENTS.name, range(INTENTS.partitions), "test")))
    assert [7] == [place.offset for place in reader.committed([TopicPartition(INTENTS.name, 0)], timeout=60)]
    reader.close()
    assert f"{len(CATALOG) + 1} topics have 1 copies" in lowered
    assert f"{len(CATALOG) + 1} topics have 3 copies" in raised


def replicate(cluster: Cluster, copies: int) -> str:
    """What the command says last."""
    asked = ["topics", "grow", "--broker", str(cluster.connection), "--replication", str(copies), "--internal"]
    result = CliRunner().invoke(main, asked)
    assert 0 == result.exit_code, result.output
    return result.output.splitlines()[-1]


def replication(cluster: Cluster) -> set[tuple[int, int]]:
    """Replicas and min.insync.replicas of the catalog's topics."""
    return {(state.replication, state.in_sync) for state in admin.states(cluster.connection)}
