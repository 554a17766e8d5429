"""`sidestep receive` as a process of its own, with a real Kafka behind it."""

import os
import signal
import smtplib
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest
from click.testing import CliRunner

from sidestep.schemas import Bounce
from sidestep.streams.cli import main
from sidestep.streams.local.development_ca import DevelopmentCA
from sidestep.streams.local.ports import free_port
from sidestep.streams.runtime.batches import Partition
from sidestep.streams.screen.intake import read_feedback
from sidestep.streams.screen.signers import Signers
from sidestep.streams.screen.speakers import ANY_SERVICE, SignerKey
from sidestep.topics.catalog import BOUNCES, ENGAGEMENT
from sidestep.topics.connection import Connection
from sidestep.topics.received import Received
from sidestep.topics.signing import HMAC_SHA_256
from sidestep.topics.subscribe import Subscription
from tests.fixture_types import WaitUntil
from tests.kafka_records import delivered
from tests.web.receive.conftest import Doors
from tests.web.receive.senders import PATH, REPORT, SVIX_SECRET, SendGrid, Sent, mailgun, postmark, resend, sparkpost

COMMAND = [sys.executable, "-c", "from sidestep.streams.cli import main; main()", "receive"]


@contextmanager
def _running(log: Path, web_port: int, *options: object) -> Iterator[subprocess.Popen[bytes]]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SIDESTEP_")}
    environment["SIDESTEP_WEB_PORT"] = str(web_port)
    with log.open("wb") as file:
        process = subprocess.Popen([*COMMAND, *map(str, options)], stderr=file, stdout=file, env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _status(url: str, sent: Sent | None = None, context: ssl.SSLContext | None = None) -> int:
    """The status of an answer; 0 while nobody listens."""
    given = (sent.body, sent.headers) if sent is not None else (None, {})
    try:
        with urllib.request.urlopen(urllib.request.Request(url, *given), timeout=20, context=context) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def _records(connection: Connection, topics: tuple[str, ...], count: int) -> list[Received]:
    found: list[Received] = []
    with Subscription(connection, topics, start="earliest") as records:
        deadline = time.monotonic() + 20
        while len(found) < count and time.monotonic() < deadline:
            found += records.batch(100, 0.5)
        found += records.batch(100, 0.5)
    return found


def test_what_providers_sign_is_read_as_feedback(
    tmp_path: Path, doors: Doors, clean_topics: Connection, wait_until: WaitUntil
) -> None:
    """From HTTPS to Kafka to what Screen makes of it: each provider's body, as it came; what is forged is not there.
    SIGTERM ends it with 0, and its log holds neither secret nor address."""
    authority = DevelopmentCA(tmp_path / "ca")
    issued = authority.issue("receive", ["127.0.0.1"])
    trusting = ssl.create_default_context(cafile=str(authority.certificate))
    port, web_port, log = free_port(), free_port(), tmp_path / "log"
    now = time.time()
    good = [doors.sendgrid.send(now), mailgun(at=now), resend(at=now), postmark(), sparkpost()]
    bad = [SendGrid().send(now), mailgun("key-" + "x" * 32, now), resend(at=now - 900), postmark(password="x" * 32)]
    lmtp, octets = tmp_path / "lmtp", sha256(b"of the receiver").digest()
    key = SignerKey("receiver", HMAC_SHA_256, octets, frozenset({ANY_SERVICE}))
    secret = tmp_path / "receiver.key"
    secret.write_text(f"{HMAC_SHA_256}:{octets.hex()}")
    secret.chmod(0o600)
    options = ("--doors", doors.path, "--broker", clean_topics, "--port", port, "--tls-cert", issued.certificate,
               "--tls-key", issued.key, "--lmtp", f"unix:{lmtp}",
               "--sign", "receiver", "--key-file", secret)  # fmt: skip
    with _running(log, web_port, *options) as process:
        ready = f"http://127.0.0.1:{web_port}/readyz"
        wait_until(lambda: process.poll() is not None or _status(ready) == 200, 30)
        assert process.poll() is None, log.read_text()
        url = f"https://127.0.0.1:{port}"
        assert [403] * len(bad) == [_status(url + sent.path, sent, trusting) for sent in bad]
        began = time.monotonic()
        assert [200] * len(good) == [_status(url + sent.path, sent, trusting) for sent in good]
        assert time.monotonic() - began < 10
        assert 200 == _status(url + good[0].path, good[0], trusting), "again: taken, and not published"
        with smtplib.LMTP(str(lmtp)) as client:
            assert {} == client.sendmail("", ["bounces+token=kuro@shop.example"], REPORT)
        scraped = urllib.request.urlopen(f"http://127.0.0.1:{web_port}/metrics", timeout=10).read().decode()
        assert 'sidestep_received_total{door="sendgrid",outcome="published"} 1.0' in scraped
        assert 'sidestep_received_total{door="lmtp",outcome="published"} 1.0' in scraped
        assert "sidestep_receive_kafka_up 1.0" in scraped
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, log.read_text()
    records = _records(clean_topics, (BOUNCES.name, ENGAGEMENT.name), len(good) + 1)
    assert sorted([*(sent.body for sent in good), REPORT]) == sorted(record.value.octets for record in records)
    for record in records:
        check, headers = Signers([key]).of_topic(record.topic), list(record.headers.items())
        signed = delivered(0, record.value.octets, tp=Partition(record.topic, 0), headers=headers)
        assert key == check.look(signed, now).key
        form = (record.headers["content-type"] or b"").decode()
        (feedback,) = read_feedback(record.value.octets, Bounce, form, now)
        assert isinstance(feedback, Bounce) and feedback.hard and feedback.recipient == "kuro@example.net"
        assert record.headers["provider"]
        assert record.headers.get("service") in (
            (None,) if record.headers["door"] == b"lmtp" else (b"shop", b"billing")
        )
        assert (record.headers["received-at"] or b"").startswith(b"20")
    said = log.read_text()
    assert "left cleanly" in said
    assert [] == [secret for secret in ("kuro", PATH, SVIX_SECRET, "w" * 32) if secret in said]


@pytest.mark.slow
def test_without_kafka_providers_come_again(tmp_path: Path, doors: Doors, wait_until: WaitUntil) -> None:
    """503 while nobody answers, in less time than a provider waits; it lives, and is not ready."""
    port, web_port, log = free_port(), free_port(), tmp_path / "log"
    options = ("--doors", doors.path, "--broker", f"127.0.0.1:{free_port()}", "--port", port)
    with _running(log, web_port, *options) as process:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: process.poll() is not None or _status(f"{url}/livez") == 200, 30)
        began = time.monotonic()
        sent = doors.sendgrid.send(time.time())
        assert 503 == _status(url + sent.path, sent), log.read_text()
        assert time.monotonic() - began < 10
        assert 503 == _status(f"{url}/readyz")
        process.send_signal(signal.SIGTERM)
        assert process.wait(40) == 0, log.read_text()


def _refused(*options: object) -> str:
    result = CliRunner().invoke(main, ["receive", *map(str, options)])
    assert (result.exit_code, result.stdout) == (2, ""), result.output
    return result.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--host", "0.0.0.0"), "not loopback"),
        (("--host", ""), "not loopback"),
        (("--tls-cert", "none.pem"), "belong together"),
        (("--port", 70_000), "a port is between"),
        (("--broker", "kafka.example:9092"), "plain text"),
    ],
)
def test_options_that_make_no_sense_are_told_at_the_start(
    doors: Doors, monkeypatch: pytest.MonkeyPatch, options: tuple[object, ...], said: str
) -> None:
    """One line each, that says what to do. TLS is needed beyond loopback, to providers as to Kafka."""
    monkeypatch.setenv("SIDESTEP_WEB_PORT", "0")
    text = _refused("--doors", doors.path, *options)
    assert text.startswith("sidestep: ") and said in text and text.count("\n") == 1


def test_without_doors_it_does_not_start(tmp_path: Path) -> None:
    """There is no default: nobody may say anything."""
    assert "--doors" in _refused()
    assert "can't be read" in _refused("--doors", tmp_path / "none")
