"""What comes back by webhooks, and who reads it."""

import contextlib
import http.client
import json
import re
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from sidestep.topics import Connection, Publisher, Subscription
from sidestep.topics.catalog import BOUNCES, ENGAGEMENT
from tests.examples.programs import Running, run
from tests.fixture_types import WaitUntil

POSTMARK = {
    "RecordType": "Bounce",
    "Type": "HardBounce",
    "ID": 42,
    "MessageID": "m1",
    "Email": "gone@takes.example",
    "Details": "smtp;550 5.1.1 user unknown",
}
"""Without BouncedAt: it has just bounced."""


def test_a_webhook_body_reaches_the_next_verdict(workers: str, tmp_path: Path, wait_until: WaitUntil) -> None:
    """Taken as the provider sends it; the next intent to the recipient, who has been mailed, is dropped for it."""
    assert dropped(workers, "gone@takes.example") == ""
    with receiver(tmp_path, workers, wait_until) as url:
        assert 200 == post(url, json.dumps(POSTMARK).encode())
        said = wait_until(lambda: dropped(workers, "gone@takes.example"), 60)
    assert "the mailbox does not exist" in said


def dropped(broker: str, address: str) -> str:
    """What a service is told when it wants to write to the address; empty as long as it may."""
    _, said = run("service.py", "--broker", broker, address)
    return said if "drop" in said else ""


def test_a_webhook_is_put_into_kafka_as_it_came(
    clean_topics: Connection, tmp_path: Path, wait_until: WaitUntil
) -> None:
    """Octet for octet, with its content type; what is too large or has no length is not even read."""
    body = b"From: mailer-daemon@example.org\r\n\r\n<ada@takes.example>: \xff"
    with receiver(tmp_path, str(clean_topics), wait_until) as url:
        assert 200 == post(url, body, "message/rfc822")
        assert 413 == post_header(url, ("Content-Length", "1000001"))
        assert 411 == post_header(url, ("Transfer-Encoding", "chunked"))
    with Subscription(clean_topics, [BOUNCES.name], start="earliest") as bounces:
        (record,) = bounces.batch(10, 10)
    assert {"content-type": b"message/rfc822"} == record.headers
    assert body == record.value.octets


@pytest.mark.slow
def test_a_webhook_is_refused_while_kafka_is_away(tmp_path: Path, wait_until: WaitUntil) -> None:
    """Within the time that a provider waits, so that it sends the body again later."""
    with receiver(tmp_path, "127.0.0.1:1", wait_until) as url:
        assert 503 == post(url, json.dumps(POSTMARK).encode())


@pytest.mark.slow
def test_what_came_back_is_kept_once_though_its_reader_is_killed(
    clean_topics: Connection, tmp_path: Path, wait_until: WaitUntil
) -> None:
    """Events that come twice, and a reader killed in the middle: a row for each event of a message of ours."""
    database = tmp_path / "came-back.sqlite"
    options = ["--broker", clean_topics, "--database", database]
    reader = Running(tmp_path / "killed.log", "webhook_consumer.py", *options)
    try:
        publish_events(clean_topics, range(500), "m1")
        wait_until(lambda: kept(database), 60)
        reader.kill()
        publish_events(clean_topics, range(1001), "m1", "last")
        reader = Running(tmp_path / "next.log", "webhook_consumer.py", *options)
        ends = {("shop", "m1000", "opened", "", None), ("shop", "last", "bounce", "userunknown", 1)}
        wait_until(lambda: ends <= set(kept(database)), 60)
    finally:
        reader.kill()
    rows = kept(database)
    assert len(rows) == 1003
    assert ("shop", "m42", "opened", "", None) in rows
    assert ("shop", "m1", "bounce", "userunknown", 1) in rows
    assert re.search(r"email-bounces/\d+/\d+: ", reader.said)  # what nobody can read is told by its place
    assert not [row for row in rows if "takes.example" in str(row)]


def publish_events(connection: Connection, numbers: Iterable[int], *bounced: str) -> None:
    """SendGrid's event for each number, what nobody can read, a bounce of nobody's message, and Postmark's of each that
    bounced; each topic's in this order."""
    with Publisher(connection) as publisher:
        for number in numbers:
            opened = {
                "event": "open", "email": f"m{number}@takes.example", "timestamp": 1795510920,
                "sg_event_id": f"e{number}", "sidestep_service": "shop", "intent_id": f"m{number}",
            }  # fmt: skip
            publisher.publish_bytes(ENGAGEMENT.name, json.dumps([opened]).encode(), b"one partition")
        bodies = [POSTMARK | {"Metadata": {"sidestep_service": "shop", "intent_id": name}} for name in bounced]
        for octets in (b"\x00", *(json.dumps(body).encode() for body in (POSTMARK, *bodies))):
            publisher.publish_bytes(BOUNCES.name, octets, b"one partition", {"content-type": "application/json"})


def kept(database: Path) -> list[tuple[object, ...]]:
    """What the reader of webhooks has on disk; nothing as long as it has not made its table."""
    with contextlib.closing(sqlite3.connect(database)) as connection, contextlib.suppress(sqlite3.OperationalError):
        return connection.execute("SELECT service, id, kind, reason, hard FROM came_back").fetchall()
    return []


@contextlib.contextmanager
def receiver(folder: Path, broker: str, wait_until: WaitUntil) -> Iterator[str]:
    """The receiver at work; gives its URL."""
    running = Running(folder / "receiver.log", "webhook_receiver.py", "--broker", broker, "--port", 0)
    try:
        yield "http://" + wait_until(lambda: re.search(r"listening on (\S+)", running.said), 20)[1]
    finally:
        running.kill()


def post(url: str, body: bytes, content_type: str = "application/json") -> int:
    """The status of the answer."""
    request = urllib.request.Request(url, body, {"Content-Type": content_type})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def post_header(url: str, header: tuple[str, str]) -> int:
    """The status of the answer to a POST of which only the head is sent."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=20)
    connection.putrequest("POST", "/")
    connection.putheader(*header)
    connection.endheaders()
    with contextlib.closing(connection):
        return connection.getresponse().status
