"""Workers come and go under load, by SIGTERM and by SIGKILL: nothing is lost, nothing happens twice."""

import signal
import time
from collections.abc import Callable

import pytest

from tests.guarantees.harness.model import assert_guarantees
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import Traffic

TICK = 0.1
RECORDS_A_TICK = 60

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


class Drive:
    """Keeps the load up while something else is waited for."""

    def __init__(self, system: System, traffic: Traffic):
        self._system = system
        self._traffic = traffic
        self._next = time.monotonic()
        self.sent = 0

    def until(self, condition: Callable[[], object], seconds: float, what: str) -> float:
        """Publish until `condition` holds; how long that took. Fails the test after so many seconds."""
        began = time.monotonic()
        while not condition():
            assert time.monotonic() < began + seconds, f"not within {seconds:g} s under load: {what}"
            self._tick(what)
        return time.monotonic() - began

    def during(self, seconds: float, label: str) -> None:
        """Publish for so many seconds."""
        end = time.monotonic() + seconds
        self.until(lambda: time.monotonic() >= end, seconds + 10, label)

    def _tick(self, label: str) -> None:
        records = self._traffic.some(RECORDS_A_TICK, label)
        self._system.feed.send(records)
        self.sent += len(records)
        self._next = max(self._next + TICK, time.monotonic() - 1)
        while (left := self._next - time.monotonic()) > 0:
            self._traffic.answered(self._system.verdicts.poll(min(left, 0.05)))


def test_workers_come_and_go_under_load(system: System) -> None:
    """1 → 2 → 1 → 2 → 1 workers of both roles at once; who leaves by SIGTERM exits with 0 within seconds."""
    traffic = Traffic(seed=4)
    drive = Drive(system, traffic)
    began = time.monotonic()
    first = [system.start(role).await_ready() for role in ("screen", "decide")]
    drive.during(3, "one")
    second = [system.start(role) for role in ("screen", "decide")]
    drive.until(lambda: all(w.ready() for w in (*first, *second)), 60, "two")
    drive.during(3, "two")
    for worker in first:
        worker.signal(signal.SIGTERM)
    took = drive.until(lambda: not any(w.alive for w in first), 15, "leaving")
    assert [w.process.returncode for w in first] == [0, 0], first[0].said[-1500:] + first[1].said[-1500:]
    assert all("left cleanly" in w.said for w in first)
    third = [system.start(role) for role in ("screen", "decide")]
    drive.until(lambda: all(w.ready() for w in (*second, *third)), 60, "two again")
    drive.during(3, "two again")
    for worker in second:
        worker.kill()
    drive.during(9, "after a kill")
    system.feed.flush()
    system.verdicts.await_all(traffic.expected, 60)
    assert [w.leave() for w in third] == [0, 0]
    assert_guarantees(system.connection, traffic.expected, system.feed.origins, [third[1].data])
    print(f"\n{drive.sent} records in {time.monotonic() - began:.0f} s; SIGTERM to exit {took:.1f} s")
