"""sidestep dead-letters, as a shell user sees it, on a real Kafka: each record goes back once, whoever dies when."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from sidestep.streams.cli import main
from sidestep.streams.errors import Fenced
from sidestep.streams.redrive.letter import DeadLetter, read_letter
from sidestep.streams.redrive.writer import Redriver
from sidestep.streams.runtime.batches import Partition
from sidestep.streams.runtime.collective_letter import collective_letter
from sidestep.streams.runtime.dead_letters import dead_letter
from sidestep.streams.runtime.manifest import Place
from sidestep.streams.runtime.offsets import Offsets
from sidestep.topics.catalog import DEAD_LETTERS
from sidestep.topics.connection import Connection
from sidestep.topics.headers import Header
from sidestep.topics.replay_codec import StoredRecord
from sidestep.topics.replay_rules import TopicStretch
from sidestep.topics.stretch import Unwritable, ranges_of, read_stretch, topic_of
from tests.kafka_records import delivered

LETTERS = 25
FAR = 1_000_000
"""Offsets of records that never stood in the tests' topics."""


def run(connection: Connection, *arguments: object, code: int = 0) -> Result:
    command = ["dead-letters", *map(str, arguments), "--broker", str(connection)]
    done = CliRunner().invoke(main, command)
    assert code == done.exit_code, done.output
    return done


def kill(
    connection: Connection,
    offsets: range | list[int],
    reason: str = "not-json",
    topic: str = "email-intents",
    headers: list[Header] | None = None,
    at_ms: int = 0,
) -> None:
    """Dead letters, as stages write them of records that stood at these offsets of partition 1."""
    producer = Producer(connection.librdkafka())
    for offset in offsets:
        record = delivered(
            offset, b"v%d" % offset, tp=Partition(topic, 1), key=b"k", headers=headers or [("a", b"\xff")]
        )
        producer.produce(**dead_letter(record, reason, "it is no JSON", DEAD_LETTERS.name, 2), timestamp=at_ms)
    assert 0 == producer.flush(10)


def stored(connection: Connection, name: str) -> list[StoredRecord]:
    """All committed records of a topic, once what was just committed stands in it."""
    topic = topic_of(connection, name)
    places = [Place(name, partition) for partition in range(topic.partitions)]
    deadline = time.monotonic() + 10
    while any(ends.stable < ends.high for ends in Offsets(connection).ends(places).values()):
        assert time.monotonic() < deadline, f"a transaction stays open in {name}"
    return [
        record
        for records in read_stretch(connection, topic, ranges_of(connection, topic, TopicStretch()))
        for record in records
        if not isinstance(record, Unwritable)
    ]


def values(connection: Connection, topic: str = "email-intents") -> list[bytes]:
    return [record.value or b"" for record in stored(connection, topic)]


def letters(connection: Connection) -> list[DeadLetter]:
    return [letter for record in stored(connection, DEAD_LETTERS.name) if (letter := read_letter(record)) is not None]


@pytest.fixture
def dead(clean_topics: Connection) -> Connection:
    """Of intents two reasons, of the log one."""
    kill(clean_topics, range(FAR, FAR + 3))
    kill(clean_topics, [FAR + 3], reason="invalid")
    kill(clean_topics, [FAR], reason="not-evidence", topic="email-evidence")
    return clean_topics


def test_they_are_counted_by_reason_and_topic(dead: Connection) -> None:
    """The largest first, with times; filters say which."""
    head, *rows = run(dead, "list").output.splitlines()
    assert ["reason", "topic", "letters", "sent", "back", "first", "last"] == head.split()
    assert [["not-json", "email-intents", "3", "0"], ["invalid", "email-intents", "1", "0"]] == [
        row.split()[:4] for row in rows[:2]
    ]
    (one,) = map(json.loads, run(dead, "list", "--json", "--reason", "invalid").output.splitlines())
    assert ("email-intents", 1, 0) == (one["topic"], one["letters"], one["redriven"])
    assert time.time() - 60 < one["first"] <= one["last"]
    assert "no dead letters\n" == run(dead, "list", "--until", "1h").output
    each = run(dead, "list", "--each", "--topic", "email-evidence").output
    assert ["2/4", "not-evidence", f"email-evidence/1/{FAR}"] == [each.split()[at] for at in (0, 2, 3)]


def test_one_is_shown_whole(dead: Connection) -> None:
    """By its position; as JSON with all its octets."""
    shown = run(dead, "show", "2/0").output
    for line in (
        "reason      not-json",
        f"origin      email-intents/1/{FAR}",
        "header      a: \\xff",
        f"value       v{FAR}",
    ):
        assert line in shown.splitlines()
    found = json.loads(run(dead, "show", f"{DEAD_LETTERS.name}/2/0", "--json").output)
    assert ([["a", {"base64": "/w=="}]], f"v{FAR}") == (found["headers"], found["value"])
    assert "no dead letter stands at" in run(dead, "show", "2/999", code=1).stderr


def test_they_go_back_where_they_came_from_once(dead: Connection) -> None:
    """Octets, headers and partition as they were, and how many times; what the log had stays."""
    assert "3 dead letters would be sent back" in run(dead, "redrive", "--reason", "not-json", "--dry-run").stderr
    assert [] == values(dead)
    said = run(dead, "redrive", "--all", code=1).stderr.splitlines()
    assert "4 dead letters sent back" == said[0]
    assert said[1].startswith("1 left out: of email-evidence, which stages alone write")
    found = stored(dead, "email-intents")
    assert [(1, b"k", b"v%d" % (FAR + number), (("a", b"\xff"), ("redriven", b"1"))) for number in range(4)] == [
        (record.partition, record.key, record.value, record.headers) for record in found
    ]
    said = run(dead, "redrive", "--topic", "email-intents").stderr.splitlines()
    assert ["0 dead letters sent back", "4 had been sent back before, or stand there twice"] == said
    assert "(sent back)" in run(dead, "list", "--each", "--reason", "invalid").output
    assert 4 == len(values(dead))


def collect(connection: Connection, records: int) -> list[int]:
    """Records at the beginning of partition 1 of email-intents, of which a collective letter names all but every
    fourth; their offsets."""
    producer = Producer(connection.librdkafka())
    for number in range(records):
        producer.produce("email-intents", b"v%d" % number, b"k", partition=1, headers=[("a", b"\xff")])
    named = [number for number in range(records) if number % 4]
    some = [delivered(offset, b"v", tp=Partition("email-intents", 1)) for offset in named]
    producer.produce(**collective_letter(some, "not-json", "it is no JSON", DEAD_LETTERS.name))
    assert 0 == producer.flush(10)
    return named


def test_what_a_collective_letter_names_goes_back_from_its_topic(clean_topics: Connection) -> None:
    """Each record is counted, and goes back once, as it stands in its topic; the others there stay what they were."""
    named = collect(clean_topics, 8)
    kill(clean_topics, [2])  # before it was killed Screen had written a letter of this one alone
    (one,) = map(json.loads, run(clean_topics, "list", "--json").output.splitlines())
    assert (7, 0) == (one["letters"], one["redriven"])
    each = run(clean_topics, "list", "--each").output
    assert "email-intents/1/1-7  6 records, which stay where they are in their topic" in each
    position = next(f"{letter.partition}/{letter.offset}" for letter in letters(clean_topics) if letter.ranges)
    shown = run(clean_topics, "show", position).output
    assert "1-3,5-7" in shown and "--partition 1 --from-offset 1 --until-offset 8" in shown
    assert "6 dead letters would be sent back" in run(clean_topics, "redrive", "--all", "--dry-run").stderr
    said = run(clean_topics, "redrive", "--all").stderr
    assert "6 dead letters sent back" in said and "1 had been sent back before, or stand there twice" in said
    back = stored(clean_topics, "email-intents")[8:]
    assert [(1, b"k", b"v%d" % offset, (("a", b"\xff"), ("redriven", b"1"))) for offset in named] == sorted(
        (record.partition, record.key, record.value, record.headers) for record in back
    )
    assert "0 dead letters sent back" in run(clean_topics, "redrive", "--all").stderr
    assert "(sent back)" in run(clean_topics, "list", "--each").output


def test_what_a_topic_does_not_keep_any_more_is_left_out(clean_topics: Connection) -> None:
    """And said; the rest goes back."""
    collect(clean_topics, 8)
    admin, place = AdminClient(clean_topics.librdkafka()), TopicPartition("email-intents", 1, 6)
    admin.delete_records([place])[place].result(20)
    said = run(clean_topics, "redrive", "--all", code=1).stderr
    assert "2 dead letters sent back" in said
    assert "4 left out: of email-intents, which does not keep them any more" in said
    assert [b"v6", b"v7"] == values(clean_topics)[2:]


def test_old_ones_go_back_when_that_is_meant(clean_topics: Connection) -> None:
    """Decide knows ids for eight days: what was published again before that would be judged twice."""
    kill(clean_topics, [FAR], at_ms=int(time.time() * 1000) - 8 * 86_400_000)
    said = run(clean_topics, "redrive", "--all", code=1).stderr
    assert "0 dead letters sent back" in said and "1 left out: older than 7 days" in said
    assert "1 dead letters sent back" in run(clean_topics, "redrive", "--all", "--old").stderr


def test_a_record_that_died_twice_goes_back_once(clean_topics: Connection) -> None:
    """After a crash of Screen there are two dead letters of it; one that came back and died is another record."""
    for _ in range(2):
        kill(clean_topics, [FAR, FAR + 1])
    kill(clean_topics, [FAR + 2], headers=[("redriven", b"2")])
    kill(clean_topics, [FAR + 3], headers=[("redriven", b"3")])
    said = run(clean_topics, "redrive", "--all", code=1).stderr
    assert "3 dead letters sent back" in said and "1 left out: sent back 3 times already" in said
    assert (("redriven", b"3"),) == stored(clean_topics, "email-intents")[2].headers
    assert "1 dead letters sent back" in run(clean_topics, "redrive", "--all", "--most-times", 4).stderr


@pytest.mark.parametrize("failpoint", ["redrive-half:2", "redrive-before-commit:2", "redrive-after-commit:2"])
def test_killed_in_the_middle_each_goes_back_once(clean_topics: Connection, failpoint: str) -> None:
    """The next run sends what is missing, and nothing again."""
    kill(clean_topics, range(FAR, FAR + LETTERS))
    command = [str(Path(sys.executable).parent / "sidestep"), "dead-letters", "redrive", "--all", "--rate", "100/s"]
    environment = {**os.environ, "SIDESTEP_BROKER": str(clean_topics), "SIDESTEP_FAILPOINT": failpoint}
    died = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert -signal.SIGKILL == died.returncode, died.stderr
    run(clean_topics, "redrive", "--all")
    assert [b"v%d" % (FAR + number) for number in range(LETTERS)] == sorted(values(clean_topics))


def test_of_two_at_a_time_one_ends(clean_topics: Connection) -> None:
    """Whoever began later goes on; nothing is sent by both."""
    kill(clean_topics, range(FAR, FAR + 3))
    first = Redriver(clean_topics, "sidestep", {"email-intents": 4}, lambda _: None)
    run(clean_topics, "redrive", "--all")
    with pytest.raises(Fenced, match="another redrive has begun"):
        first.send(letters(clean_topics), 1)
    assert 3 == len(values(clean_topics))


def test_an_open_transaction_is_waited_for(clean_topics: Connection) -> None:
    """What stands behind it in email-control can't be seen yet: what was sent back would be sent again."""
    kill(clean_topics, range(FAR, FAR + 3))
    redriver = Redriver(clean_topics, "sidestep", {"email-intents": 4}, lambda _: None)
    other = Producer(clean_topics.librdkafka(**{"transactional.id": "somebody", "log_level": 0}))
    other.init_transactions(10)
    other.begin_transaction()
    other.produce("email-control", b"{}", "hold/shop")
    assert 0 == other.flush(10)
    redriver.send(letters(clean_topics), 1)
    ending = threading.Timer(1.5, other.abort_transaction)  # however late: the next run waits for it
    ending.start()
    said = run(clean_topics, "redrive", "--all").stderr
    ending.join()
    assert "3 had been sent back before" in said
    assert 3 == len(values(clean_topics))


def test_what_cannot_be_meant_is_refused_before_any_broker_is_asked() -> None:
    """With a sentence, and 2."""
    for arguments, text in (
        (["redrive"], "say which"),
        (["redrive", "--all", "--rate", "x"], "is not a rate"),
        (["list", "--since", "x"], "is no time"),
        (["show", "x"], "is not PARTITION/OFFSET"),
    ):
        done = CliRunner().invoke(main, ["dead-letters", *arguments, "--broker", "127.0.0.1:1"])
        assert (2, True) == (done.exit_code, text in done.stderr), done.stderr
