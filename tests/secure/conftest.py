"""One broker that trusts nobody, for all tests of this folder; its authority, and a provider of tokens."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sidestep.streams.local.development_ca import DevelopmentCA, write_private
from sidestep.streams.local.embedded_config import quick_start
from sidestep.streams.local.secure_kafka import SecureKafka
from tests.secure.token_server import TokenServer

Secret = Callable[[str, str], Path]


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
def secret(tmp_path: Path) -> Secret:
    """secret(name, value): a file that holds it, for its owner alone."""

    def write(name: str, value: str) -> Path:
        path = tmp_path / name
        write_private(path, value.encode())
        return path

    return write
