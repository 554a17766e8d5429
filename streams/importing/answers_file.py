"""The file of answers: CSV, or a spreadsheet where its name ends in .xlsx."""

import csv
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from sidestep.streams.errors import ImportFailed
from sidestep.streams.importing.list_file import ListFile, require_xlsx
from sidestep.streams.importing.row_answer import WriteRow, safe_cell
from sidestep.streams.terminal import printable


def is_xlsx(path: Path) -> bool:
    """Whether the name asks for a spreadsheet."""
    return path.suffix.lower() == ".xlsx"


@contextmanager
def answers_file(path: Path, like: ListFile, rows: int) -> Iterator[WriteRow]:
    """Takes rows of the file, which is there when all of it is; otherwise it never was. Raises ImportFailed."""
    with _replaced(path) as octets:
        if not is_xlsx(path):
            encoding = "utf-8-sig" if like.marked else "utf-8"
            with open(octets.fileno(), "w", encoding=encoding, newline="", closefd=False) as file:
                writer = csv.writer(file, delimiter=like.delimiter, lineterminator="\n")
                yield lambda cells: writer.writerow(map(safe_cell, cells))
            return
        require_xlsx()
        from sidestep.streams.importing.xlsx_answers import xlsx_answers

        with xlsx_answers(octets, rows) as write:
            yield write


@contextmanager
def _replaced(path: Path) -> Iterator[IO[bytes]]:
    """A file for its owner alone."""
    unfinished = path.with_name(f".{path.name}.part")
    try:
        unfinished.unlink(missing_ok=True)
        handle = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w+b") as file:
            yield file
        unfinished.replace(path)
    except OSError as error:
        raise ImportFailed(f"{printable(str(path))} can't be written: {error.strerror or error}") from None
    finally:
        unfinished.unlink(missing_ok=True)
