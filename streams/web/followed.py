"""Files that a server follows while it runs: looked at again and again, read again when they have changed."""

import asyncio
from collections.abc import Callable, Iterable

LOOK_SECONDS = 2.0
"""Between two looks: what was taken out of a file works that much longer at most."""


async def follow(looks: Iterable[Callable[[], None]], seconds: float = LOOK_SECONDS) -> None:
    """Call each look again and again, in a thread, until cancelled."""
    looks = tuple(looks)
    while True:
        await asyncio.sleep(seconds)
        for look in looks:
            await asyncio.to_thread(look)
