"""Waiting for what must come true, on an event loop."""

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Returns as soon as it holds. Raises TimeoutError when it does not in time: much, for a machine that is busy."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.002)
