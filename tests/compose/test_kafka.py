"""Kafka of docker-compose.yml, run: who is let in at which listener, as whom, and what for."""

import re
import socket
import ssl
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from sidestep.streams.local.development_ca import DevelopmentCA
from sidestep.topics.access import Access
from tests.compose.harness import ADDRESSES, Running
from tests.compose_file import environment, kafka_properties, listeners

pytestmark = [pytest.mark.broker, pytest.mark.slow]

TOPIC = "email-intents"


def topics(access: Access, seconds: float = 10) -> set[str]:
    """The topics that somebody sees. Raises KafkaException where he is not let in."""
    client = AdminClient(access.connect().librdkafka(log_level=0))
    return set(client.list_topics(timeout=seconds).topics)


def publish(access: Access) -> KafkaError | None:
    """The fate of one record."""
    fates: list[KafkaError | None] = []
    producer = Producer(access.connect().librdkafka(**{"message.timeout.ms": 8_000}))
    producer.produce(TOPIC, b"{}", on_delivery=lambda error, _: fates.append(error))
    producer.flush(15)
    assert fates, "neither acknowledged nor refused"
    return fates[0]


@pytest.mark.parametrize("listener", ["CORE", "READERS", "RECEIVERS", "DEVELOPMENT"])
def test_a_certificate_is_a_principal(composed: Running, listener: str) -> None:
    """Its CN is whom the rights are given to, and it sees what it may use; who is unheard of sees nothing."""
    DevelopmentCA(composed.folder).renew("service-unheard-of")
    assert TOPIC in topics(composed.by_certificate("screen", listener))
    assert {"email-approved", "email-bounces", "email-engagement"} == topics(
        composed.by_certificate("mailer", listener)
    )
    assert set() == topics(composed.by_certificate("service-unheard-of", listener))


@pytest.mark.parametrize("listener", ["CORE", "PRODUCERS", "READERS", "RECEIVERS", "DEVELOPMENT"])
def test_plain_text_is_refused(composed: Running, listener: str) -> None:
    """Whatever comes without TLS gets no answer."""
    host, _, port = composed.address(listener).partition(":")
    with socket.create_connection((host, int(port)), 5) as plain:
        plain.sendall(bytes.fromhex("0000001600120000000000010008736964657374657000"))  # ApiVersions
        plain.settimeout(5)
        answer = plain.recv(1024)
    assert not answer or answer[0] == 21  # nothing, or an alert of TLS


@pytest.mark.parametrize("listener", ["CORE", "READERS", "RECEIVERS", "DEVELOPMENT"])
def test_without_a_certificate_nobody_gets_in(composed: Running, listener: str, tmp_path: Path) -> None:
    """None at all, and one of another authority with a good name."""
    stranger = DevelopmentCA(tmp_path).issue("admin")
    for files in (None, stranger):
        context = ssl.create_default_context(cafile=str(composed.folder / "ca.pem"))
        if files is not None:
            context.load_cert_chain(files.certificate, files.key)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            _handshake(composed.address(listener), context)


def _handshake(address: str, context: ssl.SSLContext) -> None:
    host, _, port = address.partition(":")
    with (
        socket.create_connection((host, int(port)), 5) as plain,
        context.wrap_socket(plain, server_hostname=host) as encrypted,
    ):
        encrypted.sendall(b"\0")
        if not encrypted.recv(1):  # with TLS 1.3 the alert comes after the handshake
            raise ConnectionResetError


def test_a_token_for_kafka_is_a_service(composed: Running) -> None:
    """With the scope of docker-compose.yml; the provider's keys are fetched over TLS."""
    assert publish(composed.by_token(environment("example")["SIDESTEP_OAUTH_SCOPE"])) is None


def test_a_token_for_something_else_is_refused(composed: Running) -> None:
    """It is signed by the same provider, for the same client, and not for Kafka."""
    with pytest.raises(KafkaException):
        topics(composed.by_token("openid"), 2)
    assert TOPIC in topics(composed.by_token(environment("example")["SIDESTEP_OAUTH_SCOPE"]), 4)


def test_a_certificate_is_no_token(composed: Running) -> None:
    """The listener of services takes tokens and nothing else."""
    access = composed.by_certificate("admin", "PRODUCERS")
    with pytest.raises(KafkaException):
        AdminClient(access.connect().librdkafka()).list_topics(timeout=3)


def test_what_is_not_allowed_is_refused(composed: Running) -> None:
    """Reading is no right to write."""
    error = publish(composed.by_certificate("screen", "CORE"))
    assert error is not None and error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED


def test_each_listener_is_at_its_address_alone(composed: Running) -> None:
    """Where a producer's network ends, nothing listens at the port of the core, nor at any other one."""
    ports = composed.ports
    for name, (host, _) in listeners().items():
        for address in set(ADDRESSES.values()) - {ADDRESSES[host]}:
            with pytest.raises(OSError):
                socket.create_connection((address, ports[name]), 2).close()
    advertised = re.findall(r"(\w+)://", kafka_properties()["advertised.listeners"])
    assert set(advertised) == set(listeners()) - {"CONTROLLER"}
