"""Files that a server follows while it runs: looked at again and again, read again when they have changed."""

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

LOOK_SECONDS = 2.0
"""Between two looks: what was taken out of a file works that much longer at most."""

FileStamp = tuple[int, int, int] | None
"""Time of the last change, size, number on disk. None: there is no file."""


def stamp_of(path: Path) -> FileStamp:
    """The stamp of a file; a link's target counts, as Kubernetes swaps links."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


async def follow(looks: Iterable[Callable[[], None]], seconds: float = LOOK_SECONDS) -> None:
    """Call each look again and again, in a thread, until cancelled."""
    looks = tuple(looks)
    while True:
        await asyncio.sleep(seconds)
        for look in looks:
            await asyncio.to_thread(look)
