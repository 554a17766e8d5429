"""Each way to a Kafka lets in whom it should, in both client libraries, and nobody else; who is not is told why."""

import asyncio
import datetime
from dataclasses import replace

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError

from sidestep.streams.local.development_ca import DevelopmentCA
from sidestep.streams.local.embedded_kafka import EmbeddedKafka
from sidestep.streams.local.secure_kafka import SecureKafka
from sidestep.streams.runtime.credentials import aiokafka_settings
from sidestep.topics.access import Access
from sidestep.topics.cluster import admin_client, cluster
from sidestep.topics.errors import CredentialsError, NotLetIn
from tests.secure.conftest import Secret
from tests.secure.token_server import TokenServer

LONG_AGO = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)


@pytest.fixture
def ways(secure_kafka: SecureKafka, provider: TokenServer, secret: Secret) -> dict[str, Access]:
    """How somebody gets in, by each way."""
    password, key = secret("password", "swordfish-1"), secret("client-secret", "hush & hush")
    secure_kafka.set_passwords({"alice": password})
    provider.clients["bob"] = "hush & hush"
    return {
        "mtls": secure_kafka.by_certificate("carol"),
        "scram": secure_kafka.by_password("alice", password),
        "oauth": secure_kafka.by_token("bob", key, provider.url),
    }


def _ask(access: Access) -> str:
    """The cluster's id, as librdkafka is told. Raises what keeps it out."""
    connection = access.connect()
    return str(cluster(admin_client(connection), connection).cluster_id)


async def _ask_aiokafka(access: Access) -> bool:
    client = AIOKafkaClient(**aiokafka_settings(access.connect()))
    try:
        await client.bootstrap()
        return bool(client.cluster.brokers())
    finally:
        await client.close()


def _refused(access: Access, *words: str) -> None:
    """Both libraries are kept out, and the error says why."""
    with pytest.raises((NotLetIn, CredentialsError)) as caught:
        _ask(access)
    assert [] == [word for word in words if word not in str(caught.value)], str(caught.value)
    with pytest.raises((KafkaConnectionError, CredentialsError, AssertionError)):
        assert asyncio.run(_ask_aiokafka(access))


@pytest.mark.parametrize("way", ["mtls", "scram", "oauth"])
def test_each_way_lets_both_libraries_in(ways: dict[str, Access], way: str) -> None:
    """With what it asks for."""
    assert _ask(ways[way])
    assert asyncio.run(_ask_aiokafka(ways[way]))


def test_extensions_go_along_with_the_token(ways: dict[str, Access]) -> None:
    """In both libraries; Kafka takes those that it has no use for."""
    access = replace(ways["oauth"], oauth_extensions="logicalCluster=lkc-1, identityPoolId=pool-2")
    assert _ask(access)
    assert asyncio.run(_ask_aiokafka(access))
    settings = access.connect().librdkafka()
    assert {"logicalCluster": "lkc-1", "identityPoolId": "pool-2"} == settings["oauth_cb"]("")[3]


@pytest.mark.parametrize("text", ["auth=x", "a-b=c", "x", "x=", "=y", "x=a\x01b"])
def test_extensions_that_could_break_out_are_refused(ways: dict[str, Access], text: str) -> None:
    """What stands between them is a control character."""
    with pytest.raises(CredentialsError, match="SIDESTEP_OAUTH_EXTENSIONS"):
        replace(ways["oauth"], oauth_extensions=text).connect()


def test_one_token_serves_many_clients(ways: dict[str, Access], provider: TokenServer) -> None:
    """The provider is asked once for all clients of a process."""
    connection = ways["oauth"].connect()
    before = len(provider.asked)
    for _ in range(3):
        cluster(admin_client(connection), connection)
    assert 1 == len(provider.asked) - before


@pytest.mark.parametrize("way", ["mtls", "scram", "oauth"])
def test_a_broker_of_another_authority_is_not_believed(
    ways: dict[str, Access], way: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whoever listens there could be anybody."""
    other = DevelopmentCA(tmp_path_factory.mktemp("other"))
    _refused(replace(ways[way], tls_ca=str(other.certificate)), "no authority that we trust", "SIDESTEP_TLS_CA")


def test_a_certificate_of_another_authority_is_refused(
    ways: dict[str, Access], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Though it bears the right name."""
    forged = DevelopmentCA(tmp_path_factory.mktemp("forger")).issue("decide")
    access = replace(ways["mtls"], tls_certificate=str(forged.certificate), tls_key=str(forged.key))
    _refused(access, "refuses our certificate", "SIDESTEP_TLS_CERTIFICATE")


def test_an_expired_certificate_is_refused(ways: dict[str, Access], authority: DevelopmentCA) -> None:
    """And it is said that it may be that."""
    expired = authority.issue("expired", begins=LONG_AGO)
    access = replace(ways["mtls"], tls_certificate=str(expired.certificate), tls_key=str(expired.key))
    _refused(access, "refuses our certificate", "expired")


def test_without_a_certificate_nobody_is_let_in(ways: dict[str, Access]) -> None:
    """Where mutual TLS is asked for."""
    _refused(
        Access(ways["mtls"].broker, "tls", tls_ca=ways["mtls"].tls_ca), "wants a certificate", "SIDESTEP_SECURITY=mtls"
    )


def test_a_wrong_password_is_refused(ways: dict[str, Access], secret: Secret) -> None:
    """The user and the file are named, the password is not."""
    wrong = replace(ways["scram"], sasl_password_file=str(secret("wrong", "tr0ub4dor")))
    _refused(wrong, "password of alice", "SIDESTEP_SASL_PASSWORD_FILE")
    with pytest.raises(NotLetIn) as caught:
        _ask(wrong)
    assert "tr0ub4dor" not in str(caught.value)


def test_a_wrong_client_secret_is_refused(ways: dict[str, Access], secret: Secret) -> None:
    """By the provider already."""
    wrong = replace(ways["oauth"], oauth_client_secret_file=str(secret("wrong", "guess")))
    _refused(wrong, "invalid_client", "SIDESTEP_OAUTH_CLIENT_ID=bob")


def test_an_expired_token_is_refused(ways: dict[str, Access], provider: TokenServer) -> None:
    """The broker looks at its clock, whatever the provider says."""
    provider.late = 10_000
    try:
        _refused(ways["oauth"], "does not take the provider's token")
    finally:
        provider.late = 0


def test_a_provider_of_another_authority_is_not_believed(
    ways: dict[str, Access], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """It would be handed the client's secret."""
    other = DevelopmentCA(tmp_path_factory.mktemp("other"))
    _refused(replace(ways["oauth"], oauth_ca=str(other.certificate)), "no token from", "certificate")


def test_plain_text_to_a_port_for_tls(ways: dict[str, Access]) -> None:
    """Is told from a broker that is away."""
    _refused(Access(ways["mtls"].broker), "it speaks TLS there", "SIDESTEP_SECURITY")


def test_the_wrong_one_of_two_ports(ways: dict[str, Access]) -> None:
    """A certificate at the port for passwords, a password at the port for tokens."""
    _refused(replace(ways["mtls"], broker=ways["scram"].broker), "port for SASL")
    _refused(replace(ways["scram"], broker=ways["oauth"].broker), "OAUTHBEARER")


def test_tls_to_a_port_for_plain_text(ways: dict[str, Access], kafka: EmbeddedKafka) -> None:
    """Nothing falls back to plain text."""
    for access in ways.values():
        with pytest.raises(NotLetIn, match="does not speak TLS there"):
            _ask(replace(access, broker=kafka.address))


def test_an_expired_certificate_of_a_broker_is_not_believed(ways: dict[str, Access], authority: DevelopmentCA) -> None:
    """Here, a server of ours that is not Kafka."""
    with TokenServer(authority.folder / "old", authority, begins=LONG_AGO) as old:
        for access in ways.values():
            with pytest.raises(NotLetIn, match="certificate has expired"):
                _ask(replace(access, broker=old.address))


def test_a_certificate_for_another_name_is_not_believed(ways: dict[str, Access], authority: DevelopmentCA) -> None:
    """Whoever has a certificate of the same authority could be in the middle: here, a server of ours that is not Kafka
    and bears another name."""
    imposter = TokenServer(authority.folder / "imposter", authority, hosts=("elsewhere.test",))
    with imposter:
        access = replace(ways["mtls"], broker=imposter.address)
        with pytest.raises(NotLetIn, match="for another name"):
            _ask(access)
