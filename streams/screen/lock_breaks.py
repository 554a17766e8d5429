"""Breaks of a thread that computes for long: whoever else wants the interpreter's lock gets it then, without waiting
for five milliseconds each time (sys.setswitchinterval)."""

import time

WORK_SECONDS = 0.001
"""From the end of a break to the next one, unless a piece of work takes longer."""
BREAK_SECONDS = 0.0002
"""As long as the kernel takes to wake a thread, some times over."""


class LockBreaks:
    """Of one thread and one piece of work. Begins at once."""

    def __init__(self, share: float = 0.0) -> None:
        """`share`: how long a break is beside the work before it, at the least; 1.0: half of the time is others'."""
        self._share = share
        self._ended = time.perf_counter()

    def look(self) -> None:
        """Take a break where one is due. Call it often: it costs a tenth of a microsecond."""
        worked = time.perf_counter() - self._ended
        if worked >= WORK_SECONDS:
            time.sleep(max(BREAK_SECONDS, worked * self._share))
            self._ended = time.perf_counter()
