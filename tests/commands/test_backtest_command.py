"""sidestep backtest: what it shows of a log in Kafka, how it ends, and that a policy with faults is none."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from sidestep.schemas import Evidence
from sidestep.schemas.codec import encode
from sidestep.streams.cli import main
from sidestep.topics.catalog import EVIDENCE
from sidestep.topics.connection import Connection
from tests.decide.world import SHIPPED_TEXT, START, feedback, intent, policy, policy_text

ROLE = {"to": "info@example.com", "classes": ("role",)}


@pytest.fixture
def new(tmp_path: Path) -> Path:
    """A policy that drops what the shipped one sends."""
    file = tmp_path / "new.toml"
    file.write_text(policy_text({"role-address": "reject"}), "utf-8")
    return file


def publish(connection: Connection, partition: int, *records: Evidence) -> None:
    """Write records into the log."""
    producer = Producer(connection.librdkafka())
    for record in records:
        producer.produce(EVIDENCE.name, encode(record), partition=partition)
    assert 0 == producer.flush(10)


def backtest(connection: Connection | str, *arguments: object) -> Result:
    """Run the command."""
    return CliRunner().invoke(main, ["backtest", *map(str, arguments), "--broker", str(connection)])


def test_a_log_in_kafka_is_folded_twice(clean_topics: Connection, new: Path) -> None:
    """All partitions side by side, or some; for people and for programs."""
    nothing = backtest(clean_topics, "--policy", new, "--partition", 1)
    assert 0 == nothing.exit_code and "0 records" in nothing.output, nothing.output
    for partition in (0, 2):
        sent = intent(f"role-{partition}", **ROLE)  # type: ignore[arg-type]
        opened = feedback("opened", ROLE["to"], at=START + 60_000)  # type: ignore[arg-type]
        publish(clean_topics, partition, policy(partitions=4), sent, intent("2"), opened)
    told = backtest(clean_topics, "--policy", new)
    assert 0 == told.exit_code, told.output
    lines = told.output.splitlines()
    assert "good mail lost                   2  sent, and opened, clicked or answered since; it drops it" in lines
    assert "          2  sent -> dropped (role-address)  shop  since: engaged 2" in lines
    assert "sent                                       2           0           2" in lines
    assert "info@" not in told.output and "role-2 to ***@example.com" in told.output
    html = new.parent / "report.html"
    some = ("--partition", 2, "--json", "--since", "2020-01-01", "--html", html)
    one = backtest(clean_topics, "--policy", new, *some)
    report = json.loads(one.output)
    assert (0, [2], 4, 2) == (one.exit_code, report["partitions"], report["records"], report["messages"])
    assert {"before": "send", "after": "drop", "rule_before": "", "rule_after": "role-address", "service": "shop"} == {
        name: report["changes"][0][name] for name in ("before", "after", "rule_before", "rule_after", "service")
    }
    assert 1 == report["figures"]["good mail lost"]
    assert html.read_text("utf-8").startswith("<!DOCTYPE html>") and 0 == html.stat().st_mode & 0o077


def test_a_log_without_its_beginning_tells_nothing(clean_topics: Connection, new: Path) -> None:
    """Exit code 2; an unknown partition likewise."""
    unknown = backtest(clean_topics, "--policy", new, "--partition", 9)
    assert 2 == unknown.exit_code and "has no partition 9" in unknown.output
    publish(clean_topics, 1, *[policy()] * 5)
    client = AdminClient(clean_topics.librdkafka())
    for future in client.delete_records([TopicPartition(EVIDENCE.name, 1, 3)]).values():
        future.result(10)
    done = backtest(clean_topics, "--policy", new, "--partition", 1)
    assert 2 == done.exit_code and "sidestep: email-evidence/1 begins at offset 3" in done.output, done.output


def test_a_policy_with_faults_is_refused_before_anything_is_asked(tmp_path: Path, new: Path) -> None:
    """With all of them; so is a file that is none, and a stretch that ends before it begins."""
    bad = tmp_path / "bad.toml"
    bad.write_text(SHIPPED_TEXT.replace('mode = "reject"', 'mode = "maybe"', 2), "utf-8")
    refused = backtest("127.0.0.1:1", "--policy", bad)
    assert (2, 2) == (refused.exit_code, refused.output.count("'maybe'")), refused.output
    missing = backtest("127.0.0.1:1", "--policy", tmp_path / "none.toml")
    assert 2 == missing.exit_code and "can't be read: No such file" in missing.output
    nowhere = backtest("127.0.0.1:1", "--policy", new, "--html", tmp_path / "none" / "report.html")
    assert 2 == nowhere.exit_code and "report.html can't be written: No such file" in nowhere.output
    later = backtest("127.0.0.1:1", "--policy", new, "--follow", "--since", "1h")
    assert 2 == later.exit_code and "--follow begins now" in later.output
    turned = backtest("127.0.0.1:1", "--policy", new, "--since", "1h", "--until", "2h")
    assert 2 == turned.exit_code and "--since has to be before --until" in turned.output
