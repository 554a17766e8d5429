"""Slots for questions under way, shared fairly by those who ask: one that gets free goes to whoever has the fewest."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class FairSlots:
    """So many slots, of which one asker has a part at most, so that there is always one for the next asker."""

    def __init__(self, total: int, each: int) -> None:
        """`each`: slots that one asker may have. Both at least 1."""
        self._free = total
        self._each = each
        self._held: Counter[str] = Counter()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def slot(self, asker: str) -> AsyncIterator[None]:
        """A slot from here to the end of the block, waited for if need be."""
        await self._take(asker)
        try:
            yield
        finally:
            self._give_back(asker)

    async def _take(self, asker: str) -> None:
        if self._may(asker) and asker not in self._waiting:
            self._grant(asker)
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(asker, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give_back(asker)  # it was our turn when we were told to stop
            else:
                self._leave(asker, turn)
            raise

    def _give_back(self, asker: str) -> None:
        self._free += 1
        self._held[asker] -= 1
        if not self._held[asker]:
            del self._held[asker]
        self._next()

    def _next(self) -> None:
        while waiting := [asker for asker in self._waiting if self._may(asker)]:
            asker = min(waiting, key=self._held.__getitem__)
            turn = self._waiting[asker][0]
            self._leave(asker, turn)
            if not turn.done():
                self._grant(asker)
                turn.set_result(None)

    def _may(self, asker: str) -> bool:
        return self._free > 0 and self._held[asker] < self._each

    def _grant(self, asker: str) -> None:
        self._free -= 1
        self._held[asker] += 1

    def _leave(self, asker: str, turn: "asyncio.Future[None]") -> None:
        queue = self._waiting[asker]
        queue.remove(turn)
        if not queue:
            del self._waiting[asker]
