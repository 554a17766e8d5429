"""Text for a terminal, without what strangers could steer it by. Pure.

The one way by which a command shows what it did not write itself: fields of records, lines of files, names in
certificates, answers of servers.
"""

import json
from collections.abc import Collection, Iterator, Sequence


def printable(text: str) -> str:
    """A text on one line, without what would steer a terminal or turn the reading direction: controls (C0, DEL, C1),
    line ends, bidi marks, lone surrogates."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def printable_lines(text: str) -> str:
    """The same for a text of ours that has several lines: each line feed ends one, and nothing else does."""
    return "\n".join(map(printable, text.split("\n")))


def lined_up(rows: Sequence[Sequence[str]], figures: Collection[int]) -> Iterator[str]:
    """Rows of as many cells each, as lines whose columns are as wide as they need; the numbers of those with figures,
    from 0 on, stand to the right. The cells are printable."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = zip(row, widths, strict=True)
        words = [cell.rjust(w) if number in figures else cell.ljust(w) for number, (cell, w) in enumerate(cells)]
        yield "  ".join(words).rstrip()


def json_line(value: object) -> str:
    """A value as one line of JSON in printable ASCII, which any reader of JSON turns back into the same value."""
    return json.dumps(value).replace("\x7f", "\\u007f")
