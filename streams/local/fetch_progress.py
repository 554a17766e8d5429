"""Shows how far the fetching of the broker is: a bar on a terminal, a line now and then in a log."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

BETWEEN_LINES = 5.0
"""Seconds."""


class FetchProgress(Protocol):
    """What a fetch reports. Called from several threads."""

    def octets(self, count: int) -> None:
        """So many more have arrived."""

    def jar_done(self) -> None:
        """One more jar is complete."""


@contextmanager
def show_progress(title: str, jars: int, size: int) -> Iterator[FetchProgress]:
    """Progress on stderr of `jars` files of `size` octets altogether."""
    if sys.stderr.isatty():
        with _bar(title, jars, size) as progress:
            yield progress
    else:
        yield _Lines(title, jars, size)


class _Lines:
    def __init__(self, title: str, jars: int, size: int):
        self._title, self._jars, self._size = title, jars, size
        self._done = self._octets = 0
        self._lock = threading.Lock()
        self._next_line = 0.0
        self._print()

    def octets(self, count: int) -> None:
        with self._lock:
            self._octets += count
            if time.monotonic() >= self._next_line:
                self._print()

    def jar_done(self) -> None:
        with self._lock:
            self._done += 1
            if self._done == self._jars:
                self._print()

    def _print(self) -> None:
        self._next_line = time.monotonic() + BETWEEN_LINES
        sizes = f"{self._octets / 1e6:.1f} of {self._size / 1e6:.1f} MB"
        print(f"{self._title}: {self._done} of {self._jars} jars, {sizes}", file=sys.stderr, flush=True)


@contextmanager
def _bar(title: str, jars: int, size: int) -> Iterator[FetchProgress]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    counter = TextColumn("{task.fields[done]}/{task.fields[jars]} jars")
    columns = (TextColumn("{task.description}"), BarColumn(), counter, DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(title, total=size, done=0, jars=jars)

        class Bar:
            def octets(self, count: int) -> None:
                progress.advance(task, count)

            def jar_done(self) -> None:
                progress.update(task, done=progress.tasks[0].fields["done"] + 1)

        yield Bar()
