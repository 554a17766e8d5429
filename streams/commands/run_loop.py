"""The event loop of a long-running command: uvloop, or asyncio's own where there is none."""

import asyncio
import faulthandler
from collections.abc import Coroutine
from typing import Any


def run_loop(main: Coroutine[Any, Any, None]) -> None:
    """Run a command's coroutine to its end. On Windows there is no uvloop. Where a library in C ends the process,
    stderr says in which line of which thread: files, lines and names of functions, nothing of what they hold."""
    if not faulthandler.is_enabled():
        faulthandler.enable()
    try:
        import uvloop
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)
