"""What differs in our Faust app from Faust's own; how it behaves with a broker the guarantee tests show."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from sidestep.streams.runtime.batch_app import BatchApp, NoTables
from sidestep.topics.connection import Connection


def app(folder: Path) -> BatchApp:
    """One that is not started: nothing listens at its broker."""
    return BatchApp(
        "unstarted",
        connection=Connection("127.0.0.1:1"),
        open_partition=lambda _: asyncio.sleep(0),
        on_failure=print,
        on_broker_error=print,
        healthy=lambda: True,
        batch_max=1,
        pace=0.0,
        skip_truncated=False,
        isolation="read_committed",
        held_octets=1,
        from_strangers=False,
        store="memory://",
        datadir=str(folder),
    )


def test_a_start_waits_for_no_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Faust sleeps a second there at each start of each role; its tables are registered all the same, for which the
    subscription waits."""

    async def sleep(*_: object) -> None:
        pytest.fail("it sleeps")

    async def done() -> tuple[type, bool]:
        tables: Any = app(tmp_path).tables  # Faust's type of it lacks most
        monkeypatch.setattr(tables, "sleep", sleep)
        monkeypatch.setattr(tables.recovery, "start", lambda: asyncio.sleep(0))  # which is Faust's own
        monkeypatch.setattr(tables.app, "_consumer", Unassigned())
        await tables.on_start()
        return type(tables), tables._tables_registered.is_set()

    assert (NoTables, True) == asyncio.run(done())


class Unassigned:
    """A consumer before the group has assigned."""

    def assignment(self) -> set[object]:
        """Nothing."""
        return set()

    def pause_partitions(self, partitions: set[object]) -> None:
        """There are none."""
        assert not partitions
