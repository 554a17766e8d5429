"""Files of the ledger that are not what was written: set aside and rebuilt, and no history is lost."""

import os
import shutil
from collections.abc import Callable
from itertools import cycle
from pathlib import Path

import pytest

from sidestep.streams.runtime.quarantine import found_aside
from tests.guarantees.harness.model import assert_guarantees
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import Traffic
from tests.guarantees.harness.workers import WorkerProcess
from tests.runtime.damages import SEEN_AT_ONCE, garble, garble_beginning, garble_table, only

DAMAGED = 3

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def databases(data: Path) -> list[Path]:
    """All of a worker's data folder, both of each partition."""
    return sorted(path for path in (data / "ledger" / "decide").glob("*/*") if path.name in ("rows", "window"))


def history(system: System, traffic: Traffic, count: int, label: str, check: Callable[[], object] = bool) -> None:
    """Traffic of all kinds that has its verdicts; `check` is called meanwhile."""
    system.feed.send(traffic.some(count, label))
    system.feed.flush()
    system.verdicts.await_all(traffic.expected, 60, check)
    traffic.answered(list(system.verdicts.verdicts.values())[-50:])


def finish(system: System, traffic: Traffic, screen: WorkerProcess, decide: Callable[[], WorkerProcess]) -> None:
    """Both leave cleanly, Decide when nothing waits any more; everything is as a fold of the log says."""
    assert screen.leave() == 0
    decide().await_nothing_waits()
    last = decide()
    assert last.leave() == 0, last.said[-2000:]
    assert_guarantees(system.connection, traffic.expected, system.feed.origins, [last.data])


class Restarted:
    """A Decide worker that is started again whenever it has left because of damage, as a supervisor does."""

    def __init__(self, system: System, data: Path):
        self._system, self._data = system, data
        self.starts = 1
        self.worker = system.start("decide", data)

    def look(self) -> WorkerProcess:
        """The one that runs: a new one if the last has left, as it may with a reason."""
        if not self.worker.alive:
            assert self.worker.process.returncode == DAMAGED and "LedgerDamaged" in self.worker.said
            assert self.starts <= len(databases(self._data)), self.worker.said[-3000:]
            self.worker = self._system.start("decide", self._data)
            self.starts += 1
        return self.worker


def test_a_ledger_with_every_kind_of_damage_is_rebuilt(system: System) -> None:
    """In one start: each database of each partition has another damage. Then one that only reading meets."""
    traffic = Traffic(seed=20)
    screen, decide = (system.start(role).await_ready() for role in ("screen", "decide"))
    history(system, traffic, 1500, "before")
    assert decide.leave() == 0
    kinds = cycle(SEEN_AT_ONCE)
    for path in databases(decide.data):
        SEEN_AT_ONCE[next(kinds)](path)
    healed = system.start("decide", decide.data).await_ready()
    assert all(len(found_aside(path)) == 1 for path in databases(decide.data))
    assert "Set aside as" in healed.said
    history(system, traffic, 300, "between")
    assert healed.leave() == 0
    *others, largest = sorted(databases(decide.data), key=lambda path: only(path, "*.sst").stat().st_size)
    garble_table(largest)
    for path in others:
        garble_beginning(path)
    last = Restarted(system, decide.data)
    history(system, traffic, 300, "after", last.look)
    assert all(len(found_aside(path)) == 2 for path in databases(decide.data))
    assert last.starts == 2, "what only reading met made it leave once"
    finish(system, traffic, screen, last.look)


def test_damage_and_removal_under_a_running_worker(system: System) -> None:
    """Nothing wrong is published: it ends with an error, or goes on by what it has open, the next start is whole."""
    traffic = Traffic(seed=21)
    screen, decide = (system.start(role).await_ready() for role in ("screen", "decide"))
    history(system, traffic, 600, "before")
    some, others = databases(decide.data)[:2], databases(decide.data)[2:]
    for path in some:
        garble(only(path, "MANIFEST*"), 20)
        os.truncate(path / "CURRENT", 0)
    shutil.rmtree(others[0].parent)
    history(system, traffic, 300, "partition gone")
    shutil.rmtree(decide.data)
    history(system, traffic, 300, "all gone")
    assert decide.leave() in (0, DAMAGED), decide.said[-2000:]
    last = system.start("decide", decide.data).await_ready()
    history(system, traffic, 300, "after")
    finish(system, traffic, screen, lambda: last)
