"""A lone event goes through at once. What it takes is printed, not asserted: it is the machine's business."""

import time

import pytest

from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import Traffic

EVENTS = 100

pytestmark = pytest.mark.timeout(120)


def test_a_lone_event_is_not_kept_waiting_for_others(system: System) -> None:
    """Each is published after its predecessor's verdict, so nothing but itself can bring it through."""
    traffic = Traffic(seed=13)
    workers = [system.start(role).await_ready() for role in ("screen", "decide")]
    took = []
    for _ in range(EVENTS):
        began = time.monotonic()
        system.feed.send(traffic.plain(1, domain="d0.example"))
        system.feed.flush()
        system.verdicts.await_all(traffic.expected, 10)
        took.append((time.monotonic() - began) * 1000)
    took.sort()
    print(f"\npublish to verdict, alone: p50 {took[EVENTS // 2]:.0f} ms, p99 {took[-2]:.0f} ms, max {took[-1]:.0f} ms")
    assert [w.leave() for w in workers] == [0, 0]
