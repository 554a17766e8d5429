"""A Connection gives every client library the same brokers and the same security, and nothing changes them after."""

from collections.abc import Callable, Iterator
from dataclasses import FrozenInstanceError, dataclass, replace
from pathlib import Path
from typing import Any

import faust
import pytest
from faust.auth import SASLCredentials

from sidestep.streams.local.development_ca import DevelopmentCA, write_private
from sidestep.streams.runtime.credentials import faust_settings
from sidestep.topics.connection import Connection
from sidestep.topics.credentials import Credentials, PasswordCredentials
from sidestep.topics.errors import CredentialsError
from sidestep.topics.security import Plaintext, Stamp, Tls

ROOT = Path(__file__).parents[2]
TWO = Connection("kafka-1.example:9092, [2001:db8::1]:9093", Plaintext(anywhere=True))


@dataclass(frozen=True)
class Locked:
    """A way in that needs settings in all three libraries."""

    secret: str = "s"

    def read(self) -> Credentials:
        """There is nothing to be read."""
        return self

    def librdkafka(self) -> dict[str, Any]:
        """As a real one would."""
        return {"security.protocol": "sasl_ssl", "sasl.password": self.secret}

    def aiokafka(self) -> dict[str, Any]:
        """As a real one would."""
        user = {"sasl_plain_username": "u", "sasl_plain_password": self.secret, "ssl_context": None}
        return {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "PLAIN", **user}

    def stamp(self) -> Stamp:
        """There are no files."""
        return ()


def test_all_three_libraries_are_told_the_same_brokers() -> None:
    """Each in its own words; Faust gives aiokafka HOST:PORT again, with the brackets of an IPv6 address."""
    assert {"bootstrap.servers": "kafka-1.example:9092,[2001:db8::1]:9093"} == TWO.librdkafka()
    assert {"bootstrap_servers": ["kafka-1.example:9092", "[2001:db8::1]:9093"]} == TWO.aiokafka()
    app = faust.App("unused", **faust_settings(TWO))
    assert ["kafka-1.example", "2001:db8::1"] == [url.host for url in app.conf.broker]
    assert [9092, 9093] == [url.port for url in app.conf.broker]
    assert app.conf.broker_credentials is None


def test_a_kind_of_security_speaks_to_all_three() -> None:
    """Whoever adds one writes one class; no client has to know."""
    locked = replace(TWO, security=Locked("x"))
    assert "x" == locked.librdkafka()["sasl.password"]
    assert "x" == locked.aiokafka()["sasl_plain_password"]
    credentials = faust.App("unused", **faust_settings(locked)).conf.broker_credentials
    assert isinstance(credentials, SASLCredentials) and "x" == credentials.password


@pytest.mark.parametrize(
    "broker", ["kafka:9092", "192.0.2.1:9092", "127.0.0.1:9092,kafka.example:9092", "[2001:db8::1]:1"]
)
def test_plain_text_stays_on_this_machine(broker: str) -> None:
    """Unless somebody says that nobody else can listen."""
    with pytest.raises(CredentialsError, match="SIDESTEP_PLAINTEXT_ANYWHERE=true"):
        Connection(broker)
    assert Connection(broker, Plaintext(anywhere=True)).servers


@pytest.mark.parametrize("broker", ["127.0.0.1:9092", "127.8.8.8:9092", "localhost:1", "[::1]:9092"])
def test_loopback_needs_no_leave(broker: str) -> None:
    """Nobody but this machine listens there."""
    assert Connection(broker).servers


def test_a_clients_own_settings_come_along() -> None:
    """Whatever they are called."""
    assert 20 == TWO.librdkafka(**{"linger.ms": 20, "client.id": "x"})["linger.ms"]


@pytest.mark.parametrize("name", ["bootstrap.servers", "security.protocol", "sasl.password"])
def test_a_client_cannot_lead_elsewhere_or_be_let_in_otherwise(name: str) -> None:
    """A setting in a corner must not make a connection weaker than it was made."""
    with pytest.raises(ValueError, match=name):
        replace(TWO, security=Locked()).librdkafka(**{name: "plaintext"})


def test_a_text_is_bootstrap_servers_in_plain_text() -> None:
    """What services write in one line; a Connection stays the one it is."""
    assert Connection("localhost:1") == Connection.of("localhost:1")
    assert TWO is Connection.of(TWO)


def test_as_text_it_is_the_address() -> None:
    """Errors name it; what security keeps secret is not in it."""
    assert "h:1" == str(Connection("h:1", Locked("hidden")))
    with pytest.raises(FrozenInstanceError):
        TWO.bootstrap = "elsewhere:1"  # type: ignore[misc]  # that it is frozen is what is tested


def test_no_other_file_knows_how_to_reach_kafka() -> None:
    """There is one place to add mutual TLS to, so nothing else may name brokers to a client."""
    words = ("bootstrap.servers", "bootstrap_servers", "kafka://", "security.protocol")
    files = [path for folder in ("streams", "topics") for path in (ROOT / folder).rglob("*.py")]
    knowing = {path.name for path in files if any(f'"{word}' in path.read_text("utf-8") for word in words)}
    assert {"connection.py", "credentials.py"} == knowing


@pytest.fixture
def rotated(tmp_path: Path) -> Iterator[tuple[Connection, Callable[[], None]]]:
    """A connection by a certificate, and what puts one of another authority in its place."""
    files = DevelopmentCA(tmp_path / "ours").issue("somebody")
    foreign = DevelopmentCA(tmp_path / "foreign").issue("somebody")

    def rotate() -> None:
        write_private(files.key, foreign.key.read_bytes())
        write_private(files.certificate, foreign.certificate.read_bytes())

    yield Connection("h:1", Tls(tmp_path / "ours" / "ca.pem", files.certificate, files.key)), rotate


def test_where_clients_live_long_later_ones_are_made_of_what_is_in_use(
    rotated: tuple[Connection, Callable[[], None]],
) -> None:
    """Whatever lies there meanwhile: a partition that comes to a worker in the middle of a rotation has its clients
    made then, and a slip would have stopped it."""
    connection, rotate = rotated
    in_use = connection.renewals.accepted
    before = connection.librdkafka()
    rotate()
    assert connection.librdkafka() == before
    assert connection.aiokafka()["ssl_context"] is in_use.aiokafka()["ssl_context"]


def test_elsewhere_each_client_is_made_of_what_the_files_say(
    rotated: tuple[Connection, Callable[[], None]],
) -> None:
    """And a trial of what is given to it alone."""
    connection, rotate = rotated
    before = connection.librdkafka()
    trial = replace(connection, trial=connection.credentials())
    rotate()
    assert connection.librdkafka() != before
    assert trial.librdkafka() == before


def test_files_that_change_while_they_are_read_are_read_again(
    rotated: tuple[Connection, Callable[[], None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What librdkafka gets and what Python speaks TLS with are of one moment."""
    connection, rotate = rotated
    read, reads = Path.read_bytes, []

    def once_rotated(path: Path) -> bytes:
        octets = read(path)
        reads.append(path)
        if len(reads) == 3:
            rotate()
        return octets

    monkeypatch.setattr(Path, "read_bytes", once_rotated)
    given = connection.librdkafka()
    monkeypatch.undo()
    assert given == connection.librdkafka()


def test_secrets_stay_out_of_what_is_printed(rotated: tuple[Connection, Callable[[], None]]) -> None:
    """A traceback that shows its variables shows no key."""
    connection, _ = rotated
    credentials = PasswordCredentials(connection.security.read(), "u", "hidden")  # type: ignore[arg-type]
    assert "PRIVATE" not in repr(credentials) and "hidden" not in repr(credentials)
