"""The programs in examples/ do what they say, as a person starts them."""

import contextlib
import http.client
import json
import re
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from confluent_kafka import OFFSET_END, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from sidestep.schemas import LogPosition, Verdict, Versions
from sidestep.schemas.codec import encode
from sidestep.streams.local.nameserver import NameServer
from sidestep.topics import Connection, Publisher, Subscription
from sidestep.topics.catalog import APPROVED, BOUNCES, ENGAGEMENT, EVIDENCE, REJECTED
from tests.canaries import CANARY_ZONES
from tests.fixture_types import WaitUntil
from tests.guarantees.harness.workers import free_port
from tests.topics.proved import keys_file, signer

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
SHIPPED = (ROOT / "streams/decide/policy.toml").read_text("utf-8")
ZONES = CANARY_ZONES | {
    "takes.example": ["MX 10 mx.takes.example."],
    "mx.takes.example": ["A 93.184.215.14"],
    "takes-none.example": ["MX 0 ."],
    "gmail.com": ["MX 10 mx.takes.example."],
}


def command(name: str, *arguments: object) -> list[str]:
    """An example as a person starts it."""
    return [sys.executable, str(EXAMPLES / name), *map(str, arguments)]


def run(name: str, *arguments: object) -> tuple[int, str]:
    """Exit code and what it said, of an example that ends by itself."""
    done = subprocess.run(command(name, *arguments), capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == "", done.stderr[-3000:]
    return done.returncode, done.stdout


class Running:
    """An example that goes on until it is ended."""

    def __init__(self, log: Path, name: str, *arguments: object):
        self._log = log
        with log.open("ab") as file:
            self.process = subprocess.Popen(command(name, *arguments), stdout=file, stderr=file)

    @property
    def said(self) -> str:
        """All that it and earlier runs with this log said."""
        return self._log.read_text("utf-8")

    def kill(self) -> None:
        """SIGKILL, and its end."""
        self.process.kill()
        self.process.wait(10)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_every_example_is_listed_and_run(path: Path) -> None:
    """It stands in the table, a test starts it, and it tells its options."""
    assert f"| [{path.name}]({path.name}) |" in (EXAMPLES / "README.md").read_text("utf-8")
    tests = Path(__file__), Path(__file__).with_name("test_django_backend.py")
    assert any(f'"{path.name}"' in test.read_text("utf-8") for test in tests)
    code, said = run(path.name, "--help")
    assert (code, "--broker" in said) == (0, True)


@pytest.fixture
def workers(clean_topics: Connection, tmp_path: Path, wait_until: WaitUntil) -> Iterator[str]:
    """Both roles at work with a limit of one message a second and domain; gives the broker's address."""
    policy = tmp_path / "policy.toml"
    policy.write_text(re.sub(r'(?<=^default = )"3000/min,max_burst=500"', '"1/s,max_burst=1"', SHIPPED, flags=re.M))
    sidestep = [str(Path(sys.executable).with_name("sidestep")), "worker", "--role", "all", "--web-port", "0"]
    with NameServer(ZONES) as dns, (tmp_path / "worker.log").open("wb") as log:
        options = ["--broker", str(clean_topics), "--data-dir", str(tmp_path / "data"), "--policy", str(policy)]
        worker = subprocess.Popen([*sidestep, *options, "--dns", f"127.0.0.1:{dns.port}"], stdout=log, stderr=log)
        yield str(clean_topics)
        worker.terminate()
        assert worker.wait(30) == 0, (tmp_path / "worker.log").read_text()


def test_a_service_learns_what_became_of_its_intents(workers: str) -> None:
    """Each address has a final verdict in the end; what was deferred has been offered again."""
    addresses = ["ada@takes.example", "kim@takes-none.example", "eve@takes.example"]
    code, said = run("service.py", "--broker", workers, *addresses)
    assert code == 0, said
    lines = said.splitlines()
    assert ["send"] == sorted({line.split()[0] for line in lines if "ada@" in line or "eve@" in line} - {"defer"})
    assert 1 == sum(line.startswith("defer") for line in lines)
    assert any(re.match(r"drop +kim@takes-none.example: .+ takes no mail", line) for line in lines)


def test_a_service_says_that_a_verdict_is_missing(clean_topics: Connection) -> None:
    """Where no worker runs, it ends with 1 when its time is up."""
    assert (1, "") == run("service.py", "--broker", clean_topics, "--wait", "1", "ada@takes.example")


def test_a_service_needs_no_more_than_json_and_a_client(workers: str) -> None:
    """A verdict for each line of the file, which keeps to the published schema; nothing of Sidestep's is imported."""
    lines = (EXAMPLES / "intents.jsonl").read_bytes().splitlines()
    schema = json.loads((ROOT / "schemas/json/email-intent.schema.json").read_text("utf-8"))
    for line in lines:
        jsonschema.validate(json.loads(line), schema)
    assert "import sidestep" not in (plain := (EXAMPLES / "plain_service.py").read_text("utf-8"))
    assert "from sidestep" not in plain
    code, said = run("plain_service.py", EXAMPLES / "intents.jsonl", "--broker", workers)
    assert code == 0
    verdicts = {verdict["id"]: verdict for verdict in map(json.loads, said.splitlines())}
    assert {"order-4711-receipt": "send", "spring-4711": "drop"} == {
        intent_id: verdict["action"] for intent_id, verdict in verdicts.items()
    }
    assert {"template": "receipt"} == verdicts["order-4711-receipt"]["metadata"]
    assert "kim@gmail.com" == verdicts["spring-4711"]["suggestion"]


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


class Relay:
    """A mail server. `took` are the ids that it has said 250 to; `before` is called with the id at each step."""

    def __init__(self) -> None:
        self.took: list[str] = []
        self.before: Callable[[str, str], None] = lambda step, intent: None

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Some recipients don't exist."""
        self.before("RCPT", address.partition("@")[0])
        if address.startswith("gone"):
            return "550 5.1.1 user unknown"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """The message is taken, whether or not its sender lives to read the answer."""
        (address,) = envelope.rcpt_tos
        self.took.append(address.partition("@")[0])
        self.before("DATA", self.took[-1])
        return "250 OK"


@pytest.fixture
def relay() -> Iterator[tuple[Relay, str]]:
    """A mail server on loopback, and its address."""
    handler = Relay()
    controller = Controller(handler, hostname="127.0.0.1", port=free_port(), ready_timeout=20)
    controller.start()
    yield handler, f"127.0.0.1:{controller.port}"
    controller.stop()


def approve(connection: Connection, *names: str, **more: Any) -> None:
    """Verdicts as Sidestep makes them, one for NAME@takes.example each; `more`: fields of all of them."""
    with Publisher(connection) as publisher:
        for name in names:
            verdict = Verdict(
                id=name, to=f"{name}@takes.example", service="shop", decision="approved", action="send",
                evidence=LogPosition("email-evidence", 0, 0), versions=Versions("1"), decided_at=1.0,
                metadata={"subject": "Your\norder", "text": "On its way. Grüße"}, **more,
            )  # fmt: skip
            publisher.publish_bytes(APPROVED.name, encode(verdict), b"one partition")


@pytest.mark.slow
def test_a_mailer_that_is_killed_sends_nothing_twice(
    clean_topics: Connection, relay: tuple[Relay, str], tmp_path: Path, wait_until: WaitUntil
) -> None:
    """Killed before the relay has the text, the message goes out with the next run; killed before the relay's answer
    arrives, it is told and not sent again, unless that is asked for."""
    handler, address = relay
    names = [f"m{number}" for number in range(20)]
    options = ["--broker", clean_topics, "--relay", address, "--database", tmp_path / "sent.sqlite"]
    running = [Running(tmp_path / "mailer.log", "mailer.py", *options)]
    last_moments = {("RCPT", "m5"), ("DATA", "m12")}

    def before(step: str, name: str) -> None:
        if (step, name) in last_moments:
            last_moments.remove((step, name))
            running[-1].kill()

    handler.before = before
    approve(clean_topics, *names)
    for _ in range(2):
        wait_until(lambda: running[-1].process.poll() is not None, 60)
        running.append(Running(tmp_path / "mailer.log", "mailer.py", *options))
    wait_until(lambda: "shop/m19: sent" in running[-1].said, 60)
    assert names == handler.took
    assert "shop/m12: in doubt: it may have been sent before a crash\n" in running[-1].said
    running[-1].kill()


def test_a_mailer_with_keys_sends_nothing_without_a_proof(
    clean_topics: Connection, relay: tuple[Relay, str], tmp_path: Path, wait_until: WaitUntil
) -> None:
    """What somebody else wrote among the approvals is told, and passed over."""
    handler, address = relay
    approve(clean_topics, "forged")
    keys = keys_file(tmp_path / "verdict-keys.toml", signer(tmp_path))
    options = ["--broker", clean_topics, "--relay", address, "--database", tmp_path / "sent.sqlite"]
    running = Running(tmp_path / "mailer.log", "mailer.py", *options, "--verdict-keys", keys)
    wait_until(lambda: "not sent, proof-missing:" in running.said, 30)
    running.kill()
    assert [] == handler.took


def test_a_mailer_tells_what_was_refused(
    clean_topics: Connection, relay: tuple[Relay, str], tmp_path: Path, wait_until: WaitUntil
) -> None:
    """The relay's words go to Sidestep, put down to the intent."""
    handler, address = relay
    approve(clean_topics, "gone", "here")
    options = ["--broker", clean_topics, "--relay", address, "--database", tmp_path / "sent.sqlite"]
    running = Running(tmp_path / "mailer.log", "mailer.py", *options)
    wait_until(lambda: "shop/here: sent" in running.said, 30)
    running.kill()
    with Subscription(clean_topics, [BOUNCES.name], start="earliest") as bounces:
        (record,) = bounces.batch(10, 10)
    assert ("gone@takes.example", "shop", "gone") == (
        record.value.recipient,
        record.value.service,
        record.value.intent_id,
    )
    assert "550 5.1.1 user unknown" == record.value.reply
    assert ["here"] == handler.took


def test_a_mailer_sends_neither_tests_nor_what_has_expired(
    clean_topics: Connection, relay: tuple[Relay, str], tmp_path: Path, wait_until: WaitUntil
) -> None:
    """Both have been approved; what expires later is sent."""
    handler, address = relay
    approve(clean_topics, "test", test=True)
    approve(clean_topics, "late", expires_at=time.time() - 1)
    approve(clean_topics, "early", expires_at=time.time() + 3600)
    options = ["--broker", clean_topics, "--relay", address, "--database", tmp_path / "sent.sqlite"]
    running = Running(tmp_path / "mailer.log", "mailer.py", *options)
    wait_until(lambda: "shop/early: sent" in running.said, 30)
    running.kill()
    assert "shop/test: a test, which nobody is to get\nshop/late: expired: not sent\n" in running.said
    assert ["early"] == handler.took


def test_a_mailer_gives_up_on_a_relay_when_mail_would_come_too_late(
    clean_topics: Connection, tmp_path: Path, wait_until: WaitUntil
) -> None:
    """A relay that is away does not make it send what has expired meanwhile."""
    approve(clean_topics, "late", expires_at=time.time() + 5)
    options = ["--broker", clean_topics, "--relay", "127.0.0.1:1", "--database", tmp_path / "sent.sqlite"]
    running = Running(tmp_path / "mailer.log", "mailer.py", *options)
    wait_until(lambda: "shop/late: expired: not sent" in running.said, 30)
    running.kill()


def test_an_auditor_proves_what_workers_have_written(workers: str, wait_until: WaitUntil) -> None:
    """All of it. What somebody puts among the verdicts, or takes away, is named by its place."""
    run("service.py", "--broker", workers, "ada@takes.example", "kim@takes-none.example")
    assert (0, "proved=2/2\n") == run("auditor.py", "--broker", workers)
    with Subscription(workers, [REJECTED.name], start="earliest") as rejected:
        (record,) = rejected.batch(10, 10)
    place, octets = TopicPartition(REJECTED.name, record.partition), encode(record.value)
    producer, client = Producer({"bootstrap.servers": workers}), AdminClient({"bootstrap.servers": workers})
    for forged in (octets.replace(b'"drop"', b'"send"'), octets, b"{}"):
        producer.produce(place.topic, forged, partition=place.partition)
    assert 0 == producer.flush(20)
    code, said = run("auditor.py", "--broker", workers)
    *faults, last = said.splitlines()
    follows = f"email-evidence/{record.partition}/{record.value.evidence.offset}"
    assert (1, "proved=2/5") == (code, last)
    assert [
        rf"differs: email-rejected/{place.partition}/\d+ is not what follows from {follows}",
        rf"repeated: email-rejected/{place.partition}/\d+ stands there once before",
        rf"extra: email-rejected/{place.partition}/\d+ follows from nothing in the log",
    ] == [re.sub(r"(email-rejected/\d+/)\d+", r"\1\\d+", fault) for fault in faults]
    place.offset = OFFSET_END
    client.delete_records([place])[place].result(20)
    missing = f"missing: nothing stands in email-rejected of {follows}"
    assert (1, f"{missing}\nproved=1/2\n") == run("auditor.py", "--broker", workers)


def test_an_auditor_without_the_beginning_says_so(clean_topics: Connection) -> None:
    """Verdicts rest on all of the log before them."""
    place = TopicPartition(EVIDENCE.name, 1)
    producer = Producer(clean_topics.librdkafka())
    producer.produce(place.topic, b"{}", partition=place.partition)
    assert 0 == producer.flush(20)
    place.offset = OFFSET_END
    client = AdminClient(clean_topics.librdkafka())  # a variable: nothing is answered to one that is gone
    client.delete_records([place])[place].result(20)
    code, said = run("auditor.py", "--broker", clean_topics)
    assert (2, True) == (code, said.startswith("it can't be told: email-evidence/1 begins at 1:"))
