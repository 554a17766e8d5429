"""The end of a server: a signal, or the failure of one of its chores."""

import asyncio
import contextlib
import signal
from collections.abc import Coroutine
from typing import Any


async def until_stopped(stop: asyncio.Event, *chores: Coroutine[Any, Any, None]) -> None:
    """Wait until told to stop. A chore that fails is the whole server's failure: its answers would go stale."""
    tasks = {asyncio.create_task(work) for work in (stop.wait(), *chores)}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def stopped_by_signals() -> asyncio.Event:
    """The event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):  # Windows
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop
