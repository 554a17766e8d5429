"""Partitions that somebody has changed: nobody forgets in silence what lies by them."""

import json

import pytest
from confluent_kafka.admin import AdminClient, NewPartitions

from sidestep.topics.catalog import BOUNCES, CATALOG, EVIDENCE, INTENTS
from sidestep.topics.connection import Connection
from tests.guarantees.harness.records import Input, Key
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import GOOD
from tests.guarantees.harness.workers import wait_for

SECONDS = 30.0
WORDS = "PartitionsChanged: email-evidence was begun with 4 partitions and has 12 now."

pytestmark = pytest.mark.timeout(180)


def raised(connection: Connection, *topics: str) -> None:
    """These topics have 12 partitions, as with Kafka's own tool."""
    client = AdminClient(connection.librdkafka(log_level=0))
    for future in client.create_partitions([NewPartitions(name, 12) for name in topics]).values():
        future.result(30)


def intents(label: str) -> tuple[list[Input], set[Key]]:
    """One to a person at each of the traffic's domains; and the keys of the verdicts."""
    fields = [{"id": f"{label}-{domain}", "to": f"gone@{domain}", "service": "shop"} for domain in GOOD]
    records: list[Input] = [(INTENTS.name, None, json.dumps(f).encode()) for f in fields]
    return records, {(f["service"], f["id"], 1, f["to"]) for f in fields}


def test_a_log_that_was_grown_by_hand_is_told_and_nothing_is_judged(system: System) -> None:
    """Workers at work notice and leave; none starts again, with its folder or an empty one. So no bounce is forgotten,
    and no intent has a second verdict."""
    workers = [system.start(role).await_ready() for role in ("screen", "decide", "watch")]
    records, expected = intents("before")
    system.feed.send(records)
    system.verdicts.await_all(expected, SECONDS)
    gone = [{"recipient": f"gone@{domain}", "reason": "userunknown", "service": "shop"} for domain in GOOD]
    system.feed.send((BOUNCES.name, None, json.dumps(bounce).encode()) for bounce in gone)
    system.feed.flush()
    wait_for(lambda: workers[1].lag() == 0, SECONDS, "bounces counted", every=0.5)
    raised(system.connection, EVIDENCE.name)
    assert [3, 3, 3] == [worker.ended(SECONDS) for worker in workers]
    assert all(worker.reason.startswith(WORDS) for worker in workers), [worker.reason for worker in workers]
    system.feed.send([*records, *intents("after")[0]])
    raised(system.connection, *(topic.name for topic in CATALOG if topic.partitions > 1 and topic != EVIDENCE))
    again = [*(system.start(worker.role, worker.data) for worker in workers), system.start("decide")]
    assert [3, 3, 3, 3] == [worker.ended(SECONDS) for worker in again]
    assert all(worker.reason.startswith(WORDS) for worker in again), [w.reason for w in again]
    system.verdicts.poll(1.0)
    assert expected == set(system.verdicts.seen)
    assert [] == system.verdicts.repeated()
