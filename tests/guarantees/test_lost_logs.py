"""Where the logs have lost what a ledger needs, Decide stops and says so, instead of judging with half a memory."""

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from sidestep.topics import admin
from sidestep.topics.catalog import EVIDENCE, LEDGER_CHANGELOG
from tests.guarantees.harness.records import read
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import Traffic
from tests.guarantees.harness.workers import WorkerProcess, wait_for

pytestmark = pytest.mark.timeout(120)


def some_history(system: System, traffic: Traffic) -> tuple[WorkerProcess, WorkerProcess]:
    """A Screen worker that runs, and a Decide worker that has judged something and left."""
    screen, decide = (system.start(role).await_ready() for role in ("screen", "decide"))
    system.feed.send(traffic.plain(100))
    system.feed.flush()
    system.verdicts.await_all(traffic.expected, 30)
    assert decide.leave() == 0
    return screen, decide


def test_evidence_that_was_never_judged_and_is_gone_stops_decide(system: System) -> None:
    """Retention has passed the marker: going on behind the gap would leave intents without a verdict, silently."""
    traffic = Traffic(seed=9)
    screen, decide = some_history(system, traffic)
    before = len(read(system.connection, EVIDENCE.name))
    system.feed.send(traffic.plain(100))
    system.feed.flush()
    wait_for(lambda: len(read(system.connection, EVIDENCE.name)) >= before + 100, 20, "evidence", every=0.2)
    client = AdminClient(system.connection.librdkafka())
    ends: dict[int, int] = {}
    for message in read(system.connection, EVIDENCE.name):
        ends[message.partition()] = message.offset() + 1
    gone = [TopicPartition(EVIDENCE.name, partition, end) for partition, end in ends.items()]
    for future in client.delete_records(gone).values():
        future.result(20)
    judged_or_gone = set(traffic.expected)
    system.feed.send(traffic.plain(100))
    system.feed.flush()
    again = system.start("decide", decide.data)
    assert again.ended(30) == 3
    assert "LogTruncated" in again.said and "SIDESTEP_SKIP_TRUNCATED" in again.said
    on_purpose = system.start("decide", decide.data, skip_truncated="true").await_ready()
    system.verdicts.await_all(set(traffic.expected) - judged_or_gone, 30)
    assert on_purpose.leave() == 0
    assert screen.leave() == 0


def test_a_ledger_ahead_of_its_changelog_stops_decide(system: System) -> None:
    """A data folder of another cluster, or a broker that has lost data: the error says what to do."""
    traffic = Traffic(seed=10)
    screen, decide = some_history(system, traffic)
    client = AdminClient(system.connection.librdkafka())
    client.delete_topics([LEDGER_CHANGELOG.name], operation_timeout=20)[LEDGER_CHANGELOG.name].result(20)
    wait_for(lambda: LEDGER_CHANGELOG.name not in client.list_topics(timeout=5).topics, 20, "topic gone")
    admin.create(system.connection)
    again = system.start("decide", decide.data)
    assert again.ended(40) == 3
    assert "LedgerError" in again.said and "Remove the folder" in again.said
    assert screen.leave() == 0
