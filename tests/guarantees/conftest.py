"""A system for each test: empty topics, a name server, and workers that end with the test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sidestep.streams.local.nameserver import NameServer
from sidestep.topics.connection import Connection
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import ZONES


@pytest.fixture
def system(clean_topics: Connection, tmp_path: Path) -> Iterator[System]:
    """Empty topics, a name server that knows the traffic's domains, no workers yet."""
    with NameServer(ZONES) as names:
        made = System(clean_topics, names, tmp_path)
        try:
            yield made
        finally:
            made.close()
