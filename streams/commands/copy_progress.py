"""The progress of records that are copied: a bar with rate and time left, on a terminal and nowhere else."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Shown = Callable[[int, int], None]
"""Told how much of the whole is done, and how many records that were."""


@contextmanager
def copy_progress(doing: str, total: int) -> Iterator[Shown]:
    """On stderr; `total` in whatever unit the done is told."""
    if not sys.stderr.isatty():
        yield lambda _done, _records: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %  {task.fields[records]:,} records  {task.fields[rate]:,.0f}/s  left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(doing, total=total, records=0, rate=0.0)

        def show(done: int, records: int) -> None:
            elapsed = progress.tasks[0].elapsed or 0.0
            progress.update(task, completed=done, records=records, rate=records / elapsed if elapsed else 0.0)

        yield show


def percent_of(show: Shown) -> Callable[[int, int], None]:
    """Told how many records of how many are done, where the bar's whole is 100."""
    return lambda done, total: show(100 * done // max(total, 1), done)


def summed(show: Shown) -> Callable[[int], None]:
    """Told how many more records are done, where the bar's whole is that of all records."""
    done = 0

    def told(records: int) -> None:
        nonlocal done
        done += records
        show(done, done)

    return told
