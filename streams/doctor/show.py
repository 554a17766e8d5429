"""The doctor's rows as a table for people, and as JSON for programs. Pure."""

from collections import Counter
from collections.abc import Iterator
from textwrap import wrap

from click import style

from sidestep.streams.doctor.row import CheckRow, worst
from sidestep.streams.terminal import json_line

COLOURS = {"ok": "green", "warning": "yellow", "fault": "red", "unknown": "cyan"}
STATUS_WIDTH = 8
"""Of the longest status, and a space."""
LEAST = 30
"""Columns for the text, however narrow the terminal."""


def as_json(rows: list[CheckRow]) -> str:
    """One object: the worst status, and every row."""
    return json_line({"status": worst(rows), "checks": [row._asdict() for row in rows]})


def as_table(rows: list[CheckRow], columns: int) -> Iterator[str]:
    """Lines of a table that is `columns` wide: status, check, what is so; indented below it, how to mend it."""
    names = max((len(row.check) for row in rows), default=0) + 2
    width = max(LEAST, columns - STATUS_WIDTH - names)
    for row in rows:
        head = style(f"{row.status:<{STATUS_WIDTH}}", fg=COLOURS[row.status], bold=row.status != "ok")
        lines = [*_wrapped(row.what, width), *(f"  {line}" for line in _wrapped(row.mend, width - 2) if row.mend)]
        yield f"{head}{row.check:<{names}}{lines[0]}"
        yield from (" " * (STATUS_WIDTH + names) + line for line in lines[1:])
    count = Counter[str](row.status for row in rows)
    yield ""
    yield ", ".join(f"{count[status]} {status}" for status in COLOURS if count[status])


def _wrapped(text: str, width: int) -> list[str]:
    """Lines by words; one that is too long, a path say, stays whole, so that it can be copied."""
    return wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]
