"""For how long at once the event loop is kept from turning: all that it answers, reads and commits waits as long."""

import asyncio
import time

from prometheus_client import CollectorRegistry, Histogram

EVERY_SECONDS = 0.02
"""Between two looks; so much of a silence may not be seen. A look costs some twenty microseconds."""

# docs/limits.md: nothing that arrives holds the loop for more than 100 ms; a supervisor's patience is seconds.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0)


class LoopSilence:
    """How late a loop comes to what is due: its own work, another thread that has the interpreter, a busy machine."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._silence = Histogram(
            "sidestep_loop_silence_seconds",
            "By how much the event loop was late, looked at fifty times a second.",
            buckets=_SECONDS,
            registry=registry,
        )

    async def listen(self) -> None:
        """Look until cancelled, on the loop that is meant."""
        while True:
            due = time.monotonic() + EVERY_SECONDS
            await asyncio.sleep(EVERY_SECONDS)
            self._silence.observe(max(0.0, time.monotonic() - due))
