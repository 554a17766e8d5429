"""One broker that trusts nobody, for all tests of this folder; its authority, and a provider of tokens; the whole
system on it, in which everybody has the rights of the catalog and no others."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from sidestep.streams.local.development_ca import DevelopmentCA, write_private
from sidestep.streams.local.embedded_config import quick_start
from sidestep.streams.local.nameserver import NameServer
from sidestep.streams.local.secure_kafka import SecureKafka
from sidestep.streams.rights.cluster_acls import ClusterAcls
from sidestep.streams.rights.granted import as_granted
from sidestep.streams.rights.registry import USER
from sidestep.topics import admin
from sidestep.topics.access import Access
from sidestep.topics.acls import Right, rights, service_principal
from sidestep.topics.catalog import CATALOG
from sidestep.topics.connection import Connection
from tests.guarantees.harness.records import Feed
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import SERVICES, ZONES
from tests.guarantees.harness.workers import WorkerProcess, wait_for
from tests.secure.token_server import TokenServer

Secret = Callable[[str, str], Path]
STAGES = ("screen", "decide", "watch")
MakeAccess = Callable[[str], Access]


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> DevelopmentCA:
    """Whom the broker trusts."""
    return DevelopmentCA(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def provider(tmp_path_factory: pytest.TempPathFactory, authority: DevelopmentCA) -> Iterator[TokenServer]:
    """A provider of tokens that the broker believes."""
    with TokenServer(tmp_path_factory.mktemp("provider"), authority) as server:
        yield server


@pytest.fixture(scope="session")
def secure_kafka(
    tmp_path_factory: pytest.TempPathFactory, authority: DevelopmentCA, provider: TokenServer
) -> Iterator[SecureKafka]:
    """A running broker with mutual TLS, SCRAM, tokens and an authorizer."""
    folder = tmp_path_factory.mktemp("secure")
    with SecureKafka(folder, authority, provider.issuer, java=quick_start()) as broker:
        yield broker


@pytest.fixture
def secure_system(secure_kafka: SecureKafka, tmp_path: Path) -> Iterator[System]:
    """Empty topics, the rights of all principals, a name server, no workers yet."""
    yield from secured(secure_kafka, tmp_path)


def secured(kafka: SecureKafka, folder: Path) -> Iterator[System]:
    """A system that reads as admin and feeds as a service."""
    clean(kafka.connection)
    grant(kafka.connection, rights(SERVICES, folder.name))
    with NameServer(ZONES) as names:
        made = System(kafka.connection, names, folder)
        made.feed = Feed(kafka.by_certificate(service_principal("shop")).connect())
        try:
            yield made
        finally:
            made.close()


@pytest.fixture
def access_by(secure_kafka: SecureKafka, provider: TokenServer, secret: Secret) -> Callable[[str], MakeAccess]:
    """access_by(way)(principal): how a principal gets in by a way."""

    def by_password(principal: str) -> Access:
        password = secret(f"{principal}.password", f"password of {principal}")
        secure_kafka.set_passwords({principal: password})
        return secure_kafka.by_password(principal, password)

    def by_token(principal: str) -> Access:
        provider.clients[principal] = f"secret of {principal}"
        return secure_kafka.by_token(principal, secret(f"{principal}.secret", f"secret of {principal}"), provider.url)

    return {"mtls": secure_kafka.by_certificate, "scram": by_password, "oauth": by_token}.__getitem__


def start(system: System, role: str, access: Access) -> WorkerProcess:
    """A worker that is let in so."""
    settings = {name: value for name, value in asdict(access).items() if name != "broker"}
    return system.start(role, broker=access.connect(), **settings)


def clean(connection: Connection) -> None:
    """All topics of the catalog, new and empty."""
    client = AdminClient(connection.librdkafka())
    existing = [topic.name for topic in CATALOG if topic.name in client.list_topics(timeout=10).topics]
    for future in client.delete_topics(existing, operation_timeout=30).values() if existing else ():
        future.result(30)
    wait_for(lambda: not set(existing) & set(client.list_topics(timeout=10).topics), 20, "topics are gone")
    admin.create(connection)
    wait_for(lambda: _all_led(client), 20, "topics have leaders")


def grant(connection: Connection, wanted: Iterable[Right]) -> None:
    """The ACLs of these rights, and no others."""
    acls = ClusterAcls(connection)
    acls.remove(acls.read())
    new = {as_granted(USER + right.principal, right) for right in wanted}
    acls.add(new)
    wait_for(lambda: set(acls.read()) == new, 20, "all rights are in force, and no others")


def _all_led(client: AdminClient) -> bool:
    topics = client.list_topics(timeout=10).topics
    return all(
        topic.name in topics and all(p.leader >= 0 for p in topics[topic.name].partitions.values()) for topic in CATALOG
    )


@pytest.fixture
def secret(tmp_path: Path) -> Secret:
    """secret(name, value): a file that holds it, for its owner alone."""

    def write(name: str, value: str) -> Path:
        path = tmp_path / name
        write_private(path, value.encode())
        return path

    return write
