"""A CSV file as rows of cells, read from its beginning as often as it is asked for, never whole."""

import csv
from collections.abc import Callable, Generator
from io import TextIOWrapper
from pathlib import Path
from typing import NamedTuple

from sidestep.streams.errors import ImportFailed
from sidestep.streams.terminal import printable

DELIMITERS = ",;\t|"
SAMPLE = 65_536
"""Characters by which the delimiter is found."""
BOMS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
Row = list[str]


class CsvFile(NamedTuple):
    """How a file is to be read."""

    path: Path
    encoding: str
    delimiter: str

    @property
    def name(self) -> str:
        """The path."""
        return str(self.path)

    @property
    def size(self) -> int:
        """Octets."""
        return self.path.stat().st_size

    @property
    def marked(self) -> bool:
        """Whether it began with a byte order mark: a spreadsheet's, which wants one in the answer as well."""
        return self.encoding in BOMS.values()

    def rows(self, told: Callable[[int, int], None] | None = None) -> Generator[Row]:
        """All rows, the header among them; a blank line is a row without cells. `told` has the octets and lines read so
        far, now and then. Raises ImportFailed, with the line at fault."""
        line = 0
        try:
            with self.path.open("rb") as octets, TextIOWrapper(octets, self.encoding, newline="") as file:
                reader = csv.reader(file, delimiter=self.delimiter)
                for row in reader:
                    line = reader.line_num
                    if told is not None and line % 1024 == 0:
                        told(octets.tell(), line)
                    yield row
        except UnicodeDecodeError as error:
            raise ImportFailed(
                f"{_shown(self.path)} is not {self.encoding} after line {line}: name what it is, such as "
                f"--encoding latin-1, or cp1252 for one from Windows ({error.reason})"
            ) from None
        except csv.Error as error:
            raise ImportFailed(
                f"{_shown(self.path)}, after line {line}: {error}; is there a quotation mark that nothing closes?"
            ) from None
        except OSError as error:
            raise ImportFailed(f"{_shown(self.path)} can't be read: {error.strerror}") from None


def csv_file(path: Path, encoding: str | None, delimiter: str | None) -> CsvFile:
    """What is not given is found: UTF-8 unless it begins with a mark of UTF-16, and the delimiter by which most rows
    have as many cells as the first. Raises OSError."""
    with path.open("rb") as file:
        start = file.read(4)
    if encoding is None:
        encoding = next((name for mark, name in BOMS.items() if start.startswith(mark)), "utf-8")
    if delimiter is None:
        delimiter = _delimiter(path, encoding)
    return CsvFile(path, encoding, delimiter)


def _delimiter(path: Path, encoding: str) -> str:
    # what is no text of that encoding is told when it is read, by its line
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        lines = file.read(SAMPLE).splitlines(keepends=True)
    return max(DELIMITERS, key=lambda each: _fit(lines, each))


def _fit(lines: list[str], delimiter: str) -> int:
    """Rows that have as many cells as the first one, where that has several."""
    try:
        widths = [len(row) for row in csv.reader(lines, delimiter=delimiter)]
    except csv.Error:
        return 0
    return widths.count(widths[0]) if widths and widths[0] > 1 else 0


def _shown(path: Path) -> str:
    return printable(str(path))
