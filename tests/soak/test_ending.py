"""The comparisons at the end of a soak notice a ledger that differs in one row."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from rocksdict import Cache

from sidestep.streams.decide.tables import SERVICES
from sidestep.streams.local.nameserver import NameServer
from sidestep.streams.runtime.store import Store, new_batch
from sidestep.topics.connection import Connection
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import ZONES, Traffic
from tests.soak.ending import compare_with_changelogs, compare_with_model

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture
def system(clean_topics: Connection, tmp_path: Path) -> Iterator[System]:
    """As the guarantee tests have it."""
    with NameServer(ZONES) as names:
        made = System(clean_topics, names, tmp_path)
        yield made
        made.close()


def test_a_ledger_that_differs_is_noticed(system: System) -> None:
    """By the model and by the changelog; a ledger as it was left is neither's."""
    traffic = Traffic(seed=6)
    screen, decide = system.start("screen").await_ready(), system.start("decide").await_ready()
    system.feed.send(traffic.some(200))
    system.feed.flush()
    system.verdicts.await_all(traffic.expected, 30)
    assert [screen.leave(), decide.leave()] == [0, 0]
    assert ("", "") == (
        compare_with_model(system.connection, decide.data), compare_with_changelogs(system.connection, decide.data)
    )  # fmt: skip
    spoilt = Path(shutil.copytree(decide.data, system.folder / "spoilt"))
    spoil(spoilt)
    assert "rows differ" in compare_with_model(system.connection, spoilt)
    assert "are not those of the changelog" in compare_with_changelogs(system.connection, spoilt)


def spoil(folder: Path) -> None:
    """One service less in the first partition that has any."""
    for path in sorted((folder / "ledger" / "decide").iterdir()):
        store = Store(path / "rows", Cache(8 * 1024 * 1024), None)
        keys = [key for key, _ in store.items(SERVICES.prefix)]
        if keys:
            batch = new_batch()
            batch.delete(keys[0])
            store.write(batch)
        store.close()
        if keys:
            return
    raise AssertionError("no service in any ledger")
