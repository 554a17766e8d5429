"""What services use, and a worker's own clients, go on with renewed files: nothing is lost, nothing comes twice. A
worker whose credentials were taken away waits, says so, and works once they are mended."""

import asyncio
import dataclasses
import datetime
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from confluent_kafka.admin import (
    AdminClient,
    ScramMechanism,
    UserScramCredentialAlteration,
    UserScramCredentialDeletion,
)
from prometheus_client.core import Metric

from sidestep.schemas import EmailIntent
from sidestep.streams.local.development_ca import DevelopmentCA, write_private
from sidestep.streams.local.secure_kafka import SecureKafka
from sidestep.streams.observe.credentials import credential_families
from sidestep.streams.runtime.batches import Partition
from sidestep.streams.runtime.reader import Reader
from sidestep.streams.runtime.record import Record
from sidestep.topics import Publisher, Subscription
from sidestep.topics.access import Access
from sidestep.topics.catalog import INTENTS
from sidestep.topics.connection import Connection
from tests.guarantees.harness.records import read
from tests.guarantees.harness.system import System
from tests.guarantees.harness.workers import wait_for
from tests.secure.conftest import MakeAccess, clean, start


@pytest.fixture
def emptied(secure_kafka: SecureKafka) -> SecureKafka:
    """The broker, with new topics."""
    clean(secure_kafka.connection)
    return secure_kafka


@pytest.fixture
def renewed(emptied: SecureKafka, authority: DevelopmentCA) -> Iterator[tuple[Connection, Callable[[], None]]]:
    """A connection of the administrator by a certificate, and what renews that and waits until it is in use."""
    files = authority.issue("renewed-admin")
    access = dataclasses.replace(
        emptied.by_certificate("admin"), tls_certificate=str(files.certificate), tls_key=str(files.key)
    )
    admin = authority.issued("admin")
    for old, new in ((files.key, admin.key), (files.certificate, admin.certificate)):
        write_private(old, new.read_bytes())
    connection = access.connect()

    def renew() -> None:
        before = connection.renewals.stamp()
        again = authority.issue("admin")
        write_private(files.key, again.key.read_bytes())
        write_private(files.certificate, again.certificate.read_bytes())
        wait_for(lambda: connection.renewals.stamp() != before, 20, "the renewed certificate is in use")

    yield connection, renew


def _intents(first: int, count: int = 50) -> list[EmailIntent]:
    return [EmailIntent(id=f"i{n}", to=f"u{n}@d.example", service="shop") for n in range(first, first + count)]


def test_a_publisher_goes_on_with_a_renewed_certificate(renewed: tuple[Connection, Callable[[], None]]) -> None:
    """What was handed over before is with Kafka before the old client goes."""
    connection, renew = renewed
    with Publisher(connection) as publisher:
        for intent in _intents(0):
            publisher.intent(intent)
        old = publisher._producers.client
        renew()
        for intent in _intents(50):
            publisher.intent(intent)
        assert publisher._producers.client is not old
    assert 100 == len({record.value() for record in read(connection, INTENTS.name)})


@pytest.mark.parametrize("group", ["readers/renewal", None])
def test_a_subscription_goes_on_with_a_renewed_certificate(
    renewed: tuple[Connection, Callable[[], None]], group: str | None
) -> None:
    """With a group and without: each record once, where each was handled."""
    connection, renew = renewed
    with Publisher(connection) as publisher, Subscription(connection, [INTENTS.name], group, "earliest") as records:
        seen: list[bytes] = []

        def take() -> int:
            seen.extend(record.key or b"" for record in records.batch(20, 0.2))
            return len(seen)

        for intent in _intents(0):
            publisher.intent(intent)
        publisher.flush()
        wait_for(lambda: take() >= 30, 30, "the first have come")
        old = records._consumer
        renew()
        for intent in _intents(50):
            publisher.intent(intent)
        publisher.flush()
        wait_for(lambda: take() >= 100, 40, "all have come")
        assert records._consumer is not old
    assert 100 == len(seen) == len(set(seen))


def test_a_reader_goes_on_with_a_renewed_certificate(renewed: tuple[Connection, Callable[[], None]]) -> None:
    """Each partition behind the last record handed over; one that rests goes on resting, and an empty one is read."""
    connection, renew = renewed
    seen: list[tuple[int, int]] = []
    resting = Partition(INTENTS.name, 0)

    def deliver(_: int, records: Mapping[Partition, list[Record]]) -> None:
        seen.extend((tp.partition, each.offset()) for tp, batch in records.items() for each in batch)

    async def scenario() -> None:
        reader = Reader(connection, "test", "read_committed", asyncio.get_running_loop(), deliver, lambda *_: None)
        reader.start()
        for number in range(4):
            reader.add(Partition(INTENTS.name, number), 0)
        await asyncio.to_thread(_publish, connection, 0)
        await _until(lambda: len(seen) == 50)
        reader.pause(resting)
        old = reader._consumers.client
        await asyncio.to_thread(renew)
        await _until(lambda: reader._consumers.client is not old)
        await asyncio.to_thread(_publish, connection, 50)
        others = len([record for record in read(connection, INTENTS.name) if record.partition() != 0])
        await _until(lambda: len([1 for number, _ in seen if number != 0]) == others)
        before = len([1 for number, _ in seen if number == 0])
        reader.resume(resting)
        await _until(lambda: len(seen) == 100)
        assert before < 100 - others, "what rested was read"
        await asyncio.to_thread(reader.stop)

    asyncio.run(asyncio.wait_for(scenario(), 60))
    assert len(seen) == len(set(seen))


def _publish(connection: Connection, first: int) -> None:
    with Publisher(connection) as publisher:
        for intent in _intents(first):
            publisher.intent(intent)


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.05)


@pytest.mark.slow
def test_a_worker_whose_password_was_taken_away_works_once_it_is_mended(
    secure_system: System, secure_kafka: SecureKafka, access_by: Callable[[str], MakeAccess]
) -> None:
    """It waits, /readyz says what is wrong, and nothing needs to be started again."""
    access = access_by("scram")("screen")
    _revoke(secure_kafka.connection, "screen")
    worker = start(secure_system, "screen", access)
    wait_for(lambda: "does not take the password of screen" in worker.notes(), 30, "it says why", why=worker.notes)
    assert worker.alive
    write_private(Path(access.sasl_password_file), b"another one")
    secure_kafka.set_passwords({"screen": Path(access.sasl_password_file)})
    worker.await_ready()
    assert 0 == worker.leave()


def _revoke(connection: Connection, user: str) -> None:
    gone: list[UserScramCredentialAlteration] = [UserScramCredentialDeletion(user, ScramMechanism.SCRAM_SHA_512)]
    client = AdminClient(connection.librdkafka())
    for future in client.alter_user_scram_credentials(gone).values():
        future.result(30)


def test_a_scrape_shows_when_certificates_end(authority: DevelopmentCA, tmp_path: Path) -> None:
    """And which can't be read; and that renewed ones are not in use."""
    files = authority.issue("scraped", lasts=datetime.timedelta(days=3))
    given = {"tls_certificate": files.certificate, "tls_ca": authority.certificate, "web_tls_certificate": tmp_path}
    families: dict[str, Metric] = {family.name: family for family in credential_families(given, lambda: "why")}
    ends = {sample.labels["setting"]: sample.value for sample in families["sidestep_certificate_ends_seconds"].samples}
    assert 0.0 == ends["web_tls_certificate"] < ends["tls_certificate"] < ends["tls_ca"]
    assert [1.0] == [sample.value for sample in families["sidestep_credentials_refused"].samples]


def test_a_process_hands_its_access_on_whole(authority: DevelopmentCA) -> None:
    """To another one, by the environment; nothing that was set for another cluster is left."""
    access = Access("localhost:1", "mtls", tls_ca="a", tls_certificate="b", tls_key="c")
    assert access == Access.from_environment({"SIDESTEP_SASL_USER": "u"} | access.environment())
