"""sidestep publish and sidestep tail, as a shell user sees them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from confluent_kafka.admin import AdminClient

from sidestep.schemas import FiredRule, LogPosition, Verdict, Versions
from sidestep.schemas.codec import encode
from sidestep.streams.cli import main
from sidestep.streams.commands.render import as_text_line
from sidestep.streams.terminal import printable
from sidestep.topics import cluster
from sidestep.topics.connection import Connection
from sidestep.topics.publish import Publisher
from sidestep.topics.received import Received, Unreadable
from tests.fixture_types import WaitUntil

GOOD = '{"id":"%s","to":"ada@example.org","service":"shop"}'


def run(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, arguments, input=stdin)


def tail(connection: Connection, *arguments: str) -> list[dict[str, Any]]:
    result = run("tail", "--broker", str(connection), "--json", "--from-beginning", *arguments)
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def verdict(**fields: Any) -> Verdict:
    given: dict[str, Any] = {
        "id": "order-1",
        "to": "ada@example.org",
        "service": "shop",
        "decision": "approved",
        "action": "send",
        "evidence": LogPosition("email-evidence", 0, 1),
        "versions": Versions("1"),
        "decided_at": 1.0,
    }
    return Verdict(**given | fields)


def test_good_lines_are_published_and_bad_ones_are_reported(clean_topics: Connection, tmp_path: Path) -> None:
    """By number and reason on stderr, with exit code 1; blank lines do not count, but are numbered."""
    lines = [GOOD % 1, "", '{"id":2}', "nonsense", GOOD % 5]
    path = tmp_path / "intents.jsonl"
    path.write_text("\n".join(lines))
    result = run("publish", "--broker", str(clean_topics), str(path))
    assert result.exit_code == 1
    reports = result.stderr.splitlines()
    assert [report[:8] for report in reports[:2]] == ["line 3: ", "line 4: "]
    assert reports[2] == "2 published to email-intents, 2 left out"
    found = tail(clean_topics, "--topic", "email-intents", "--count", "2", "--timeout", "10")
    assert {"1", "5"} == {record["value"]["id"] for record in found}
    assert {"shop/1", "shop/5"} == {record["key"] for record in found}


def test_standard_input_and_other_topics(clean_topics: Connection) -> None:
    """`-` reads from a pipe; exit code 0 when all lines are good."""
    line = '{"recipient":"ada@example.org","kind":"opened"}'
    result = run("publish", "--broker", str(clean_topics), "--topic", "email-engagement", "-", stdin=line + "\n" + line)
    assert (result.exit_code, result.stderr) == (0, "2 published to email-engagement\n")


def test_unchecked_lines_go_out_as_they_are_and_are_shown_as_they_are(clean_topics: Connection) -> None:
    """What can't be read is neither dropped nor fatal on the way out: the JSON line holds its octets and the error."""
    assert run("publish", "--no-check", "--broker", str(clean_topics), "-", stdin="not json").exit_code == 0
    (record,) = tail(clean_topics, "--topic", "email-intents", "--count", "1", "--timeout", "10")
    assert (record["error"]["code"], record["value_base64"]) == ("not-json", "bm90IGpzb24=")
    assert {"topic", "partition", "offset", "timestamp", "key"} < record.keys()


def test_tail_ends_after_its_timeout(clean_topics: Connection) -> None:
    """With exit code 0, but 1 if fewer records came than --count asked for."""
    result = run("tail", "--broker", str(clean_topics), "--timeout", "0.2")
    assert result.exit_code == 0, result.stderr
    assert run("tail", "--broker", str(clean_topics), "--timeout", "0.2", "--count", "1").exit_code == 1


def test_verdicts_are_one_line_each(clean_topics: Connection) -> None:
    """Both topics by default; no colour codes where there is no terminal."""
    rejected = verdict(id="order-2", decision="rejected", action="drop")
    with Publisher(clean_topics) as publisher:
        publisher.publish_bytes("email-approved", encode(verdict()))
        publisher.publish_bytes("email-rejected", encode(rejected))
    result = run("tail", "--broker", str(clean_topics), "--from-beginning", "--count", "2", "--timeout", "10")
    lines = sorted(line.split(" ", 1)[1] for line in result.stdout.splitlines())
    assert lines == ["drop  shop/order-2 -> ada@example.org", "send  shop/order-1 -> ada@example.org"]


def test_an_error_is_one_line_and_exit_code_2(monkeypatch: pytest.MonkeyPatch) -> None:
    """No traceback; the message says what to do."""
    monkeypatch.setattr(cluster, "DEADLINE", 0.5)
    result = run("publish", "--broker", "127.0.0.1:1", "-", stdin=GOOD % 1)
    assert result.exit_code == 2
    assert result.stderr.startswith("sidestep: no Kafka answers at 127.0.0.1:1")
    assert len(result.stderr.splitlines()) == 1


def test_a_missing_topic_is_an_error_before_anything_is_sent(clean_topics: Connection, wait_until: WaitUntil) -> None:
    """Instead of a delivery that fails half a minute later."""
    client = AdminClient(clean_topics.librdkafka())
    client.delete_topics(["email-bounces"])["email-bounces"].result(10)
    wait_until(lambda: "email-bounces" not in client.list_topics(timeout=10).topics)
    result = run("publish", "--broker", str(clean_topics), "--topic", "email-bounces", "-", stdin="{}")
    assert result.exit_code == 2
    assert f"sidestep topics create --broker {clean_topics}" in result.stderr


def test_the_installed_command_works(clean_topics: Connection) -> None:
    """The console script, with the broker from the environment."""
    command = [str(Path(sys.executable).with_name("sidestep")), "publish", "-"]
    result = subprocess.run(
        command, input=(GOOD % 1).encode(), env={"SIDESTEP_BROKER": str(clean_topics)}, capture_output=True, check=False
    )
    assert (result.returncode, result.stderr) == (0, b"1 published to email-intents\n")


@pytest.mark.parametrize("text", ["\x1b[2J", "a\nb", "\u202eevil", "\x07", "\u200b"])
def test_nothing_steers_the_terminal(text: str) -> None:
    """An address may come from a stranger: neither escapes nor line breaks nor reversed text reach the terminal."""
    assert all(c.isprintable() for c in printable(text))
    assert text not in as_text_line(Received("email-approved", 0, 0, 0, None, verdict(to=f"{text}@example.org")))
    assert text not in as_text_line(Received("email-approved", 0, 0, 0, None, Unreadable("x", text, b"")))
    assert text not in as_text_line(Received("email-dead-letters", 0, 0, 0, text.encode(), text.encode()))


def test_a_verdicts_line_says_why() -> None:
    """The rules with their sentences, in brackets."""
    line = as_text_line(Received("email-approved", 0, 0, 0, None, verdict(rules=[FiredRule("null-mx", "No mail.")])))
    assert line.endswith("shop/order-1 -> ada@example.org  [null-mx: No mail.]")
