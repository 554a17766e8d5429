"""Plots as SVG elements of an HTML page: bars side by side, lines over time. Pure.

Colours are classes (`before`, `after`, …) that the page's style sheet gives for light and dark. No script, no font, no
address of anybody.
"""

from collections.abc import Iterator, Sequence
from html import escape
from typing import NamedTuple

from sidestep.streams.terminal import printable

WIDTH = 720
NAMES = 210
"""Pixels for the names of bars, …"""
NUMBERS = 90
"""… and for the numbers behind them."""
BAR, GAP = 11, 9
HEIGHT, FOOT, SIDE = 200, 24, 60
"""Of lines: the plot, its time axis, its numbers."""


class BarRow(NamedTuple):
    """A name with a bar for each class."""

    name: str
    values: Sequence[float]


class TimeLine(NamedTuple):
    """A line of one class: a value for each step of the time axis."""

    kind: str
    values: Sequence[float]


def text(words: str) -> str:
    """Words that anybody may have written, as text of a page."""
    return escape(printable(words))


def bars(rows: Sequence[BarRow], kinds: Sequence[str]) -> str:
    """Horizontal bars, those of a row below each other; `kinds` are their classes."""
    most = max((value for row in rows for value in row.values), default=0) or 1
    step = len(kinds) * BAR + GAP
    parts = [part for at, row in enumerate(rows) for part in _row(row, kinds, at * step, most)]
    return _svg(max(len(rows) * step, 1), parts)


def lines(drawn: Sequence[TimeLine], first: str, last: str) -> str:
    """Values over time, from `first` to `last`."""
    most = max((value for line in drawn for value in line.values), default=0) or 1
    parts = [
        f'<line class="axis" x1="{SIDE}" y1="{HEIGHT}" x2="{WIDTH}" y2="{HEIGHT}"/>',
        _label(SIDE - 6, 12, number(most), "end"),
        _label(SIDE - 6, HEIGHT, "0", "end"),
        _label(SIDE, HEIGHT + 16, first, "start"),
        _label(WIDTH, HEIGHT + 16, last, "end"),
    ]
    parts += [_line(line, most) for line in drawn]
    return _svg(HEIGHT + FOOT, parts)


def number(value: float) -> str:
    """As people read it."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def _row(row: BarRow, kinds: Sequence[str], top: int, most: float) -> Iterator[str]:
    middle = top + len(kinds) * BAR // 2 + 4
    yield _label(NAMES - 8, middle, row.name, "end")
    for number_of, (kind, value) in enumerate(zip(kinds, row.values, strict=True)):
        y, width = top + number_of * BAR, (WIDTH - NAMES - NUMBERS) * value / most
        shown = max(width, 1) if value else 0
        yield f'<rect class="{kind}" x="{NAMES}" y="{y}" width="{shown:.1f}" height="{BAR - 1}"/>'
        yield _label(NAMES + width + 6, y + BAR - 2, number(value), "start", "small")


def _line(line: TimeLine, most: float) -> str:
    across = (WIDTH - SIDE) / max(len(line.values) - 1, 1)
    points = [(SIDE + at * across, HEIGHT - (HEIGHT - 10) * value / most) for at, value in enumerate(line.values)]
    if len(points) == 1:
        points.append((WIDTH, points[0][1]))
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline class="line {line.kind}" points="{path}"/>'


def _label(x: float, y: float, words: str, anchor: str, kind: str = "") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text(words)}</text>'


def _svg(height: int, parts: Sequence[str]) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img">{"".join(parts)}</svg>'
