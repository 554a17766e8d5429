"""sidestep hold: what an operator says is in force in every partition of the log or in none, and `list` agrees."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest
from click.testing import CliRunner, Result
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from sidestep.schemas import HoldRecord, IntentEvidence, MxFinding, PolicyRecord, SourceHoldRecord, Verdict
from sidestep.schemas.codec import decode_evidence, encode
from sidestep.streams.cli import main
from sidestep.streams.decide.policy_file import SHIPPED
from sidestep.streams.decide.policy_text import version_of
from sidestep.streams.errors import Fenced
from sidestep.streams.screen.control import Written, read_notes, written_kinds
from sidestep.streams.screen.hold_writer import write_hold
from sidestep.streams.screen.holds import Hold, hold_record, in_force
from sidestep.streams.screen.keys import Keys
from sidestep.topics import cluster
from sidestep.topics.catalog import CONTROL, EVIDENCE
from sidestep.topics.connection import Connection
from tests.guarantees.harness.model import Model
from tests.guarantees.harness.records import read

T = TypeVar("T")
NOBODY = "127.0.0.1:1"
KEYS = Keys(bytes(32))
PARTITIONS = range(EVIDENCE.partitions)


def run(*arguments: str) -> Result:
    """The command, in this process."""
    return CliRunner().invoke(main, ["hold", *arguments])


def on(connection: Connection, *arguments: str) -> str:
    """What the command says; it must succeed."""
    result = run(*arguments, "--broker", str(connection))
    assert result.exit_code == 0, result.output
    return result.stdout


def holds_in_log(connection: Connection) -> dict[int, list[HoldRecord]]:
    """The log's records of services' holds by partition, committed ones only."""
    return in_log(connection, HoldRecord)


def source_holds_in_log(connection: Connection) -> dict[int, list[SourceHoldRecord]]:
    """Likewise of sources."""
    return in_log(connection, SourceHoldRecord)


def in_log(connection: Connection, kind: type[T]) -> dict[int, list[T]]:
    """The log's records of a kind by partition, committed ones only."""
    found: dict[int, list[T]] = {partition: [] for partition in PARTITIONS}
    for message in read(connection, EVIDENCE.name):
        record = decode_evidence(message.value() or b"")
        if isinstance(record, kind):
            found[message.partition() or 0].append(record)
    return found


def listed(connection: Connection) -> list[dict[str, Any]]:
    """What `list --json` prints."""
    return [json.loads(line) for line in on(connection, "list", "--json").splitlines()]


def test_a_hold_reaches_every_partition(clean_topics: Connection) -> None:
    """Once each, with the same text and stamp; `list` shows it to people and programs, release takes it away again."""
    before = time.time()
    said = on(clean_topics, "add", "crm-import", "--until", "2h", "--reason", "nearly half of it bounces")
    assert re.fullmatch(r"crm-import is on hold until 20\S+Z, in all 4 partitions\n", said)
    found = holds_in_log(clean_topics)
    assert [1] * len(PARTITIONS) == [len(records) for records in found.values()]
    (record,) = {str(records[0]): records[0] for records in found.values()}.values()
    assert ("crm-import", "nearly half of it bounces", 7_200_000) == (
        record.service,
        record.reason,
        record.until - record.at,
    )
    assert before <= record.at / 1000 + 0.001 <= time.time() + 0.001
    expected = {
        "service": "crm-import",
        "source": "",
        "until": record.until / 1000,
        "since": record.at / 1000,
        "reason": record.reason,
        "partitions": 4,
    }
    assert [expected] == listed(clean_topics)
    head, row = on(clean_topics, "list").splitlines()
    assert ["service", "since", "until", "left", "reason"] == head.split()
    assert re.fullmatch(r"crm-import  20\S+Z  20\S+Z  1 h 59 min  nearly half of it bounces", row)
    assert "crm-import is released, in all 4 partitions\n" == on(clean_topics, "release", "crm-import")
    assert [0] * len(PARTITIONS) == [records[-1].until for records in holds_in_log(clean_topics).values()]
    assert "nothing is on hold\n" == on(clean_topics, "list")


def test_a_source_alone_is_held_and_released_by_its_name(clean_topics: Connection) -> None:
    """Beside a hold of its service, which is another one."""
    about = ("--until", "2h", "--reason", "an old list")
    said = on(clean_topics, "add", "shop", "--source", "import", *about)
    assert said.startswith("shop, source import is on hold until 20")
    on(clean_topics, "add", "shop", *about)
    assert ["", "import"] == [hold["source"] for hold in listed(clean_topics)]
    assert "shop, source import  20" in on(clean_topics, "list")
    assert "shop is released, in all 4 partitions\n" == on(clean_topics, "release", "shop")
    assert ["import"] == [hold["source"] for hold in listed(clean_topics)]
    on(clean_topics, "release", "shop", "--source", "import")
    assert [] == listed(clean_topics)
    assert [(1, 1)] * len(PARTITIONS) == [
        (sum(record.until == 0 for record in records), sum(record.until > 0 for record in records))
        for records in source_holds_in_log(clean_topics).values()
    ]


def test_a_source_is_released_from_what_it_has_brought(clean_topics: Connection) -> None:
    """That is in no note: so it is written to the log, and said that no hold was known."""
    said = on(clean_topics, "release", "shop", "--source", "cleaned")
    assert said.startswith("shop, source cleaned is released, in all 4 partitions; no hold of it was known")
    assert [[("cleaned", 0)]] * len(PARTITIONS) == [
        [(record.source, record.until) for record in records] for records in source_holds_in_log(clean_topics).values()
    ]


def test_a_held_services_intents_are_deferred_until_it_is_released(clean_topics: Connection) -> None:
    """By the fold over the log as it stands: only that service's, in each partition, until after the hold's end."""
    write(clean_topics, policy())
    write(clean_topics, intent("before", "shop"))
    on(clean_topics, "add", "shop", "--until", "1h", "--reason", "complaints")
    (hold,) = listed(clean_topics)
    write(clean_topics, intent("held", "shop"))
    write(clean_topics, intent("other", "news"))
    on(clean_topics, "release", "shop")
    write(clean_topics, intent("after", "shop"))
    verdicts = folded(clean_topics)
    assert len(PARTITIONS) * 4 == len(verdicts)
    for verdict in verdicts:
        if verdict.id.startswith("held"):
            assert ("defer", "service-on-hold") == (verdict.action, verdict.rules[0].id)
            assert verdict.retry_at is not None
            assert hold["until"] <= verdict.retry_at < hold["until"] + 3600
            assert verdict.rules[0].text.startswith("The service shop is on hold until ")
            assert verdict.rules[0].text.endswith(" UTC: complaints.")
        else:
            assert "send" == verdict.action


def test_a_second_hold_takes_the_place_of_the_first(clean_topics: Connection) -> None:
    """Longer or shorter: what was said last counts. One that has ended is not shown."""
    on(clean_topics, "add", "b", "--until", "2h", "--reason", "first")
    on(clean_topics, "add", "b", "--until", "30min", "--reason", "second")
    on(clean_topics, "add", "a", "--until", "1h", "--reason", "another")
    on(clean_topics, "add", "c", "--until", "0.001s", "--reason", "over at once")
    assert [("a", "another"), ("b", "second")] == [(hold["service"], hold["reason"]) for hold in listed(clean_topics)]


def test_what_is_not_on_hold_is_not_released(clean_topics: Connection) -> None:
    """A slip of the name is told, with what is on hold of the service; nothing is written."""
    on(clean_topics, "add", "shop", "--source", "import", "--until", "1h", "--reason", "an old list")
    on(clean_topics, "add", "past", "--until", "0.001s", "--reason", "over at once")
    before = len(read(clean_topics, EVIDENCE.name))
    for arguments, hint in (
        (("shpo",), "shpo is not on hold, and nothing was written; sidestep hold list shows what is"),
        (("shop",), "shop is not on hold, and nothing was written; on hold is shop, source import"),
        (("past",), "past is not on hold"),
    ):
        result = run("release", *arguments, "--broker", str(clean_topics))
        assert (1, "", True) == (result.exit_code, result.stdout, hint in result.stderr), result.stderr
    assert before == len(read(clean_topics, EVIDENCE.name))


def test_killed_in_the_middle_nothing_is_half(clean_topics: Connection) -> None:
    """All records had been written, the transaction was open: they count for nobody, and the next writer is not in its
    way."""
    command = [
        str(Path(sys.executable).with_name("sidestep")),
        "hold",
        "add",
        "shop",
        "--until",
        "1h",
        "--reason",
        "lost",
    ]
    environment = {
        **os.environ,
        "SIDESTEP_BROKER": str(clean_topics),
        "SIDESTEP_FAILPOINT": "hold-before-commit",
    }
    killed = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=60)
    assert -signal.SIGKILL == killed.returncode, killed.stderr
    assert [] == listed(clean_topics)
    assert not any(holds_in_log(clean_topics).values())
    on(clean_topics, "add", "news", "--until", "1h", "--reason", "kept")
    assert [["kept"]] * len(PARTITIONS) == [
        [record.reason for record in records] for records in holds_in_log(clean_topics).values()
    ]
    assert ["news"] == [hold["service"] for hold in listed(clean_topics)]


def test_whoever_was_overtaken_is_told_and_has_changed_nothing(clean_topics: Connection) -> None:
    """The second operator comes while the first one's transaction is open."""
    now = int(time.time() * 1000)
    first, second = (hold_record("shop", now + 3_600_000, reason, now) for reason in ("first", "second"))

    def overtake(_: str) -> None:
        write_hold(clean_topics, "sidestep", second, lambda _: None)

    with pytest.raises(Fenced, match=r"at the same moment.*sidestep hold list"):
        write_hold(clean_topics, "sidestep", first, overtake)
    assert [[second]] * len(PARTITIONS) == list(holds_in_log(clean_topics).values())
    assert ["second"] == [hold["reason"] for hold in listed(clean_topics)]


def test_many_at_once_leave_one_truth(clean_topics: Connection) -> None:
    """Every partition has the same records in the same order, and the note is the last of them."""
    now = int(time.time() * 1000)

    def write_one(number: int) -> None:
        try:
            write_hold(
                clean_topics,
                "sidestep",
                hold_record("shop", now + 3_600_000, f"operator {number}", now),
                lambda _: None,
            )
        except Fenced:
            pass

    with ThreadPoolExecutor(6) as operators:
        list(operators.map(write_one, range(12)))
    first, *others = holds_in_log(clean_topics).values()
    assert first
    assert [first] * (len(PARTITIONS) - 1) == others
    assert [first[-1].reason] == [hold["reason"] for hold in listed(clean_topics)]


def test_a_partition_that_is_newer_than_the_hold_is_named(clean_topics: Connection) -> None:
    """It does not know of it."""
    now = int(time.time() * 1000)
    put(clean_topics, CONTROL.name, "hold/shop", encode(Hold("shop", now + 3_600_000, "x", now, 2)))
    assert "in 2 of 4 partitions only, the others are newer: add it again" in on(clean_topics, "list")


def test_nothing_in_a_note_drives_a_terminal(clean_topics: Connection) -> None:
    """Somebody else may have written it."""
    now = int(time.time() * 1000)
    put(clean_topics, CONTROL.name, "hold/x", encode(Hold("x\x1b[2J", now + 3_600_000, "a\nb\u202e", now, 4)))
    said = on(clean_topics, "list")
    assert "x\ufffd[2J" in said
    assert "a\ufffdb\ufffd" in said
    assert "\\u001b" in on(clean_topics, "list", "--json")


def test_screen_passes_over_holds(clean_topics: Connection) -> None:
    """Its own notes and those of holds lie in one topic, and neither reader trips over the other's."""
    put(clean_topics, CONTROL.name, "policy", encode(Written("v1", 4, 1)))
    on(clean_topics, "add", "shop", "--until", "1h", "--reason", "x")
    notes = read_notes(clean_topics)
    assert {"policy": Written("v1", 4, 1)} == written_kinds(notes)
    assert ["shop"] == [hold.service for hold in in_force(notes, 0)]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("add", "shop", "--until", "yesterday", "--reason", "x"), "Invalid value for --until: 'yesterday' is neither"),
        (("add", "shop", "--until", "1700000000", "--reason", "x"), "is past (2023-11-14T22:13:20Z)"),
        (("add", "shop", "--until", "2h", "--reason", "a\x1bb"), "the reason must be"),
        (("add", "shop", "--until", "2h"), "Missing option '--reason'"),
        (("add", "shop", "--reason", "x"), "Missing option '--until'"),
        (("add", "", "--until", "2h", "--reason", "x"), "no service can have this name"),
        (("release", "a\nb"), "no service can have this name"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_any_broker_is_asked(arguments: tuple[str, ...], text: str) -> None:
    """With a sentence about the argument, and 2."""
    result = run(*arguments, "--broker", NOBODY)
    assert (2, True) == (result.exit_code, text in result.stderr), result.stderr


def test_nobody_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the address, and 2."""
    monkeypatch.setattr(cluster, "DEADLINE", 0.5)
    for arguments in (("list",), ("release", "x"), ("add", "x", "--until", "2h", "--reason", "x")):
        result = run(*arguments, "--broker", NOBODY)
        assert (2, True) == (result.exit_code, f"no Kafka answers at {NOBODY}" in result.stderr)


def test_missing_topics_are_said(clean_topics: Connection, wait_until: Callable[..., Any]) -> None:
    """With what to do, and 2; nothing is written."""
    admin = AdminClient(clean_topics.librdkafka())
    admin.delete_topics([CONTROL.name])[CONTROL.name].result(30)
    wait_until(lambda: CONTROL.name not in admin.list_topics(timeout=10).topics)
    for arguments in (("list",), ("release", "x"), ("add", "x", "--until", "2h", "--reason", "x")):
        result = run(*arguments, "--broker", str(clean_topics))
        assert 2 == result.exit_code
        assert f"email-control not found at {clean_topics}: sidestep topics create" in result.stderr
    assert [] == read(clean_topics, EVIDENCE.name)


# -- helpers -----------------------------------------------------------------------------------------------------------


def put(connection: Connection, topic: str, key: str, value: bytes, partition: int = 0) -> None:
    """One record."""
    producer = Producer(connection.librdkafka())
    producer.produce(topic, value, key, partition)
    assert 0 == producer.flush(10)


def write(connection: Connection, record: PolicyRecord | IntentEvidence) -> None:
    """One record of the log to each partition, as Screen would stamp it now; an intent under an id of its own."""
    for partition in PARTITIONS:
        if isinstance(record, IntentEvidence):
            record = intent(f"{record.id.partition('-')[0]}-{partition}", record.service)
        put(connection, EVIDENCE.name, "k", encode(record), partition)


def policy() -> PolicyRecord:
    """The one that ships."""
    text = SHIPPED.read_text("utf-8")
    return PolicyRecord(version=version_of(text), text=text, at=int(time.time() * 1000))


def intent(name: str, service: str) -> IntentEvidence:
    """A sound one, to a recipient of its own."""
    now = int(time.time() * 1000)
    return IntentEvidence(
        id=name,
        service=service,
        to=f"{name}@example.org",
        at=now,
        domain="example.org",
        id_key=KEYS.intent(service, name),
        content_key=KEYS.intent(service, name),
        recipient_key=KEYS.intent("recipient", name),
        mx=MxFinding("yes", "mx", now, 300),
    )


def folded(connection: Connection) -> list[Verdict]:
    """The verdicts that the log gives."""
    models = {partition: Model() for partition in PARTITIONS}
    for message in read(connection, EVIDENCE.name):
        models[message.partition() or 0].take(message)
    return [verdict for model in models.values() for verdict in model.verdicts]
