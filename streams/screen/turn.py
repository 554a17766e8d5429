"""A batch's turn at the event loop: whoever writes to a topic decides how long a batch takes, and others wait."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")

TURN_SECONDS = 0.025
"""For which a batch may keep other partitions waiting: thousands of signatures by Ed25519 take half a second, whether
they are right or not, and so do ten thousand people whom a hundred bounces name."""
LOOK_EVERY = 64
"""Records between two looks at the clock."""
PORTION = 256
"""Intents that are dealt with at once where others must not come between: some ten milliseconds."""


class Turn:
    """One batch's turns. Begins at once."""

    def __init__(self) -> None:
        self._ends = time.monotonic() + TURN_SECONDS

    async def look(self) -> None:
        """Let others go first where the turn is over."""
        if time.monotonic() >= self._ends:
            await asyncio.sleep(0)
            self._ends = time.monotonic() + TURN_SECONDS


def portions(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """The items in order, PORTION at a time."""
    return (items[start : start + PORTION] for start in range(0, len(items), PORTION))
