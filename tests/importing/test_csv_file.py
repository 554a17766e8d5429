"""A CSV file in whatever encoding and with whatever delimiter, or a clear word on what it is not."""

import codecs
from pathlib import Path

import pytest

from sidestep.streams.errors import ImportFailed
from sidestep.streams.importing.csv_file import csv_file
from sidestep.streams.importing.list_file import list_file

ROWS = [["name", "email"], ["Jürgen; Ma, x", "j@x.example"], [], ["two\nlines", "k@x.example"]]


def _text(delimiter: str) -> str:
    return f'name{delimiter}email\n"Jürgen; Ma, x"{delimiter}j@x.example\n\n"two\nlines"{delimiter}k@x.example\n'


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
def test_delimiters_and_marks_are_found(tmp_path: Path, delimiter: str, mark: bytes) -> None:
    """Quoted ones are text; a blank line is a row without cells."""
    path = tmp_path / "list.csv"
    path.write_bytes(mark + _text(delimiter).encode())
    assert ROWS == list(csv_file(path, None, None).rows())


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16(tmp_path: Path, encoding: str) -> None:
    """As spreadsheets save Unicode text."""
    path = tmp_path / "list.csv"
    path.write_bytes(("\ufeff" + _text("\t")).encode(encoding))
    file = csv_file(path, None, None)
    assert (ROWS, True) == (list(file.rows()), file.marked)


def test_latin_1_is_named(tmp_path: Path) -> None:
    """Nothing is guessed: what is no UTF-8 is told, with its line and what to do, and is read when it is named."""
    path = tmp_path / "list.csv"
    path.write_bytes("email,name\na@x.example,Müller\n".encode("latin-1"))
    with pytest.raises(ImportFailed, match=r"not utf-8 after line 0: .*--encoding latin-1"):
        list(csv_file(path, None, None).rows())
    assert "Müller" == list(csv_file(path, "latin-1", None).rows())[1][1]


def test_one_column(tmp_path: Path) -> None:
    """A list of addresses alone is a CSV file too."""
    path = tmp_path / "list.csv"
    path.write_text("a@x.example\nb@x.example\n")
    assert [["a@x.example"], ["b@x.example"]] == list(csv_file(path, None, None).rows())


def test_what_can_not_be_read(tmp_path: Path) -> None:
    """A folder, nothing, an open quotation mark: each is told."""
    quoted = tmp_path / "b.csv"
    quoted.write_text('a,b\n"' + "x" * 200_000)
    for path, said in ((tmp_path, "no file"), (tmp_path / "none", "no file")):
        with pytest.raises(ImportFailed, match=said), list_file(path, None, None):
            pass
    with pytest.raises(ImportFailed, match=r"after line 1: .*nothing closes"):
        list(csv_file(quoted, None, None).rows())
