"""A list as a file of rows, whatever its form: CSV, or the first sheet of a spreadsheet."""

from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from sidestep.streams.errors import ImportFailed
from sidestep.streams.importing.csv_file import csv_file
from sidestep.streams.terminal import printable

Progress = Callable[[str, int], AbstractContextManager[Callable[[int, int], None]]]
"""Of something that has a whole: told what is done of it, and how many rows that were."""
ZIP = b"PK\x03\x04"
OLD_OFFICE = b"\xd0\xcf\x11\xe0"
"""What .xls begins with, and a spreadsheet with a password (MS-CFB 2.2)."""


class ListFile(Protocol):
    """Read from its beginning as often as it is asked for, never whole."""

    @property
    def name(self) -> str:
        """For people: the path, and the sheet."""

    @property
    def size(self) -> int:
        """Octets, as `rows` tells them."""

    @property
    def delimiter(self) -> str:
        """Of answers that are written as CSV."""

    @property
    def marked(self) -> bool:
        """Whether they begin with a byte order mark, as spreadsheets want it."""

    def rows(self, told: Callable[[int, int], None] | None = None) -> Generator[list[str]]:
        """All rows, the header among them; an empty one has no cells. `told` has the octets and rows read so far, now
        and then. Raises ImportFailed, with the row at fault."""


@contextmanager
def list_file(path: Path, encoding: str | None, delimiter: str | None) -> Iterator[ListFile]:
    """The list at a path; its form is found from its first octets. Raises ImportFailed."""
    start = _start(path)
    if start.startswith(OLD_OFFICE):
        raise ImportFailed(f"{printable(str(path))} is an old .xls, or has a password: save it as CSV")
    if not start.startswith(ZIP):
        yield csv_file(path, encoding, delimiter)
        return
    require_xlsx()
    from sidestep.streams.importing.xlsx_file import xlsx_file

    with xlsx_file(path) as sheet:
        yield sheet


def require_xlsx() -> None:
    """What reads and writes spreadsheets is an extra. Raises ImportFailed."""
    try:
        import openpyxl  # noqa: F401  (to see whether it is there)
    except ModuleNotFoundError:
        raise ImportFailed('for spreadsheets (XLSX): pip install "sidestep[xlsx]"; or save the list as CSV') from None


def _start(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise ImportFailed(f"{printable(str(path))} is no file: it is read twice, so a pipe won't do")
        with path.open("rb") as file:
            return file.read(4)
    except OSError as error:
        raise ImportFailed(f"{printable(str(path))} can't be read: {error.strerror}") from None
