"""sidestep topics, and the command line as a whole."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from confluent_kafka.admin import AdminClient

from sidestep.streams.cli import COMMANDS, main
from sidestep.streams.local.embedded_config import Server, quick_start
from sidestep.streams.local.embedded_kafka import EmbeddedKafka
from sidestep.topics.catalog import CATALOG
from sidestep.topics.connection import Connection
from tests.fixture_types import WaitUntil


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_create_then_check(clean_topics: Connection) -> None:
    """Creating again says so; check is content with exit code 0."""
    result = run("topics", "create", "--broker", str(clean_topics))
    assert (result.exit_code, result.output) == (0, "all topics exist\n")
    result = run("topics", "check", "--broker", str(clean_topics))
    assert result.exit_code == 0
    first, second, *rest = result.output.splitlines()
    assert "all topics are as the catalog says" == first
    assert "advice  email-intents and 13 more: replication is 1, needed: 3, with min.insync.replicas=2" == second
    assert len(rest) == 2


def test_a_difference_is_exit_code_1(clean_topics: Connection, wait_until: WaitUntil) -> None:
    """One sentence a line."""
    client = AdminClient(clean_topics.librdkafka())
    client.delete_topics(["email-anomalies"])["email-anomalies"].result(10)
    wait_until(lambda: "email-anomalies" not in client.list_topics(timeout=10).topics)
    result = run("topics", "check", "--broker", str(clean_topics))
    assert (result.exit_code, result.output.splitlines()[0]) == (
        1,
        "email-anomalies does not exist: sidestep topics create",
    )
    assert run("topics", "create", "--broker", str(clean_topics)).output == "created email-anomalies\n"
    wait_until(lambda: run("topics", "check", "--broker", str(clean_topics)).exit_code == 0)


def test_options_that_differ_from_what_is_there_are_exit_code_1(clean_topics: Connection) -> None:
    """Nothing is changed, and that is said."""
    asked = ["--broker", str(clean_topics), "--partitions", "12", "--replication", "3"]
    made, checked = run("topics", "create", *asked), run("topics", "check", *asked)
    assert (1, 1) == (made.exit_code, checked.exit_code)
    assert made.output.splitlines() == [
        "all topics exist",
        "left as it is: email-intents and 12 more: 4 partitions, not 12",
        "left as it is: email-intents and 13 more: 1 replicas, not 3",
        "left as it is: email-intents and 13 more: min.insync.replicas=1, not 2",
    ]
    assert checked.output.startswith("email-intents and 12 more: 4 partitions, not 12\n")
    kept = run("topics", "create", *asked, "--keep-differing")
    assert (0, made.output) == (kept.exit_code, kept.output)


def test_topics_that_services_have_to_themselves(
    clean_topics: Connection, wait_until: WaitUntil, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the option, and those of the signers file: made beside the catalog's, and compared."""
    name = f"email-intents.{tmp_path.name}"
    file = tmp_path / "signers.toml"
    file.write_text(f'[topics."{name}"]\nservices = ["shop"]', "utf-8")
    file.chmod(0o600)
    monkeypatch.setenv("SIDESTEP_SIGNERS", str(file))
    other = f"email-bounces.{tmp_path.name}"
    missing = run("topics", "check", "--broker", str(clean_topics))
    assert f"{name} does not exist: sidestep topics create" == missing.output.splitlines()[0]
    made = run("topics", "create", "--broker", str(clean_topics), "--own", other)
    assert [f"created {other}", f"created {name}"] == made.output.splitlines()
    wait_until(lambda: run("topics", "check", "--broker", str(clean_topics), "--own", other).exit_code == 0)
    assert 2 == run("topics", "create", "--own", "email-evidence.x").exit_code
    client = AdminClient(clean_topics.librdkafka())
    for future in client.delete_topics([name, other]).values():
        future.result(10)


def test_what_the_guarantee_needs_is_compared(tmp_path: Path) -> None:
    """A fault is exit code 1; each finding says what it means and what to do; --json is an object a line."""
    wrong = {"transaction.max.timeout.ms": 30_000, "group.min.session.timeout.ms": 20_000}
    with EmbeddedKafka(tmp_path / "kafka", java=quick_start(), server=Server(properties=wrong)) as kafka:
        assert run("topics", "create", "--broker", kafka.address, "--config", "retention.bytes=1000").exit_code == 0
        people = run("topics", "check", "--broker", kafka.address)
        programs = run("topics", "check", "--broker", kafka.address, "--json")
    assert (1, 1) == (people.exit_code, programs.exit_code)
    assert (
        "fault   broker 1: transaction.max.timeout.ms is 30000, needed: at least 60000\n        Decide" in people.output
    )
    found = [json.loads(line) for line in programs.output.splitlines()]
    faults = {(each["where"], each["what"]) for each in found if each["weight"] == "fault"}
    topics = {(topic.name, "retention.bytes") for topic in CATALOG}
    assert {("broker 1", name) for name in wrong} | topics == faults
    assert all(each["means"] and each["do"] for each in found)


def test_a_setting_that_is_none_is_a_usage_error() -> None:
    """Before any broker is asked."""
    result = run("topics", "create", "--broker", "127.0.0.1:1", "--config", "retention")
    assert result.exit_code == 2
    assert "NAME=VALUE" in result.output


def test_the_list_is_the_catalog() -> None:
    """For people and, with --json, for programs."""
    text = run("topics", "list").output
    assert [topic.name for topic in CATALOG if topic.name not in text or topic.about not in text] == []
    lines = [json.loads(line) for line in run("topics", "list", "--json").output.splitlines()]
    assert [topic.name for topic in CATALOG] == [line["name"] for line in lines]


def test_help_names_all_commands() -> None:
    """Without importing them."""
    output = run("--help").output
    assert [name for name in COMMANDS if name not in output] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_can_be_loaded(name: str) -> None:
    """And has a help text."""
    result = run(name, "--help")
    assert result.exit_code == 0, result.exception
    assert "Usage:" in result.output


def test_an_unknown_command_is_a_usage_error() -> None:
    """As click says it."""
    assert run("no-such-command").exit_code == 2
