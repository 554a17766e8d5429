"""Load that goes on while something else is waited for, with a supervisor beside it."""

import time
from collections.abc import Callable, Iterable

from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import Traffic
from tests.guarantees.harness.workers import WorkerProcess

TICK = 0.1
FAILED = 3
"""Exit code of a worker that ends with an error."""
RECORDS_A_TICK = 60


KNOWN_EXITS = {"Fenced", "BrokerUnreachable", "PublishFailed"}
"""What a worker may leave with when Kafka or the network fails; docs/operations.md says what to do."""


class Drive:
    """Keeps the load up while something else is waited for. `supervised` workers that leave are started again."""

    def __init__(self, system: System, traffic: Traffic, supervised: Iterable[WorkerProcess] = ()):
        self._system = system
        self._traffic = traffic
        self._supervised = tuple(supervised)
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
        took = self.until(lambda: wanted <= self._system.verdicts.seen.keys(), seconds, f"{label}: all verdicts")
        assert self._system.verdicts.repeated() == [], label
        return took

    def settle(self, seconds: float) -> None:
        """No more load: all verdicts come, once each, and the supervised workers get ready."""
        self._system.feed.flush()
        self._system.verdicts.await_all(self._traffic.expected, seconds, self._supervise)
        for worker in self._supervised:
            self._supervise()  # who gives up late is started again, too
            worker.await_ready("ok", "standby")

    def _supervise(self) -> None:
        for worker in self._supervised:
            if not worker.alive:
                assert worker.process.returncode == FAILED, f"{worker.role}:\n{worker.said[-3000:]}"
                assert worker.reason.partition(":")[0] in KNOWN_EXITS, worker.said[-3000:]
                worker.start_again()

    def _tick(self, label: str) -> None:
        self._supervise()
        records = self._traffic.some(RECORDS_A_TICK, label)
        self._system.feed.send(records)
        self.sent += len(records)
        self._next = max(self._next + TICK, time.monotonic() - 1)
        while (left := self._next - time.monotonic()) > 0:
            self._traffic.answered(self._system.verdicts.poll(min(left, 0.05)))
