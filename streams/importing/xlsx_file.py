"""The first visible sheet of a spreadsheet (XLSX, ECMA-376) as rows of cells, read a row at a time.

What a file may unpack to is bounded, and so is what of it is in memory at once: a list comes from anybody.
"""

import warnings
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element, iterparse

from openpyxl.packaging.manifest import Manifest
from openpyxl.reader.excel import ExcelReader
from openpyxl.styles.stylesheet import apply_stylesheet
from openpyxl.workbook import Workbook
from openpyxl.worksheet._reader import DATA_TAG, ROW_TAG, WorkSheetParser
from openpyxl.xml.constants import SHARED_STRINGS

from sidestep.streams.errors import ImportFailed
from sidestep.streams.importing.shared_texts import SharedTexts
from sidestep.streams.importing.unpacked import Unpacked, UnpackedPart
from sidestep.streams.terminal import printable

ROWS_MAX = 1_048_576
"""What a sheet has room for; its rows say their numbers themselves, so a short file may claim any."""
COLUMNS_MAX = 1_024
"""A sheet has room for 16,384, and a cell says its column itself: one alone would make a row of so many."""


class Sheet(NamedTuple):
    """Where a sheet lies in the archive, and what its cells follow from."""

    title: str
    part: str
    of: int
    """How many sheets the workbook has."""
    book: Workbook
    texts: SharedTexts


class XlsxFile:
    """A sheet as a list."""

    delimiter = ","
    marked = True

    def __init__(self, path: Path, archive: Unpacked, sheet: Sheet) -> None:
        self._path = path
        self._archive = archive
        self._sheet = sheet

    @property
    def name(self) -> str:
        """As: list.xlsx, sheet Contacts, the first of 3"""
        more = f", the first of {self._sheet.of}" if self._sheet.of > 1 else ""
        return f"{self._path}, sheet {self._sheet.title}{more}"

    @property
    def size(self) -> int:
        """Octets of the sheet, unpacked."""
        return self._archive.getinfo(self._sheet.part).file_size

    def rows(self, told: Callable[[int, int], None] | None = None) -> Generator[list[str]]:
        """All rows as ListFile says, numbers and dates as texts, formulas as what they came to. Raises ImportFailed."""
        count = 0

        def where() -> str:
            return f"{printable(str(self._path))}, after row {count}"

        with _readable(where), self._archive.bulk(self._sheet.part) as part:
            for number, cells in _rows(part, self._sheet):
                if max(number, count + 1) > ROWS_MAX or len(cells) > COLUMNS_MAX:
                    raise ImportFailed(f"{where()}: row {number} has {len(cells)} cells: save it as CSV")
                if not any(cells):
                    continue  # below the last one that something stands in programs keep any number of them
                for _ in range(count, number - 1):
                    yield []  # and others leave out those between
                count = max(count + 1, number)
                if told is not None and count % 1024 == 0:
                    told(part.tell(), count)
                yield cells


@contextmanager
def xlsx_file(path: Path) -> Iterator[XlsxFile]:
    """A spreadsheet that is open. Raises ImportFailed."""
    with ExitStack() as opened:
        opened.enter_context(warnings.catch_warnings())
        warnings.filterwarnings("ignore", module="openpyxl")  # of styles, and of dates that no calendar has
        with _readable(lambda: printable(str(path))):
            archive = opened.enter_context(Unpacked(path))
            texts = opened.enter_context(SharedTexts())
            sheet = _first_sheet(path, archive, texts)
        yield XlsxFile(path, archive, sheet)


def _first_sheet(path: Path, archive: Unpacked, texts: SharedTexts) -> Sheet:
    with path.open("rb") as file:
        reader = ExcelReader(file, read_only=True, data_only=True, keep_links=False)
        reader.archive = archive  # reads no part beyond its bound
        reader.read_manifest()
        reader.read_workbook()
        apply_stylesheet(archive, reader.wb)
    if (part := _texts_part(reader.package)) is not None:
        with archive.bulk(part) as octets:
            texts.read(octets)
    sheets = [(sheet.name, sheet.state, rel.target) for sheet, rel in reader.parser.find_sheets() if _is_sheet(rel)]
    shown = [each for each in sheets if each[1] == "visible"]
    if not shown:
        raise ImportFailed(f"{printable(str(path))} has no sheet that shows")
    return Sheet(shown[0][0], shown[0][2], len(sheets), reader.wb, texts)


def _texts_part(package: Manifest) -> str | None:
    found = package.find(SHARED_STRINGS)  # type: ignore[no-untyped-call]
    return None if found is None else str(found.PartName).lstrip("/")


def _is_sheet(rel: Any) -> bool:
    return "chartsheet" not in rel.Type


def _rows(part: UnpackedPart, sheet: Sheet) -> Iterator[tuple[int, list[str]]]:
    """Rows with their numbers from 1. openpyxl reads cells, not sheets: it would keep something of each row."""
    book: Any = sheet.book  # what says which cells are dates is not in its types
    parser = WorkSheetParser(part, sheet.texts, True, book.epoch, book._date_formats, book._timedelta_formats)
    data: Element | None = None
    for event, element in iterparse(part, ("start", "end")):
        if event == "start":
            data = element if element.tag == DATA_TAG else data
        elif element.tag == ROW_TAG and data is not None:
            number, cells = parser.parse_row(element)
            yield number, _texts(cells)
            data.clear()
            parser.row_dimensions.clear()
            part.taken()
        elif element.tag == DATA_TAG:
            return


def _texts(cells: list[dict[str, Any]]) -> list[str]:
    width = max((cell["column"] for cell in cells if cell["value"] is not None), default=0)
    if width > COLUMNS_MAX:
        return [""] * width
    texts = [""] * width
    for cell in cells:
        if cell["value"] is not None:
            texts[cell["column"] - 1] = _text(cell["value"])
    return texts


def _text(value: object) -> str:
    match value:
        case bool():
            return "TRUE" if value else "FALSE"
        case float() if value.is_integer():
            return str(int(value))
        case datetime() if value.time() == time():
            return value.date().isoformat()
        case datetime():
            return value.isoformat(" ")
        case date() | time():
            return value.isoformat()
    return str(value)


@contextmanager
def _readable(where: Callable[[], str]) -> Iterator[None]:
    try:
        yield
    except ImportFailed:
        raise
    except OSError as error:
        raise ImportFailed(f"{where()}: can't be read: {error.strerror or error}") from None
    except Exception as error:  # noqa: BLE001  (what broken parts come to is no closed list, in openpyxl least of all)
        raise ImportFailed(
            f"{where()}: no spreadsheet that can be read ({type(error).__name__}): save it anew, or as CSV"
        ) from None
