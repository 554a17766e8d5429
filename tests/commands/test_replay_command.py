"""sidestep replay, as a shell user sees it, on a real Kafka."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from sidestep.streams.cli import main
from sidestep.streams.commands.past import past_ms
from sidestep.streams.local.embedded_kafka import EmbeddedKafka
from sidestep.streams.runtime.manifest import Place
from sidestep.streams.runtime.offsets import Offsets
from sidestep.topics.connection import Connection
from sidestep.topics.replay_codec import StoredRecord
from sidestep.topics.replay_rules import TopicStretch
from sidestep.topics.stretch import Unwritable, ranges_of, read_stretch, topic_of
from tests.fixture_types import MakeTopic, WaitUntil

DAY = 86_400_000
NOW = int(time.time() * 1000)
ODD: list[dict[str, Any]] = [
    {"value": b"plain", "key": b"k", "headers": [("a", b"1"), ("a", None), ("b", b"")], "timestamp": NOW - DAY},
    {"value": None, "key": None, "headers": [], "timestamp": NOW - DAY + 1},
    {"value": b"", "key": b"", "headers": [("\u00e9\x1b", b"\xff\x00")], "timestamp": NOW - DAY + 2},
    {"value": b"\xff\xfe", "key": b"\x80", "headers": [("x", b"\x7f")], "timestamp": 1},
]


def run(kafka: EmbeddedKafka, *arguments: object, code: int = 0) -> Result:
    done = CliRunner().invoke(main, ["replay", "--broker", str(kafka.connection), *map(str, arguments)])
    assert code == done.exit_code, done.output
    return done


def put(connection: Connection, topic: str, records: list[dict[str, Any]], partition: int = 0, **more: Any) -> None:
    producer = Producer(connection.librdkafka(**more))
    if more:
        producer.init_transactions(10)
        producer.begin_transaction()
    for record in records:
        producer.produce(topic, partition=partition, **record)
    producer.flush(10)
    if more:
        producer.abort_transaction(10)


def stored(connection: Connection, name: str) -> list[StoredRecord]:
    topic = topic_of(connection, name)
    found: list[StoredRecord] = []
    for records in read_stretch(connection, topic, ranges_of(connection, topic, TopicStretch())):
        found += [record for record in records if not isinstance(record, Unwritable)]
    return sorted(found, key=lambda record: (record.partition, record.offset))


def contents(connection: Connection, name: str) -> list[tuple[Any, ...]]:
    return [(r.partition, r.timestamp, r.key, r.value, r.headers) for r in stored(connection, name)]


@pytest.fixture
def source(kafka: EmbeddedKafka, make_topic: MakeTopic, wait_until: WaitUntil) -> str:
    """Three partitions with odd records, of which an aborted transaction wrote some."""
    name = make_topic(3)
    for partition in (0, 2):
        put(kafka.connection, name, ODD, partition)
    put(kafka.connection, name, [{"value": b"aborted"}], 2, **{"transactional.id": f"{name}-aborted"})
    put(kafka.connection, name, [{"value": b"behind it", "timestamp": NOW}], 2)
    offsets, places = Offsets(kafka.connection), [Place(name, partition) for partition in range(3)]
    # the mark that ends a transaction comes a moment after whoever ended it is told
    wait_until(lambda: all(ends.stable == ends.high for ends in offsets.ends(places).values()))
    return name


@pytest.mark.parametrize("ending", [None, "jsonl", "records"])
def test_every_octet_arrives(
    kafka: EmbeddedKafka, make_topic: MakeTopic, source: str, tmp_path: Path, ending: str | None
) -> None:
    """Keys, values, headers, stamps and partitions, what is committed alone; by either form of file, too."""
    target = make_topic(3)
    if ending is None:
        said = run(kafka, source, "--to", target).stderr
        assert said.startswith(f"9 records copied to {target} in ")
    else:
        file = tmp_path / f"x.{ending}"
        run(kafka, source, "--to", file)
        assert 0o600 == stat.S_IMODE(file.stat().st_mode)
        assert [file] == list(tmp_path.iterdir())
        run(kafka, file, "--to", target)
    found = contents(kafka.connection, target)
    assert contents(kafka.connection, source) == found
    assert 9 == len(found)
    assert (0, NOW - DAY, b"k", b"plain", (("a", b"1"), ("a", None), ("b", b""))) == found[0]


def test_a_stretch_is_copied(kafka: EmbeddedKafka, make_topic: MakeTopic, source: str) -> None:
    """By times, partitions and offsets."""
    asked: list[tuple[list[object], int]] = [
        (["--since", "1h"], 1),
        (["--since", "25h", "--until", "2h"], 6),
        (["--until", "2020-01-01"], 2),
        (["--partition", 0], 4),
        (["--partition", 0, "--from-offset", 1, "--until-offset", 3], 2),
        (["--from-offset", "0=4", "--until-offset", "2=1"], 1),
        (["--since", "2099-01-01T00:00:00Z"], 0),
    ]
    for options, count in asked:
        said = run(kafka, source, "--to", make_topic(3), *options).stderr
        assert said.startswith(f"{count} records copied"), (options, said)


def test_the_key_says_the_partition_where_there_are_others(
    kafka: EmbeddedKafka, make_topic: MakeTopic, source: str
) -> None:
    """With a warning."""
    target = make_topic(2)
    said = run(kafka, source, "--to", target, "--partition", 0).stderr.splitlines()
    assert f"warning: {target} has 2 partitions, the records come from 3" in said[0]
    assert 4 == len(stored(kafka.connection, target))


def test_what_a_topic_does_not_take_is_counted(kafka: EmbeddedKafka, make_topic: MakeTopic, source: str) -> None:
    """The others arrive; the exit code is 1."""
    target = make_topic(3, max_message_bytes="200")
    put(kafka.connection, source, [{"value": os.urandom(1000)}, {"value": b"behind"}], 1)
    said = run(kafka, source, "--to", target, "--rate", "500/s", code=1).stderr.splitlines()
    assert said[0].startswith("10 records copied"), said
    assert "1 not taken: Broker: Message size too large" in said[1]
    assert b"behind" in [record.value for record in stored(kafka.connection, target)]


def test_sidesteps_own_log_is_refused(clean_topics: Connection, kafka: EmbeddedKafka, tmp_path: Path) -> None:
    """On the cluster that the records come from, by file as well; on another one they may be put into it."""
    put(clean_topics, "email-evidence", [{"value": b"x"}])
    said = run(kafka, "email-evidence", "--to", "email-evidence", code=2).stderr
    assert "is part of Sidestep's own log" in said and "--to-broker" in said
    file = tmp_path / "evidence.jsonl"
    run(kafka, "email-evidence", "--to", file)
    assert "own log" in run(kafka, file, "--to", "email-approved", code=2).stderr
    (line,) = map(json.loads, file.read_text().splitlines())
    other = tmp_path / "other.jsonl"
    other.write_text(json.dumps(line | {"cluster": "another one"}))
    run(kafka, other, "--to", "email-approved")
    assert [b"x"] == [record.value for record in stored(clean_topics, "email-approved")]


def test_young_intents_may_be_published_again(clean_topics: Connection, kafka: EmbeddedKafka) -> None:
    """Old ones would be judged twice: they are left out and counted. The end is the one at the start."""
    put(clean_topics, "email-intents", [{"value": b"young"}, {"value": b"old", "timestamp": NOW - 7 * DAY}])
    said = run(kafka, "email-intents", "--to", "email-intents", code=1).stderr.splitlines()
    assert said[0].startswith("1 records copied") and "1 left out, older than 7 days" in said[1]
    assert 3 == len(stored(clean_topics, "email-intents"))


def test_an_interrupted_replay_says_where_to_go_on(
    kafka: EmbeddedKafka, make_topic: MakeTopic, wait_until: WaitUntil
) -> None:
    """And there is nothing twice and nothing missing when it has."""
    source, target = make_topic(2), make_topic(2)
    for partition in (0, 1):
        put(kafka.connection, source, [{"value": b"%d" % number} for number in range(100)], partition)
    command = [str(Path(sys.executable).parent / "sidestep"), "replay", source, "--to", target, "--rate", "8/s"]
    environment = {**os.environ, "SIDESTEP_BROKER": str(kafka.connection)}
    heard = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background is begun deaf to it
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    signal.signal(signal.SIGINT, heard)
    with process:
        wait_until(lambda: len(stored(kafka.connection, target)) > 4, 30)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert 130 == process.returncode, said
    options = said.rpartition("options): ")[2].split()
    assert "--from-offset" == options[0] and not any("200 records" in line for line in said.splitlines())
    run(kafka, source, "--to", target, *options)
    assert contents(kafka.connection, source) == contents(kafka.connection, target)


def test_a_broken_file_says_how_far_it_was_read(kafka: EmbeddedKafka, make_topic: MakeTopic, tmp_path: Path) -> None:
    """What stands before the fault was copied; --skip goes on behind it."""
    file, target = tmp_path / "x.jsonl", make_topic(1)
    file.write_text('{"value": "1"}\n{"value": "2"}\nnonsense\n')
    said = run(kafka, file, "--to", target, code=2).stderr
    assert "x.jsonl, line 3: " in said
    file.write_text('{"value": "1"}\n{"value": "2"}\n{"value": "3"}\n')
    options = said.splitlines()[-2].rpartition("options): ")[2].split()
    run(kafka, file, "--to", target, *options)
    assert [b"1", b"2", b"3"] == [record.value for record in stored(kafka.connection, target)]


def test_records_that_are_gone_are_said_to_be(kafka: EmbeddedKafka, make_topic: MakeTopic, source: str) -> None:
    """An offset that retention has passed is no silent jump."""
    from confluent_kafka import TopicPartition

    admin = AdminClient(kafka.connection.librdkafka())
    for future in admin.delete_records([TopicPartition(source, 0, 2)]).values():
        future.result(10)
    said = run(kafka, source, "--to", make_topic(3), "--from-offset", "0=1", code=2).stderr
    assert f"{source}/0/1 is not retained any more: the oldest record there is 2" in said


def test_files_are_never_overwritten(kafka: EmbeddedKafka, source: str, tmp_path: Path) -> None:
    """Neither one that is there nor one that is being written."""
    file = tmp_path / "x.records"
    file.write_text("mine")
    assert "is there already" in run(kafka, source, "--to", file, code=2).stderr
    file.rename(tmp_path / ".y.records.part")
    assert "another replay writes it" in run(kafka, source, "--to", tmp_path / "y.records", code=2).stderr
    assert "mine" == (tmp_path / ".y.records.part").read_text()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("a b", "--to", "x"), "is neither a topic nor a file of records"),
        (("a", "--to", "x/y"), "is neither a topic nor a file of records"),
        (("a", "--to", "b", "--skip", "1"), "--skip is for files"),
        (("a", "--to", "b.jsonl", "--to-broker", "127.0.0.1:1"), "--to-broker is for a topic"),
        (("a", "--to", "b", "--since", "1h", "--until", "2h"), "--since is not before --until"),
        (("a", "--to", "b", "--since", "yesterday"), "'yesterday' is no time"),
        (("a", "--to", "b", "--since", "2026-10-01T08:00:00"), "in which zone"),
        (("a", "--to", "b", "--from-offset", "7"), "is not PARTITION=OFFSET"),
        (("a", "--to", "b", "--rate", "0"), "is not a rate"),
        (("nowhere.jsonl", "--to", "b"), "nowhere.jsonl can't be read"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_any_broker_is_asked(arguments: tuple[str, ...], text: str) -> None:
    """With a sentence, and 2."""
    done = CliRunner().invoke(main, ["replay", *arguments, "--broker", "127.0.0.1:1"])
    assert (2, True) == (done.exit_code, text in done.stderr), done.stderr


def test_a_topic_that_is_not_there_is_said(kafka: EmbeddedKafka, make_topic: MakeTopic) -> None:
    """Nobody makes one by a slip, and a partition that there is not is one."""
    source = make_topic(1)
    assert "there is no topic slip at" in run(kafka, source, "--to", "slip", code=2).stderr
    assert "has no partition 1" in run(kafka, source, "--to", make_topic(1), "--partition", 1, code=2).stderr


def test_times_are_read_as_people_write_them() -> None:
    """Spans are past."""
    assert [0, 0] == [past_ms(text, 3_600_000) for text in ("1h", "60 min ago")]
    assert past_ms("2026-10-01", 0) == past_ms("2026-10-01T02:00:00+02:00", 0) == 1_790_812_800_000
