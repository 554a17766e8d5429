"""The embedded broker: verified jars, data that stays, one owner a folder, and nothing that outlives its parent."""

import contextlib
import functools
import http.server
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic

from sidestep.streams.errors import EmbeddedBrokerError
from sidestep.streams.local import embedded_jars
from sidestep.streams.local.embedded_config import Listener, Server, failure_in, quick_start, server_properties
from sidestep.streams.local.embedded_jars import Lock, classpath, read_lock
from sidestep.streams.local.embedded_kafka import EmbeddedKafka
from sidestep.streams.local.ports import free_port
from sidestep.topics.subscribe import Subscription
from tests.fixture_types import WaitUntil

ANOTHER = Path(__file__).parents[1] / "guarantees" / "harness" / "kafka-4.3.1.lock"
OWNER = """
import sys, time
from sidestep.streams.local.embedded_config import quick_start
from sidestep.streams.local.embedded_kafka import EmbeddedKafka
with EmbeddedKafka(sys.argv[1], java=quick_start()) as broker:
    print(broker.pid, broker.address, flush=True)
    sys.stdin.read()
"""

needs_broker = pytest.mark.broker


def alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    return False


@contextlib.contextmanager
def owner(directory: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Another process with a broker in `directory`, and the broker's process id."""
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, directory], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield process, int(process.stdout.readline().split()[0])
    finally:
        process.kill()
        process.communicate()


@needs_broker
def test_records_stay_when_it_is_started_again_on_another_port(tmp_path: Path) -> None:
    """Two runs in one folder, whose name is not ASCII and has what properties files choke on."""
    folder = tmp_path / "Ärger, mit=Pfad"
    with EmbeddedKafka(folder, java=quick_start()) as first:
        client = AdminClient(first.connection.librdkafka())
        client.create_topics([NewTopic("kept", 1, 1)])["kept"].result(10)
        producer = Producer(first.connection.librdkafka())
        producer.produce("kept", b"value")
        assert producer.flush(10) == 0
        port = first.port
    assert not first.running
    with (
        EmbeddedKafka(folder, java=quick_start()) as second,
        Subscription(second.address, ["kept"], start="earliest") as records,
    ):
        assert second.port != port
        record = records.poll(10)
        assert record is not None and record.value == b"value"


@needs_broker
def test_a_folder_in_use_is_refused(kafka: EmbeddedKafka) -> None:
    """By name of its process and with the address to use instead; the running broker is not disturbed."""
    with pytest.raises(EmbeddedBrokerError, match=rf"process {kafka.pid}\).*--broker {kafka.address}"):
        EmbeddedKafka(kafka.directory).start()
    assert kafka.running


@needs_broker
def test_a_port_in_use_is_refused_before_anything_starts(tmp_path: Path) -> None:
    """The message names the port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(EmbeddedBrokerError, match=f"port {port} "):
            EmbeddedKafka(tmp_path, port=port).start()


@needs_broker
def test_what_kafka_says_is_in_the_error(tmp_path: Path) -> None:
    """A heap that is too small to start with: the error quotes Java, not just an exit code."""
    with pytest.raises(EmbeddedBrokerError, match=r"[Hh]eap|OutOfMemory"):
        EmbeddedKafka(tmp_path, heap="3m").start()


@needs_broker
def test_it_dies_with_its_parent(tmp_path: Path, wait_until: WaitUntil) -> None:
    """kill -9 of the process that started it; afterwards the folder is free again."""
    with owner(tmp_path) as (process, broker):
        assert alive(broker)
        process.kill()
        wait_until(lambda: not alive(broker), 20)
    with EmbeddedKafka(tmp_path, java=quick_start()) as again:
        assert again.running


@needs_broker
@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG")
def test_it_dies_with_its_supervisor(tmp_path: Path, wait_until: WaitUntil) -> None:
    """kill -9 of the supervisor leaves no broker either, and the owner notices."""
    with EmbeddedKafka(tmp_path, java=quick_start()) as broker:
        parent = re.search(r"PPid:\s+(\d+)", Path(f"/proc/{broker.pid}/status").read_text())
        assert parent is not None
        os.kill(int(parent[1]), signal.SIGKILL)
        wait_until(lambda: not alive(broker.pid), 20)
        wait_until(lambda: not broker.running)


@needs_broker
def test_a_broker_that_ignores_sigterm_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wait_until: WaitUntil
) -> None:
    """After the deadline. A stopped process takes no SIGTERM."""
    monkeypatch.setattr("sidestep.streams.local.embedded_kafka.STOP_DEADLINE", 0.5)
    broker = EmbeddedKafka(tmp_path, java=quick_start()).start()
    os.kill(broker.pid, signal.SIGSTOP)
    broker.stop()
    assert not alive(broker.pid)


@needs_broker
def test_another_kafka_with_another_listener_and_other_properties(tmp_path: Path) -> None:
    """Its jars are verified in the same way; who asks at the listener hears of the address that it advertises."""
    behind = free_port()
    server = Server({"message.max.bytes": 12345}, (Listener("PROXIED", behind, advertised=1234),))
    with EmbeddedKafka(tmp_path, java=quick_start(), lock=read_lock(ANOTHER), server=server) as broker:
        assert b"/kafka_2.13-4.3.1.jar" in Path(f"/proc/{broker.pid}/cmdline").read_bytes()
        seen = AdminClient({"bootstrap.servers": f"127.0.0.1:{behind}", "log_level": 0}).list_topics(timeout=10)
        assert [1234] == [node.port for node in seen.brokers.values()]
        client, asked = AdminClient(broker.connection.librdkafka()), ConfigResource(ConfigResource.Type.BROKER, "1")
        found = client.describe_configs([asked])[asked].result(10)
        assert found["message.max.bytes"].value == "12345"


@needs_broker
def test_it_keeps_its_port_when_it_is_started_again(tmp_path: Path) -> None:
    """Clients know it by then. Killed or stopped, the same object starts it again."""
    broker = EmbeddedKafka(tmp_path, java=quick_start()).start()
    port = broker.port
    os.kill(broker.pid, signal.SIGKILL)
    broker.stop()
    with broker:
        assert broker.port == port and broker.running


@needs_broker
def test_starting_twice_is_refused(kafka: EmbeddedKafka) -> None:
    """One object is one broker."""
    with pytest.raises(EmbeddedBrokerError, match="started already"):
        kafka.start()


def test_stopping_what_does_not_run_does_nothing(tmp_path: Path) -> None:
    """So that it can stand in any `finally`."""
    EmbeddedKafka(tmp_path).stop()


def test_the_lock_names_every_jar_once_with_its_checksum() -> None:
    """And all of Kafka in the one version."""
    lock = read_lock()
    assert len(lock.jars) == len({jar.artifact for jar in lock.jars}) == 46
    assert [jar for jar in lock.jars if not re.fullmatch("[0-9a-f]{64}", jar.sha256)] == []
    assert {lock.kafka} == {jar.version for jar in lock.jars if jar.artifact.startswith("org.apache.kafka:")}
    assert lock.kafka.startswith("4.2."), "a newer one may leave transactions hanging: docs/decisions/018"


@pytest.fixture
def small_lock() -> Lock:
    """The three smallest jars: enough to try the fetching."""
    jars = sorted(read_lock().jars, key=lambda jar: jar.size)[:3]
    return Lock(read_lock().kafka, tuple(jars))


@pytest.fixture
def maven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_lock: Lock) -> Iterator[Path]:
    """The folder of a Maven repository on loopback that holds the three jars, named as a mirror in jgo's settings."""
    classpath(read_lock(), embedded_jars.local_repository())
    folder = tmp_path / "maven"
    for jar in small_lock.jars:
        (folder / jar.path).parent.mkdir(parents=True)
        shutil.copy(embedded_jars.local_repository() / jar.path, folder / jar.path)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    monkeypatch.setattr(http.server.SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings = tmp_path / "jgo.conf"
        settings.write_text(f"[repositories]\ncentral = http://127.0.0.1:{server.server_address[1]}\n")
        monkeypatch.setenv("JGO_CONFIG_FILE", str(settings))
        yield folder
        server.shutdown()


@needs_broker
def test_missing_jars_are_fetched_once_and_the_progress_is_shown(
    tmp_path: Path, maven: Path, small_lock: Lock, capsys: pytest.CaptureFixture[str]
) -> None:
    """Count and size on stderr; the second time nothing is fetched, and nothing is left lying about."""
    repository = tmp_path / "local"
    paths = classpath(small_lock, repository)
    assert [repository / jar.path for jar in small_lock.jars] == paths
    shown = rf"Fetching Apache Kafka {re.escape(small_lock.kafka)}, once: 3 of 3 jars, (\S+) of \1 MB"
    assert re.search(shown, capsys.readouterr().err)
    shutil.rmtree(maven)
    assert paths == classpath(small_lock, repository)
    assert list(repository.glob(".sidestep-*")) == []


@needs_broker
def test_a_jar_that_is_not_the_one_of_the_lock_is_never_put_in_place(
    tmp_path: Path, maven: Path, small_lock: Lock
) -> None:
    """A mirror that serves something else: the error names both checksums, and the jar is not kept."""
    bad = small_lock.jars[0]
    (maven / bad.path).write_bytes(b"not the jar")
    with pytest.raises(EmbeddedBrokerError, match=f"expected {bad.sha256}"):
        classpath(small_lock, tmp_path / "local")
    assert not (tmp_path / "local" / bad.path).exists()


@needs_broker
def test_a_jar_changed_on_disk_is_noticed_at_every_start(tmp_path: Path, maven: Path, small_lock: Lock) -> None:
    """Also if its size is the same."""
    path = classpath(small_lock, tmp_path / "local")[0]
    path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(EmbeddedBrokerError, match="Delete the file"):
        classpath(small_lock, tmp_path / "local")


@needs_broker
def test_jars_that_can_not_be_had_are_one_clear_error(tmp_path: Path, maven: Path, small_lock: Lock) -> None:
    """The mirror lacks one: the message says what to do without it."""
    (maven / small_lock.jars[1].path).unlink()
    with pytest.raises(EmbeddedBrokerError, match=r"could not be fetched.*--broker HOST:PORT"):
        classpath(small_lock, tmp_path / "local")


def test_without_a_network_it_is_the_same_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens at the mirror."""
    settings = tmp_path / "jgo.conf"
    settings.write_text("[repositories]\ncentral = http://127.0.0.1:1\n")
    monkeypatch.setenv("JGO_CONFIG_FILE", str(settings))
    lock = read_lock()
    with pytest.raises(EmbeddedBrokerError, match=r"could not be fetched.*--broker HOST:PORT"):
        classpath(replace(lock, jars=lock.jars[:2]), tmp_path / "local")


def test_the_configuration_is_for_loopback_and_catalog_topics_only() -> None:
    """Nobody else can reach the broker, a mistyped topic is not created, short sessions are allowed."""
    text = server_properties(1234, 5678)
    assert {"127.0.0.1"} == set(re.findall(r"//([\d.]+):", text))
    assert "auto.create.topics.enable=false" in text
    assert "group.min.session.timeout.ms=6000" in text


@pytest.mark.parametrize(
    "log, reason",
    [
        ("", "it said nothing"),
        ("INFO a\nINFO b\n", "INFO b"),
        ("x ERROR first\ny ERROR second\n", "x ERROR first"),
        ("x ERROR a\n  Caused by: b\nCaused by: c\n  at d\n", "Caused by: c"),
    ],
)
def test_the_line_that_says_most_is_taken_from_the_log(log: str, reason: str) -> None:
    """The root cause, else the first error, else the last line."""
    assert reason == failure_in(log)
