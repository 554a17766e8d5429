"""The progress of feeds' refreshes: a row each on a terminal, a line now and then elsewhere."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sidestep.streams.screen.sources.feeds.refresh import Refresh, RefreshProgress

BETWEEN_LINES = 5.0
"""Seconds between two lines."""


@contextmanager
def show_progress() -> Iterator[RefreshProgress]:
    """The progress of refreshes, on stderr."""
    if sys.stderr.isatty():
        with _rows() as progress:
            yield progress
    else:
        yield _Lines()


class _Lines:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next_line = time.monotonic() + BETWEEN_LINES

    def octets(self, name: str, count: int) -> None:
        self._print(f"{name}: {count / 1e6:.1f} MB")

    def lines(self, name: str, count: int) -> None:
        self._print(f"{name}: {count} lines read")

    def done(self, refresh: Refresh) -> None:
        """Print nothing: the command itself tells the refresh."""

    def _print(self, text: str) -> None:
        with self._lock:
            if time.monotonic() >= self._next_line:
                self._next_line = time.monotonic() + BETWEEN_LINES
                print(text, file=sys.stderr, flush=True)


@contextmanager
def _rows() -> Iterator[RefreshProgress]:
    from rich.console import Console
    from rich.progress import Progress as Rows
    from rich.progress import SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

    texts = (TextColumn("{task.description}"), TextColumn("{task.fields[what]}"))
    with Rows(SpinnerColumn(), *texts, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as rows:
        tasks: dict[str, TaskID] = {}

        def show(name: str, what: str) -> None:
            if name not in tasks:
                tasks[name] = rows.add_task(name, total=None, what="")
            rows.update(tasks[name], what=what)

        class Row:
            def octets(self, name: str, count: int) -> None:
                show(name, f"{count / 1e6:.1f} MB")

            def lines(self, name: str, count: int) -> None:
                show(name, f"{count} lines read")

            def done(self, refresh: Refresh) -> None:
                show(refresh.name, refresh.outcome)

        yield Row()
