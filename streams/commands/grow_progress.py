"""How far `sidestep topics grow` is: a bar for each step on a terminal, a line otherwise."""

import time
from types import TracebackType
from typing import Any, Self

import click

from sidestep.streams.terminal import printable

LINE_SECONDS = 10.0


class GrowProgress:
    """On stderr. A context."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._what = ""
        self._total = 0
        self._at = 0
        self._told = time.monotonic()

    def step(self, what: str, total: int = 0) -> None:
        """A step begins."""
        self._end()
        self._what, self._total, self._at, self._told = what, total, 0, time.monotonic()
        if total and click.get_text_stream("stderr").isatty():
            self._bar = click.progressbar(length=total, label=f"{what:<50}", file=click.get_text_stream("stderr"))
            self._bar.__enter__()
        else:
            click.echo(what, err=True)

    def done(self, records: int) -> None:
        """So far."""
        if self._bar is not None:
            self._bar.update(max(0, min(records, self._total) - self._at))
            self._at = max(self._at, min(records, self._total))
        elif time.monotonic() - self._told > LINE_SECONDS:
            self._told = time.monotonic()
            click.echo(f"{self._what}: {records:,} of {self._total:,}", err=True)

    def say(self, text: str) -> None:
        """Something to know meanwhile."""
        click.echo(printable(text), err=True)

    def _end(self) -> None:
        if self._bar is not None:
            self._bar.update(self._total - self._at)
            self._bar.__exit__(None, None, None)
            self._bar = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._end()
        elif self._bar is not None:
            self._bar.__exit__(None, None, None)
