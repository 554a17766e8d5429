"""The time that a worker has to end.

Faust and the clients of Kafka wait for a broker that may never answer, and some of that holds the event loop: so the
deadline is a thread's.
"""

import threading
from collections.abc import Callable

LEAVE_SECONDS = 25.0
"""From the signal to the end. Kubernetes follows SIGTERM with SIGKILL after 30 s."""


class Deadline:
    """Calls `passed`, in a thread of its own, so many seconds after it has begun; unless the process has ended."""

    def __init__(self, seconds: float, passed: Callable[[], None]):
        self._timer = threading.Timer(seconds, passed)
        self._timer.daemon = True

    def begin(self) -> None:
        """Does nothing where it has begun already."""
        if not self._timer.ident:
            self._timer.start()
