"""Three nodes, three replicas: whichever is stopped, killed or frozen, verdicts go on, none is lost, none repeated."""

import time
from collections.abc import Callable

import pytest

from sidestep.topics.catalog import EVIDENCE
from tests.guarantees.harness.cluster import NODES, Cluster
from tests.guarantees.harness.drive import Drive
from tests.guarantees.harness.model import assert_guarantees
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import Traffic

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(420)]


def test_a_node_at_a_time_leaves_dies_or_freezes_under_load(cluster_system: System, cluster: Cluster) -> None:
    """A rolling restart; then the nodes that matter most die: a partition's leader, the group's coordinator, that of a
    ledger's transactions; then one freezes. Each time everything has its verdict while the node is still away."""
    system, traffic = cluster_system, Traffic(seed=41)
    workers = [system.start(role).await_ready() for role in ("screen", "decide")]
    drive = Drive(system, traffic)
    group = system.folder.name
    for number in NODES:
        blow(drive, cluster, f"stop-{number}", number, cluster.stop)
    blow(drive, cluster, "leader", cluster.leader(EVIDENCE.name, 0), cluster.kill)
    blow(drive, cluster, "group", cluster.group_coordinator(f"{group}-decide"), cluster.kill)
    blow(drive, cluster, "transactions", cluster.transaction_coordinator(f"{group}-decide-0"), cluster.kill)
    drive = Drive(system, traffic, workers)  # nobody closes the connections to a frozen node: a worker may give up
    frozen = cluster.leader(EVIDENCE.name, 1)
    cluster.freeze(frozen)
    took = drive.until_answered(120, "frozen")
    cluster.thaw(frozen)
    drive.settle(60)
    print(f"frozen: verdicts after {took:.1f} s; workers left with {[worker.exits for worker in workers]}")
    assert [worker.leave() for worker in workers] == [0, 0]
    assert_guarantees(system.connection, traffic.expected, system.feed.origins, [workers[1].data])


def blow(drive: Drive, cluster: Cluster, label: str, number: int, strike: Callable[[int], None]) -> None:
    """Strike one node, have verdicts without it, start it again, wait until all is in sync."""
    began = time.monotonic()
    strike(number)
    took = drive.until_answered(60, label)
    cluster.start(number)
    drive.until(cluster.whole, 90, f"{label}: in sync again")
    print(f"\n{label}: node {number}, verdicts after {took:.1f} s, whole after {time.monotonic() - began:.1f} s")
