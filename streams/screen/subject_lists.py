"""Lists of addresses, domains and hashes in files: one a line, CSV with a heading, or JSON lines. Pure."""

import itertools
import json
from collections.abc import Iterable, Iterator
from csv import reader
from typing import NamedTuple

SUBJECTS = ("subject", "address", "email", "recipient", "domain", "hash")
"""Names of the column that says whom the line is about: what other systems export calls it one of these."""
COLUMNS = ("subject", "reason", "until", "by", "hit_at")
MARK = "\ufeff"
"""The byte order mark that spreadsheets begin UTF-8 with."""
DELIMITERS = ",;"
"""Of columns: spreadsheets write semicolons where the comma is the decimal mark."""


class Line(NamedTuple):
    """A line of such a list; what it does not say is empty."""

    number: int
    subject: str
    reason: str = ""
    until: str = ""
    by: str = ""
    hit_at: str = ""
    """Of a trap: when a message hit it."""


def read_lines(lines: Iterable[str]) -> Iterator[Line]:
    """The lines that say something; those that begin with # don't. Raises ValueError with the number of a line that
    can't be read."""
    numbered = ((number, line.removeprefix(MARK).strip()) for number, line in enumerate(lines, start=1))
    said = iter([(number, line) for number, line in numbered if line and not line.startswith("#")])
    first = next(said, None)
    if first is None:
        return
    for delimiter in DELIMITERS:
        heading = _cells(first[1].lower(), delimiter)
        if set(heading) & set(SUBJECTS):
            yield from (
                _line(number, dict(zip(heading, _cells(line, delimiter), strict=False))) for number, line in said
            )
            return
    read = _of_json if first[1].startswith("{") else Line
    yield from (read(number, line) for number, line in itertools.chain([first], said))


def _cells(line: str, delimiter: str) -> list[str]:
    return [cell.strip() for cell in next(reader([line], delimiter=delimiter))]


def _of_json(number: int, line: str) -> Line:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError(f"line {number} is not JSON, as the first line is") from None
    if not isinstance(fields, dict):
        raise ValueError(f"line {number} is no JSON object")
    return _line(number, {name: str(value) for name, value in fields.items() if value is not None})


def _line(number: int, fields: dict[str, str]) -> Line:
    subject = next((fields[name].strip() for name in SUBJECTS if fields.get(name, "").strip()), "")
    if not subject:
        raise ValueError(f"line {number} says no address and no domain ({', '.join(SUBJECTS)})")
    return Line(number, subject, *(fields.get(name, "").strip() for name in COLUMNS[1:]))
