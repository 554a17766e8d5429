"""Snapshots that real workers take while traffic goes on: an audit proves from one what follows, and a worker whose
folder is empty begins with one; what was left by a worker that was killed over one is none."""

import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from sidestep.streams.audit.reading import cluster_of
from sidestep.streams.audit.run import audit
from sidestep.streams.cli import main
from sidestep.streams.errors import SnapshotNeeded
from sidestep.streams.snapshots.place import SnapshotPlace
from sidestep.streams.snapshots.record import SnapshotManifest
from sidestep.topics.catalog import EVIDENCE
from sidestep.topics.connection import Connection
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import Traffic
from tests.guarantees.harness.workers import WorkerProcess, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

EVENTS = 1500
HELD_UP_SECONDS = 2.0
"""On a machine where all else runs at the same time; `python -m tests.bench.held_up` measures it where nothing does."""


def snapshot_now(system: System, place: Path) -> None:
    """`sidestep snapshot`, until all partitions have theirs."""
    arguments = ["snapshot", "--snapshots", str(place), "--wait", "60", "--broker", str(system.connection)]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output


def newest(place: Path, connection: Connection) -> dict[int, SnapshotManifest]:
    """Of each partition of the log."""
    shelf, cluster = SnapshotPlace(str(place)), cluster_of(connection)
    refs = {number: shelf.listed(cluster, "decide", number) for number in range(EVIDENCE.partitions)}
    return {number: shelf.manifest(found[-1]) for number, found in refs.items() if found}


def delete_first_half(connection: Connection, snapshots: dict[int, SnapshotManifest]) -> None:
    """What retention will do: of each partition what its snapshot has, which is about half of it."""
    client = AdminClient(connection.librdkafka(log_level=0))
    upto = [TopicPartition(EVIDENCE.name, number, of.marker // 2 + 1) for number, of in snapshots.items()]
    for future in client.delete_records(upto).values():
        future.result(30)


def test_what_follows_a_snapshot_is_proved_and_a_fresh_worker_begins_with_one(system: System, tmp_path: Path) -> None:
    """Taken in the middle of the traffic; then the log's beginning goes, a worker is killed, a file is spoilt."""
    place, traffic = tmp_path / "place", Traffic(seed=57)
    system.start("screen").await_ready()
    decide = system.start("decide", snapshots=place).await_ready()
    system.feed.send(traffic.some(EVENTS // 2, "before"))
    system.feed.flush()
    snapshot_now(system, place)
    wait_for(lambda: EVIDENCE.partitions == len(held_seconds(decide)), 10, "the worker's figures of its snapshots")
    assert max(held_seconds(decide)) < HELD_UP_SECONDS
    system.feed.send(traffic.some(EVENTS // 2, "after"))
    system.feed.flush()
    system.verdicts.await_all(traffic.expected, 60)
    leave_the_second(system, traffic)
    taken = newest(place, system.connection)
    delete_first_half(system.connection, taken)
    with pytest.raises(SnapshotNeeded):
        audit(system.connection, processes=2)
    report = audit(system.connection, processes=2, snapshots=str(place))
    assert [] == [finding for each in report.partitions for finding in each.findings]
    assert report.right
    assert {number: of.marker + 1 for number, of in taken.items()} == {p.partition: p.begins for p in report.partitions}
    counts = [each.counts for each in report.partitions]
    assert sum(each["verdict"]["proved"] + each["verdict"]["not-kept"] for each in counts) == len(traffic.expected)
    proved = {kind: sum(each[kind]["proved"] for each in counts) for kind in ("verdict", "tally", "row", "id")}
    assert all(proved.values()), counts
    begin_anew(system, traffic, place, tmp_path)
    spoil(place, taken[1])
    with pytest.raises(SnapshotNeeded, match=r"the file rows/.*\.sst is damaged"):
        audit(system.connection, [1], snapshots=str(place))


def held_seconds(decide: WorkerProcess) -> list[float]:
    """Of each partition that it has taken a snapshot of."""
    return list(decide.metric("sidestep_snapshot_held_seconds").values())


def leave_the_second(system: System, traffic: Traffic) -> None:
    """A tally comes out when the log's time has left its second, which a quick worker needs no second for."""
    judged_by = int(time.time())
    wait_for(lambda: int(time.time()) > judged_by, 5, "the next second")
    system.feed.send(traffic.some(EVENTS // 10, "next second"))
    system.feed.flush()
    system.verdicts.await_all(traffic.expected, 60)


def begin_anew(system: System, traffic: Traffic, place: Path, tmp_path: Path) -> None:
    """A worker that is killed over a snapshot leaves none; one without a folder begins with those before it."""
    [worker] = [each for each in system.alive() if each.role == "decide"]
    assert worker.leave() == 0
    before = newest(place, system.connection)
    killed = system.start("decide", worker.data, snapshots=place, failpoint="snapshot-held").await_ready()
    asked = CliRunner().invoke(
        main, ["snapshot", "--snapshots", str(place), "--wait", "1", "--broker", str(system.connection)]
    )
    assert asked.exit_code == 1, asked.output
    wait_for(lambda: not killed.alive, 60, "the worker is killed over its snapshot")
    assert before == newest(place, system.connection)
    fresh = system.start("decide", tmp_path / "empty", snapshots=place).await_ready()
    assert fresh.said.count("begun from snapshot") == EVIDENCE.partitions
    # what was asked for is still due: it comes at any moment, and would be a sound one among those that are spoilt
    wait_for(
        lambda: all(of.taken_at > before[number].taken_at for number, of in newest(place, system.connection).items()),
        60,
        "the snapshots that were asked for before the worker was killed",
        every=0.5,
    )
    system.feed.send(traffic.some(200, "more"))
    system.feed.flush()
    system.verdicts.await_all(traffic.expected, 60)
    report = audit(system.connection, processes=2, snapshots=str(place))
    assert [] == [finding for each in report.partitions for finding in each.findings]
    assert report.right


def spoil(place: Path, manifest: SnapshotManifest) -> None:
    """One octet of each of its rows' files is another, in every snapshot of the partition."""
    for path in sorted(place.glob(f"{manifest.cluster}/decide/{manifest.partition}/*/rows/*.sst")):
        octets = bytearray(path.read_bytes())
        octets[len(octets) // 2] ^= 1
        path.write_bytes(octets)
