"""Workers come and go under load, by SIGTERM and by SIGKILL: nothing is lost, nothing happens twice."""

import signal
import time

import pytest

from tests.guarantees.harness.drive import Drive
from tests.guarantees.harness.model import assert_guarantees
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import Traffic

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


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
