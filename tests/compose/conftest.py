"""One broker as in docker-compose.yml for all tests of this folder."""

from collections.abc import Iterator

import pytest

from tests.compose.harness import Running, kafka_of_compose


@pytest.fixture(scope="session")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The broker of docker-compose.yml, with its topics and rights."""
    with kafka_of_compose(tmp_path_factory.mktemp("composed")) as running:
        yield running
