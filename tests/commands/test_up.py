"""`sidestep up`: from one command to verdicts, and back to nothing."""

import contextlib
import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from confluent_kafka.admin import AdminClient

from sidestep.schemas import EmailIntent
from sidestep.streams.local.embedded_kafka import EmbeddedKafka
from sidestep.streams.local.nameserver import SMALL_WORLD, NameServer
from sidestep.streams.local.processes import WorkerDied, WorkerProcess, Workers
from sidestep.topics.connection import Connection
from sidestep.topics.errors import BrokerUnreachable
from sidestep.topics.publish import Publisher
from sidestep.topics.verdicts import Verdicts
from tests.fixture_types import WaitUntil
from tests.private_files import open_to_others

COMMAND = [sys.executable, "-c", "from sidestep.streams.cli import main; main(prog_name='sidestep')", "up"]

pytestmark = pytest.mark.broker


@pytest.fixture(scope="module")
def names() -> Iterator[NameServer]:
    with NameServer(SMALL_WORLD) as server:
        yield server


class Up:
    """A running `sidestep up`, and what it prints."""

    def __init__(self, folder: Path, names: NameServer, *options: str):
        self._output = folder / "output"
        servers = f"{names.host}:{names.port}"
        options = ("--data-dir", str(folder / "data"), "--name-servers", servers, "--web-port", "0", *options)
        with self._output.open("wb") as file:
            self.process = subprocess.Popen(
                [*COMMAND, *options], stdin=subprocess.DEVNULL, stdout=file, stderr=file, cwd=folder
            )

    @property
    def text(self) -> str:
        """Everything printed so far."""
        return self._output.read_text()

    def broker(self) -> str:
        """The address that it printed."""
        return self.text.partition("Kafka at ")[2].split()[0].rstrip(",")

    def end(self) -> int:
        """SIGTERM; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


@contextlib.contextmanager
def up(folder: Path, names: NameServer, wait_until: WaitUntil, *options: str) -> Iterator[Up]:
    """One that says it is ready."""
    running = Up(folder, names, *options)
    try:
        wait_until(lambda: "\nready\n" in running.text or running.process.poll() is not None, 60)
        assert "\nready\n" in running.text, running.text
        yield running
    finally:
        running.process.kill()
        running.process.wait()


def answer(kafka: Connection | str, intent: EmailIntent) -> str:
    """Publish one intent and wait for its verdict's action."""
    with Verdicts(kafka) as verdicts:
        with Publisher(kafka) as publisher:
            publisher.intent(intent)
        verdict = verdicts.poll(20)
    assert verdict is not None
    assert intent.id == verdict.id
    return verdict.action


def _urls(text: str) -> list[str]:
    return sorted(word for word in text.split() if word.endswith("/readyz"))


def _listened_on(pid: int) -> list[str]:
    """By the workers of a process: their endpoints as URLs, and whatever else listens."""
    sockets = [
        connection.laddr
        for child in psutil.Process(pid).children(recursive=True)
        if "worker" in child.cmdline()
        for connection in child.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    return sorted({f"http://{ip}:{port}/readyz" for ip, port in sockets})


def test_from_nothing_to_a_verdict_and_back(tmp_path: Path, names: NameServer, wait_until: WaitUntil) -> None:
    """Ready means ready; SIGTERM ends it cleanly within seconds; the next one goes on with what was kept.

    Workers listen at their endpoints and nowhere else (Faust has a web server of its own), and nobody else can read
    what is written.
    """
    intent = EmailIntent(id="w-1", to="ada@gmial.com", service="sign-up")
    with up(tmp_path, names, wait_until, "--kafka-port", "0") as first:
        for url in _urls(first.text):
            assert "ok" == json.load(urllib.request.urlopen(url, timeout=5))["status"]
        assert "drop" == answer(first.broker(), intent)
        kafka = first.broker()
        assert [] == open_to_others(tmp_path / "data")
        assert _urls(first.text) == _listened_on(first.process.pid)
        assert 0 == first.end()
        assert first.text.endswith("stopped; what was published is kept\n")
    with pytest.raises(BrokerUnreachable):  # nothing is left running
        Verdicts(kafka)
    with up(tmp_path, names, wait_until, "--kafka-port", "0") as second:
        with Verdicts(second.broker(), start="earliest") as verdicts:
            kept = verdicts.poll(20)
        assert kept is not None and "w-1" == kept.id
        assert "send" == answer(second.broker(), EmailIntent(id="w-2", to="ada@gmail.com", service="sign-up"))
        assert 0 == second.end()


def test_on_a_broker_that_is_there(
    clean_topics: Connection, tmp_path: Path, names: NameServer, wait_until: WaitUntil
) -> None:
    """Topics that exist are used; the broker outlives it."""
    with up(tmp_path, names, wait_until, "--broker", str(clean_topics)) as running:
        assert str(clean_topics) == running.broker()
        assert "topics created" not in running.text
        assert f"sidestep publish --broker {clean_topics} -" in running.text
        assert "send" == answer(clean_topics, EmailIntent(id="w-3", to="ada@gmail.com", service="shop"))
        assert 0 == running.end()
    assert AdminClient(clean_topics.librdkafka()).list_topics(timeout=5).topics


@pytest.mark.parametrize(
    ("option", "said"), [("--policy", "the policy can't be used"), ("--sources", "the sources file is not TOML")]
)
def test_a_worker_that_cannot_start_ends_it(
    kafka: EmbeddedKafka, tmp_path: Path, names: NameServer, option: str, said: str
) -> None:
    """An error code and the worker's own words, not a wait for ever. Files are those of the folder that it is called
    in."""
    (tmp_path / "wrong.toml").write_text("this is neither")
    running = Up(tmp_path, names, "--broker", kafka.address, option, "wrong.toml")
    try:
        assert 2 == running.process.wait(60)
    finally:
        running.process.kill()
    assert "the screen worker ended by itself (exit status 3)" in running.text
    assert said in running.text
    assert "\nready\n" not in running.text


def test_a_broker_that_is_not_there_is_said_at_once(tmp_path: Path, names: NameServer) -> None:
    """Before any worker is started."""
    running = Up(tmp_path, names, "--broker", "127.0.0.1:1")
    assert 2 == running.process.wait(30)
    assert "no Kafka answers at 127.0.0.1:1" in running.text


def test_last_words_are_those_of_this_run(tmp_path: Path, wait_until: WaitUntil) -> None:
    """A log is kept from run to run; what an earlier one said would mislead."""
    log = tmp_path / "screen.log"
    log.write_text("from an earlier run\n")
    settings = {"broker": "127.0.0.1:1", "data_dir": tmp_path, "web_port": 0, "parked_max": "many"}
    worker = WorkerProcess("screen", settings, log, {})
    with Workers([worker]) as workers, pytest.raises(WorkerDied, match="SIDESTEP_PARKED_MAX='many'") as died:
        workers.await_ready()
    assert "earlier run" not in str(died.value)
