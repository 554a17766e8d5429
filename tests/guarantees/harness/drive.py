"""Load that goes on while something else is waited for, with a supervisor beside it."""

import time
from collections.abc import Callable

from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import Traffic

TICK = 0.1
RECORDS_A_TICK = 60


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

    def until_answered(self, seconds: float, label: str) -> float:
        """Publish until all that has been published by now, and a little more, has its verdict; how long that took."""
        self._tick(label)
        wanted = self._traffic.expected
        return self.until(lambda: wanted <= self._system.verdicts.seen.keys(), seconds, f"{label}: all verdicts")

    def _tick(self, label: str) -> None:
        records = self._traffic.some(RECORDS_A_TICK, label)
        self._system.feed.send(records)
        self.sent += len(records)
        self._next = max(self._next + TICK, time.monotonic() - 1)
        while (left := self._next - time.monotonic()) > 0:
            self._traffic.answered(self._system.verdicts.poll(min(left, 0.05)))
