"""What is seen while the day goes by: a live picture on a terminal, otherwise a line every few seconds."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from sidestep.streams.demo.day import Progress
from sidestep.streams.demo.planning import HOURS
from sidestep.streams.demo.tally import RuleTally

WIDTH = 100
"""Columns; narrower terminals get less."""
BETWEEN_LINES = 3.0
"""Seconds."""
COLOURS = {"send": "green", "defer": "yellow", "drop": "red"}
ACTIONS = (("send", "approved"), ("drop", "dropped"), ("defer", "deferred"))


class Display(Protocol):
    """Shows Progress."""

    def show(self, progress: Progress) -> None:
        """Called a few times a second."""


@contextmanager
def display(console: Console) -> Iterator[Display]:
    """The one that suits the console."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield _Picture(live)


def console_of_width() -> Console:
    """Standard output, at most WIDTH columns."""
    console = Console(highlight=False)
    if console.width > WIDTH or not console.is_terminal:
        console = Console(highlight=False, width=WIDTH)
    return console


class _Lines:
    def __init__(self, console: Console):
        self._console = console
        self._next = 0.0
        self._news = ""

    def show(self, progress: Progress) -> None:
        if progress.news != self._news:
            self._news = progress.news
            self._console.print(f"  {clock(progress.hour)}  {progress.news}", markup=False)
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + BETWEEN_LINES
            self._console.print(f"  {clock(progress.hour)}  {_counts(progress)}", markup=False)
            self._console.print(f"         {_most_frequent(progress)}", markup=False)


class _Picture:
    def __init__(self, live: Live):
        self._live = live

    def show(self, progress: Progress) -> None:
        self._live.update(picture(progress), refresh=True)


def picture(progress: Progress) -> RenderableType:
    """The live view: clock and news, how far the day is, counts, rules."""
    head = Table.grid(padding=(0, 2), expand=True)
    head.add_column(width=5)
    head.add_column(ratio=1)
    head.add_row(Text(clock(progress.hour), style="bold"), Text(progress.news, overflow="ellipsis", no_wrap=True))
    bar = ProgressBar(total=HOURS, completed=min(progress.hour, HOURS))
    parts: list[RenderableType] = [head, bar, Text(""), _count_line(progress), Text("")]
    return Panel(Group(*parts, _rules(progress.tally.by_frequency())), title="Sidestep", title_align="left")


def clock(hour: float) -> str:
    """12.5 -> 12:30; stands still at midnight."""
    minutes = min(int(hour * 60), int(HOURS * 60))
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _counts(progress: Progress) -> str:
    actions = progress.tally.actions
    outcome = ", ".join(f"{actions[action]:,} {word}" for action, word in ACTIONS)
    return f"{progress.published:,} published: {outcome}, {progress.open:,} open; {progress.rate:,.0f}/s"


def _most_frequent(progress: Progress) -> str:
    rules = progress.tally.by_frequency()[:4]
    return ", ".join(f"{name} {rule.count:,}" for name, rule in rules) or "no rule has spoken yet"


def _count_line(progress: Progress) -> RenderableType:
    actions = progress.tally.actions
    grid = Table.grid(expand=True)
    cells = [
        ("published", progress.published, ""),
        ("verdicts", progress.tally.verdicts, ""),
        ("a second", round(progress.rate), ""),
        ("open", progress.open, ""),
        *((word, actions[action], COLOURS[action]) for action, word in ACTIONS),
    ]
    for _ in cells:
        grid.add_column(ratio=1)
    grid.add_row(*(Text(f"{number:,}", style=f"bold {colour}") for _, number, colour in cells))
    grid.add_row(*(Text(word, style="dim") for word, _, _ in cells))
    return grid


def _rules(rules: list[tuple[str, RuleTally]]) -> RenderableType:
    grid = Table.grid(padding=(0, 2), expand=True)
    grid.add_column(width=22)
    grid.add_column(width=7, justify="right")
    grid.add_column(ratio=1)
    most = max((rule.count for _, rule in rules), default=1)
    for name, rule in rules:
        colour = COLOURS[rule.usual]
        bar = ProgressBar(total=most, completed=rule.count, complete_style=colour, finished_style=colour, style="black")
        grid.add_row(name, f"{rule.count:,}", bar)
    return grid
