"""sidestep publish and sidestep tail, as a shell user sees them."""

import base64
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from confluent_kafka.admin import AdminClient

from sidestep.schemas import FiredRule, LogPosition, Verdict, Versions
from sidestep.schemas.codec import encode
from sidestep.streams.cli import main
from sidestep.streams.commands.render import as_text_line
from sidestep.streams.decide.policy_file import SHIPPED
from sidestep.streams.runtime.dead_letters import dead_letter
from sidestep.streams.terminal import printable
from sidestep.topics import cluster
from sidestep.topics.connection import Connection
from sidestep.topics.publish import Publisher
from sidestep.topics.received import Received, Unreadable
from tests.fixture_types import WaitUntil
from tests.kafka_records import delivered

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


def test_publish_leaves_out_what_screen_would_refuse(clean_topics: Connection) -> None:
    """Before it is a dead letter: times that are none, control characters, metadata that is too long."""
    odd: list[dict[str, object]] = [
        {"created_at": "1764115200"},
        {"created_at": 1764115200000},
        {"created_at": "26.11.2026 10:00"},
        {"id": "\u0001"},
        {"metadata": {"x": "y" * 16_500}},
    ]
    lines = [json.dumps({"id": "k", "to": "ada@example.org", "service": "shop", **fields}) for fields in odd]
    result = run("publish", "--broker", str(clean_topics), "-", stdin="\n".join(lines))
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (1, "0 published to email-intents, 5 left out")
    assert (
        "line 2: created_at = 1764115200000.0 is not between the year 2000 and tomorrow; give seconds" in result.stderr
    )


def test_publish_waits_for_verdicts_and_knows_those_of_known_ids(clean_topics: Connection) -> None:
    """Nobody answers here: a known id is told with the verdict that it has had, if that is on the same content; of the
    others it is said that none has come."""
    with Publisher(clean_topics) as publisher:
        for answered in (verdict(id="1"), verdict(id="2", to="eve@example.org"), verdict(id="1", service="other")):
            publisher.publish_bytes("email-approved", encode(answered), answered.id.encode())
    lines = "\n".join((GOOD % 1, GOOD % 2))
    result = run("publish", "--broker", str(clean_topics), "--wait", "--timeout", "0.5", "-", stdin=lines)
    assert 1 == result.exit_code
    (shown,) = result.stdout.splitlines()
    assert shown.endswith(" send  shop/1 -> ada@example.org")
    assert result.stderr.splitlines() == [
        "2 published to email-intents",
        "shop/1: known id, so there is no second verdict; its verdict was",
        "no verdict on shop/2 within 0.5 s: is a worker running?",
    ]
    assert 2 == run("publish", "--wait", "--no-check", "-", stdin="").exit_code


def test_standard_input_and_other_topics(clean_topics: Connection) -> None:
    """`-` reads from a pipe; exit code 0 when all lines are good."""
    line = '{"recipient":"ada@example.org","kind":"opened"}'
    result = run("publish", "--broker", str(clean_topics), "--topic", "email-engagement", "-", stdin=line + "\n" + line)
    assert (result.exit_code, result.stderr) == (0, "2 published to email-engagement\n")


def test_a_report_or_a_webhooks_body_is_sent_whole(clean_topics: Connection, tmp_path: Path) -> None:
    """Octet for octet with its content type, and it is told what Screen will read; lines of JSON go as lines where that
    is said, and what would be a dead letter is not sent."""
    body = [{"email": "ada@example.org", "event": event, "sg_event_id": event} for event in ("bounce", "open", "open")]
    file = tmp_path / "sendgrid.json"
    file.write_text(json.dumps(body, indent=2) + "\n")
    to_bounces = ("publish", "--broker", str(clean_topics), "--topic", "email-bounces")
    result = run(*to_bounces, str(file))
    assert (0, "published whole to email-bounces: 1 bounce, 1 opened\n") == (result.exit_code, result.stderr)
    (record,) = tail(clean_topics, "--topic", "email-bounces", "--count", "1", "--timeout", "10")
    assert file.read_bytes() == base64.b64decode(record["value_base64"])
    assert {"content-type": "application/json"} == record["headers"]
    assert ["ada@example.org"] * 2 == [event["recipient"] for event in record["events"]]
    lines = tmp_path / "lines.json"
    lines.write_text('{"recipient":"ada@example.org"}\n' * 2)
    refused = run(*to_bounces, str(lines))
    assert (1, True) == (refused.exit_code, "not published: " in refused.stderr and "--lines" in refused.stderr)
    assert "2 published to email-bounces\n" == run(*to_bounces, "--lines", str(lines)).stderr
    strange = run(*to_bounces, "-", stdin='{"kind":"bounced","recipient":"a@example.org"}')
    assert (1, True) == (strange.exit_code, "bounce, complaint" in strange.stderr and "--whole" in strange.stderr)
    mail = "From: a@example.org\nSubject: hello\n\nhow are you?\n"
    assert 1 == run(*to_bounces, "--whole", "-", stdin=mail).exit_code
    assert (
        "published whole to email-bounces: unchecked\n"
        == run(*to_bounces, "--whole", "--no-check", "-", stdin=mail).stderr
    )
    assert 2 == run("publish", "--whole", "-", stdin=mail).exit_code


def test_each_message_of_an_mbox_is_a_record(clean_topics: Connection, tmp_path: Path) -> None:
    """More of them than one record takes; what Screen could make nothing of is left out, with its number."""
    line, fields = "From x Mon Jan  1 00:00:00 2026\n", "From: MAILER-DAEMON@example.org\nSubject: failure notice\n\n"
    bounces = [f"{line}{fields}<u{number}@example.net>: 550 5.1.1 user unknown\n\n" for number in range(30)]
    other = f"{line}From: a@example.org\nSubject: hello\n\nhow are you?\n\n"
    file = tmp_path / "bounces.mbox"
    file.write_text("".join([*bounces[:6], other, *bounces[6:]]))
    result = run("publish", "--broker", str(clean_topics), "--topic", "email-bounces", str(file))
    what, told = result.stderr.splitlines()
    assert (1, "30 messages published to email-bounces: 30 bounce; 1 left out") == (result.exit_code, told)
    assert what.startswith("message 7: not published: ")
    records = tail(clean_topics, "--topic", "email-bounces", "--count", "30", "--timeout", "10")
    assert {f"u{number}@example.net" for number in range(30)} == {one["events"][0]["recipient"] for one in records}
    assert {"message/rfc822"} == {one["headers"]["content-type"] for one in records}


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


def test_tail_begins_with_the_last_few(clean_topics: Connection) -> None:
    """What a newcomer sees who publishes first and looks then: the youngest ten, in their order, with their dates."""
    with Publisher(clean_topics) as publisher:
        for number in range(12):
            topic = "email-approved" if number % 2 else "email-rejected"
            publisher.publish_bytes(topic, encode(verdict(id=f"o-{number}")), b"%d" % number)
            publisher.flush()
    broker = ("--broker", str(clean_topics), "--timeout", "0.2")
    lines = run("tail", *broker).stdout.splitlines()
    # two of the same millisecond may stand either way
    assert {f"shop/o-{number}" for number in range(2, 12)} == {line.split()[2] for line in lines} and 10 == len(lines)
    assert sorted(line.split()[0] for line in lines) == [line.split()[0] for line in lines]
    assert {datetime.now(UTC).date().isoformat()} == {line[:10] for line in lines}
    assert 1 == len(run("tail", *broker, "--last", "1").stdout.splitlines())
    assert "" == run("tail", *broker, "--last", "0").stdout
    assert 12 == len(run("tail", *broker, "--since", "1h").stdout.splitlines())
    assert "" == run("tail", *broker, "--since", "0s").stdout
    assert 2 == run("tail", *broker, "--since", "1h", "--last", "3").exit_code


def test_tail_finds_one_id_and_one_mailbox(clean_topics: Connection) -> None:
    """Among all that is retained, however the address is written."""
    with Publisher(clean_topics) as publisher:
        for number, to in enumerate(("jane.doe@gmail.com", "JaneDoe+shop@googlemail.com", "jane@example.org")):
            publisher.publish_bytes("email-approved", encode(verdict(id=f"o-{number}", to=to)))
        publisher.publish_bytes("email-approved", b"broken")
        for number in range(20):
            publisher.publish_bytes("email-approved", encode(verdict(id=f"later-{number}")))

    def found(*options: str) -> set[str]:
        lines = run("tail", "--broker", str(clean_topics), "--timeout", "0.2", *options).stdout.splitlines()
        return {line.split()[2] for line in lines}

    lines = run("tail", "--broker", str(clean_topics), "--timeout", "0.2", "--to", "janedoe@gmail.com").stdout
    assert sorted(lines.splitlines(), key=lambda line: line[:20]) == lines.splitlines(), (
        "by time, whatever the partition"
    )
    assert {"shop/o-1"} == found("--id", "o-1")
    assert {"shop/o-0", "shop/o-1"} == found("--to", "janedoe@gmail.com")
    assert {"shop/o-2"} == found("--to", "jane@example.org", "--service", "shop")
    assert set() == found("--from-beginning", "--service", "other")


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


def test_a_dead_letter_says_why_where_and_whose_on_one_line() -> None:
    """Reason, origin, service and how the value begins; what somebody else has put there is shown as it is."""
    broken = b'{"id":12345,"service":"shop","to":"ada@example.org"}'

    def line(value: bytes | None, text: str = "Expected `str`") -> str:
        letter = dead_letter(delivered(7, value), "invalid", text, "email-dead-letters")
        headers = {name: header for name, header in letter["headers"] if isinstance(header, bytes)}
        return as_text_line(Received("email-dead-letters", 3, 1, 0, None, letter["value"], headers))

    told = f"1970-01-01T00:00:00Z email-dead-letters/3/1 {click.style('invalid', fg='red')} test/0/7"
    assert f"{told} shop [Expected `str`] {broken.decode()}" == line(broken)
    assert f"{told} - [Expected `str`] none" == line(None)
    assert f"{told} - [Expected `str`] {'x' * 200}…" == line(b"x" * 201)

    assert "\n" not in line(b"a\nb", "c\nd")
    assert as_text_line(Received("email-dead-letters", 3, 1, 0, None, broken)).endswith(broken.decode())


def test_publish_warns_of_streams_that_the_policy_does_not_know(clean_topics: Connection) -> None:
    """Once each, with what may be meant; they are published all the same, and without a policy nobody is warned."""
    streams = ["Transactional", "marketng", "marketng", ""]
    lines = [
        json.dumps({"id": str(n), "to": "a@example.org", "service": "shop", "stream": s}) for n, s in enumerate(streams)
    ]
    arguments = ("publish", "--broker", str(clean_topics), "-")
    result = run(*arguments, "--policy", str(SHIPPED), stdin="\n".join(lines))
    assert result.exit_code == 0, result.stderr
    published, slip, none = result.stderr.splitlines()
    assert "4 published to email-intents" == published
    assert slip.startswith("warning: 2 intents have stream marketng, which the policy does not know")
    assert slip.endswith("is marketing meant?")
    assert none.startswith("warning: 1 intent has no stream")
    assert "4 published to email-intents" == run(*arguments, stdin="\n".join(lines)).stderr.strip()
    assert "can't be used" in run(*arguments, "--policy", __file__).stderr
