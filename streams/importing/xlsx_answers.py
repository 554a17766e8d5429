"""Answers as a spreadsheet, a row at a time. Every cell is a text: what looks like a formula is none."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import Cell
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

from sidestep.streams.errors import ImportFailed
from sidestep.streams.importing.row_answer import WriteRow
from sidestep.streams.importing.xlsx_file import ROWS_MAX

TEXT_MAX = 32_767
"""Characters that a cell has room for; openpyxl would cut off the rest."""
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NO_TEXT = ("=", "#")
"""What openpyxl takes for a formula, or for an error, begins with them."""


@contextmanager
def xlsx_answers(file: IO[bytes], rows: int) -> Iterator[WriteRow]:
    """Takes rows, at most so many behind the header; the file has them at the end. Raises ImportFailed."""
    if rows >= ROWS_MAX:
        raise ImportFailed(f"{rows:,} rows are more than a sheet has room for: name an --out that ends in .csv")
    book = Workbook(write_only=True)
    sheet = book.create_sheet("checked")

    def write(cells: Sequence[str]) -> None:
        sheet.append([_cell(each, sheet) for each in cells])

    yield write
    book.save(file)


def _cell(text: str, sheet: WriteOnlyWorksheet) -> str | Cell | None:
    if len(text) > TEXT_MAX:
        raise ImportFailed(f"a cell of the list has more than {TEXT_MAX:,} characters: name an --out that ends in .csv")
    text = _NOT_XML.sub("\ufffd", text)
    if not text.startswith(_NO_TEXT):
        return text or None
    cell = WriteOnlyCell(sheet, text)
    cell.data_type = "s"
    return cell
