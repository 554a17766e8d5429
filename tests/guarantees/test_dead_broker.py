"""Nothing waits for ever for a broker that is not there yet, is dead, or says nothing any more."""

import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from sidestep.streams.local.embedded_kafka import EmbeddedKafka
from sidestep.streams.runtime import recovery
from sidestep.streams.runtime.tables import Writes
from sidestep.topics.errors import BrokerUnreachable
from tests.guarantees.harness.drive import FAILED, Drive
from tests.guarantees.harness.model import assert_guarantees
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import Traffic
from tests.guarantees.harness.workers import WorkerProcess, wait_for
from tests.guarantees.test_fencing import ledger, output

LEFT_SECONDS = 30.0
"""From SIGTERM to the end, whatever the broker does."""
ROLES = ("screen", "decide")


class Outage:
    """The broker, killed or frozen, and the workers that live through it."""

    def __init__(self, system: System, kafka: EmbeddedKafka):
        self._system = system
        self._kafka = kafka
        self._ending = {"killed": signal.SIGKILL, "frozen": signal.SIGSTOP}
        self.how = ""
        self.workers: list[WorkerProcess] = []

    def begin(self, how: str) -> None:
        """It is "killed" or "frozen"."""
        self.how = how
        os.kill(self._kafka.pid, self._ending[how])

    def end(self) -> None:
        """It answers again."""
        if self.how == "frozen":
            os.kill(self._kafka.pid, signal.SIGCONT)
        else:
            self._kafka.stop()
            self._kafka.start()

    def start_workers(self) -> None:
        """One of each role, with the same folders each time."""
        self.workers = [self._system.start(role, self._system.folder / role) for role in ROLES]

    def assert_waiting(self) -> None:
        """All say that they wait for Kafka, and one of them leaves meanwhile: with 0, for it has nothing in hand."""
        one = self._system.start("decide", self._system.folder / "one")
        for worker in (*self.workers, one):
            tells_that_it_waits(worker)
        assert (0, True) == (one.leave(LEFT_SECONDS), "left cleanly" in one.said)


def tells_that_it_waits(worker: WorkerProcess) -> None:
    """In /readyz and in the log."""
    wait_for(lambda: "no Kafka answers at" in worker.readiness(), 40, "readiness tells", every=0.5)
    assert "waiting for Kafka: no Kafka answers" in worker.said


def leave_in_time(workers: list[WorkerProcess], how: str) -> None:
    """0: what was in hand is finished. 3, with the reason: it is not."""
    began = time.monotonic()
    for worker in workers:
        worker.signal(signal.SIGTERM)
    for worker in workers:
        code = worker.ended(max(0.1, LEFT_SECONDS - (time.monotonic() - began)))
        reason = "left cleanly" if code == 0 else "StopOverdue: "
        assert code in (0, FAILED) and reason in worker.said.splitlines()[-1], worker.said[-3000:]
    print(f"\n{how}: left with {[w.process.returncode for w in workers]} after {time.monotonic() - began:.1f} s")


def load(system: System, traffic: Traffic, ready: Iterable[WorkerProcess], label: str) -> None:
    """Two seconds of it, as soon as these workers are ready."""
    for worker in ready:
        worker.await_ready()
    Drive(system, traffic).during(2, label)


def has_partitions_under_load(worker: WorkerProcess, system: System, traffic: Traffic) -> None:
    """Noticed at once."""

    def assigned() -> bool:
        system.feed.send(traffic.some(5, "joining"))
        return 'assigned  role=decide  partitions="' in worker.said

    wait_for(assigned, 45, "assigned", every=0.01)


def await_recovery(system: System, outage: Outage, traffic: Traffic) -> WorkerProcess:
    """A worker whose broker froze while it was reading its ledgers back; it may be quicker than we are."""
    for number in range(5):
        worker = system.start("decide", system.folder / f"empty-{number}")
        has_partitions_under_load(worker, system, traffic)
        outage.begin("frozen")
        if "is being recovered" in worker.readiness():
            return worker
        outage.end()
        worker.leave(LEFT_SECONDS)
    pytest.fail("no worker could be caught while it recovers")


@pytest.mark.slow
@pytest.mark.timeout(420)
def test_nobody_waits_for_ever_for_the_broker(own_system: System, own_kafka: EmbeddedKafka) -> None:
    """Workers start without a broker, tell so, and come alive with it. SIGTERM ends them in time while it is dead or
    frozen: as they start, under load, and as they recover. Nothing is lost by that, and nothing comes twice."""
    system, outage, traffic = own_system, Outage(own_system, own_kafka), Traffic(seed=44)
    outage.begin("killed")
    outage.start_workers()
    outage.assert_waiting()
    outage.end()
    load(system, traffic, outage.workers, "before")
    recovering = await_recovery(system, outage, traffic)
    load(system, traffic, (), "frozen")
    leave_in_time([*outage.workers, recovering], "frozen")
    outage.start_workers()
    outage.end()
    load(system, traffic, outage.workers, "between")
    outage.begin("killed")
    load(system, traffic, (), "killed")
    leave_in_time(outage.workers, "killed")
    outage.start_workers()
    outage.end()
    Drive(system, traffic, [worker.await_ready() for worker in outage.workers]).settle(60)
    assert [0, 0] == [worker.leave(LEFT_SECONDS) for worker in outage.workers]
    assert_guarantees(system.connection, traffic.expected, system.feed.origins, [outage.workers[1].data])


def test_a_changelog_whose_leader_is_away_is_waited_for_a_while(
    own_system: System, own_kafka: EmbeddedKafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the partition's opening ends with an error that says so; the next one, with the leader back, has it all."""
    ledger(own_system.connection, tmp_path / "first").commit(output(b"1"), Writes(), 0)
    outage, ends = Outage(own_system, own_kafka), recovery._ends

    def known_before_the_freeze(*asked: Any) -> tuple[int, int]:
        found = ends(*asked)
        outage.begin("frozen")
        return found

    with monkeypatch.context() as patched:
        patched.setattr(recovery, "_ends", known_before_the_freeze)
        patched.setattr(recovery, "SILENCE_SECONDS", 2.0)
        with pytest.raises(BrokerUnreachable, match="no answer for 2 s while recovering"):
            ledger(own_system.connection, tmp_path / "second")
    outage.end()
    assert 0 == ledger(own_system.connection, tmp_path / "second").marker
