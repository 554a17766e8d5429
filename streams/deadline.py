"""The time that a worker has to end.

Faust and the clients of Kafka wait for a broker that may never answer, and some of that holds the event loop: so the
deadline is a thread's. It is there from the start: a worker that can't have another thread is one that has to end.
"""

import threading
from collections.abc import Callable

LEAVE_SECONDS = 25.0
"""From the signal to the end. Kubernetes follows SIGTERM with SIGKILL after 30 s."""


class Deadline:
    """Calls `passed`, in a thread of its own, so many seconds after it has begun; unless the process has ended."""

    def __init__(self, seconds: float, passed: Callable[[], None]):
        self._seconds = seconds
        self._passed = passed
        self._begun, self._never = threading.Event(), threading.Event()
        threading.Thread(target=self._run, name="deadline", daemon=True).start()

    def begin(self) -> None:
        """Does nothing where it has begun already."""
        self._begun.set()

    def _run(self) -> None:
        self._begun.wait()
        self._never.wait(self._seconds)
        self._passed()
