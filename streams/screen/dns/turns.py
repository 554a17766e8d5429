"""Turns at the event loop: work that others decide the amount of is done in small portions, and the loop goes on."""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")

PORTION = 0.01
"""Seconds of such work in one round of the loop. A piece that has begun is finished: pieces are to be small."""


class Turns:
    """The turns of one event loop: what has no place in a round is done in one of the next."""

    def __init__(self, portion: float = PORTION, clock: Callable[[], float] = time.perf_counter) -> None:
        """`portion` and `clock` in seconds."""
        self._portion = portion
        self._clock = clock
        self._spent = 0.0

    async def take(self, work: Callable[[], Result]) -> Result:
        """What a piece of work gives, done as soon as there is time for it."""
        while self._spent >= self._portion:
            await asyncio.sleep(0)
        if not self._spent:
            asyncio.get_running_loop().call_soon(self._next_round)
        began = self._clock()
        try:
            return work()
        finally:
            self._spent += self._clock() - began

    def _next_round(self) -> None:
        self._spent = 0.0
