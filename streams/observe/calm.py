"""Keeps a client that tries a thousand times from writing a thousand lines."""

import logging
import re
import time
from collections.abc import Callable

ALLOWED = 3
WINDOW_SECONDS = 10.0
KINDS = 500
"""Kinds remembered; more start afresh."""

# what differs between repetitions: numbers, and the client that librdkafka names in brackets
_PARTICULARS = re.compile(r"\[[^\]]*\]|\d+")


class Calm(logging.Filter):
    """Lets through the first few warnings and errors of a kind in each window; the next window's first says how many
    more there were. What is alike but for numbers and names in brackets is of a kind. Nothing below warning is touched.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        super().__init__()
        self._clock = clock
        self._kinds: dict[tuple[str, int, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """logging's hook: whether the line is written."""
        if record.levelno < logging.WARNING:
            return True
        kind = (record.name, record.levelno, _PARTICULARS.sub("#", record.getMessage())[:80])
        now = self._clock()
        began, count = self._kinds.get(kind, (now, 0))
        if now - began >= WINDOW_SECONDS:
            if count > ALLOWED:
                record.msg, record.args = f"{record.getMessage()} ({count - ALLOWED} more like this before)", ()
            began, count = now, 0
        if len(self._kinds) >= KINDS:
            self._kinds.clear()
        self._kinds[kind] = (began, count + 1)
        return count < ALLOWED
