"""Spreadsheets as lists: what people's programs write is read, hostile ones hurt nobody, and answers are texts."""

import json
import sys
import zipfile
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from openpyxl import Workbook, load_workbook

from sidestep.streams.cli import main
from sidestep.streams.errors import ImportFailed
from sidestep.streams.importing import unpacked
from sidestep.streams.importing.answers_file import answers_file
from sidestep.streams.importing.csv_file import csv_file
from sidestep.streams.importing.list_file import list_file
from tests.private_files import open_to_others

PARTS = {
    "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.'
    'sheet.main+xml"/><Override PartName="/xl/sharedStrings.xml" ContentType="application/vnd.openxmlformats-'
    'officedocument.spreadsheetml.sharedStrings+xml"/></Types>',
    "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Target="worksheets/sheet1.xml" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet"/></Relationships>',
    "xl/workbook.xml": '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets>'
    '<sheet name="People" sheetId="1" r:id="rId1"/></sheets></workbook>',
}
MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'


def _file(folder: Path, rows: str, texts: str = "", **parts: str) -> Path:
    """A workbook by hand, with these rows and shared texts."""
    path = folder / "list.xlsx"
    sheets = {
        "xl/worksheets/sheet1.xml": f"<worksheet {MAIN}><sheetData>{rows}</sheetData></worksheet>",
        "xl/sharedStrings.xml": f"<sst {MAIN}>{texts}</sst>",
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in (PARTS | sheets | parts).items():
            archive.writestr(name, text)
    return path


def _rows(path: Path) -> list[list[str]]:
    with list_file(path, None, None) as listed:
        return list(listed.rows())


def _import(path: Path, *options: str, code: int = 0) -> Result:
    done = CliRunner().invoke(main, ["import", str(path), "--offline", *options])
    assert code == done.exit_code, done.output
    return done


def test_a_sheet_is_read(tmp_path: Path) -> None:
    """As a spreadsheet saves it: the first sheet that shows, numbers and dates as texts, gaps as empty cells."""
    book = Workbook()
    hidden = book.active
    assert hidden is not None
    hidden.sheet_state = "hidden"
    sheet = book.create_sheet("People")
    for row in (["name", "email", "phone"], ["Jürgen", "j@x.example", 49123], [], ["=1+1", None, True]):
        sheet.append(row)
    sheet.append([datetime(2026, 11, 27), datetime(2026, 11, 27, 8, 30), 1.5])
    path = tmp_path / "list.xlsx"
    book.save(path)
    assert [
        ["name", "email", "phone"],
        ["Jürgen", "j@x.example", "49123"],
        [],
        ["", "", "TRUE"],  # a formula that nothing has worked out yet
        ["2026-11-27", "2026-11-27 08:30:00", "1.5"],
    ] == _rows(path)
    with list_file(path, None, None) as listed:
        assert f"{path}, sheet People, the first of 2" == listed.name


def test_shared_texts(tmp_path: Path) -> None:
    """Cells name texts by number; rows and cells that are left out are empty, and a text may be in several fonts."""
    texts = "<si><t>email</t></si><si><r><t>a@x</t></r><r><t>.example</t></r></si><si><t>ü</t></si>"
    rows = '<row r="1"><c r="A1" t="s"><v>0</v></c></row>'
    rows += '<row r="3"><c r="A3" t="s"><v>1</v></c><c r="C3" t="s"><v>2</v></c></row>'
    assert [["email"], [], ["a@x.example", "", "ü"]] == _rows(_file(tmp_path, rows, texts))


def test_rows_below_the_last_are_none(tmp_path: Path) -> None:
    """Formatted ones, or a sheet's whole thousand: as rows without an address they would make a list look bad."""
    cell = '<row r="{0}"><c r="A{0}" t="str"><v>a{0}</v></c><c r="B{0}" t="str"/></row>'
    rows = cell.format(1) + '<row r="2"/>' + cell.format(3) + "".join(f'<row r="{at}" ht="9"/>' for at in range(4, 99))
    assert [["a1"], [], ["a3"]] == _rows(_file(tmp_path, rows))


def test_the_list_comes_back_as_a_spreadsheet(tmp_path: Path) -> None:
    """With its cells as they were, each of them a text, for its owner alone; verdicts are those of the list as CSV."""
    names = ["=HYPERLINK(1)", "#N/A", "+49 123", "@SUM(1)", "\x01\ufffe", ""]
    text = "email,name\n" + "".join(f'a{at}@gmail.com,"{name}"\n' for at, name in enumerate(names))
    plain = tmp_path / "plain.csv"
    plain.write_text(text + "none,none\n", "utf-8")
    _import(plain, "--out", str(tmp_path / "first.xlsx"))
    first = _rows(tmp_path / "first.xlsx")
    assert [*names[:4], "\ufffd\ufffd", "", "none"] == [row[1] for row in first[1:]]
    assert ["defer"] * 6 + ["drop"] == [row[2] for row in first[1:]]
    cells = load_workbook(tmp_path / "first.xlsx")["checked"].iter_rows()
    assert {"s"} == {cell.data_type for row in cells for cell in row if cell.value is not None}
    assert [] == open_to_others(tmp_path / "first.xlsx")
    _import(tmp_path / "first.xlsx")
    again = _rows(tmp_path / "first.checked.xlsx")[1:]
    assert [[*row[:2], *row[2:5]] for row in first[1:]] == [[*row[:2], *row[8:11]] for row in again]
    said = json.loads(_import(tmp_path / "first.xlsx", "--json", "--out", str(tmp_path / "second.csv")).stdout)
    assert 7 == said["rows"] and "sheet checked" in said["file"]
    assert "'=HYPERLINK(1)" == _rows(tmp_path / "second.csv")[1][1]


def test_what_a_sheet_has_no_room_for(tmp_path: Path) -> None:
    """Is said, and nothing is cut off in silence."""
    path = tmp_path / "list.csv"
    path.write_text("a@x.example\n")
    like, out = csv_file(path, None, None), tmp_path / "out.xlsx"
    with pytest.raises(ImportFailed, match="more than a sheet has room for"), answers_file(out, like, 1_048_576):
        pass
    with pytest.raises(ImportFailed, match=r"more than 32,767 characters"), answers_file(out, like, 1) as write:
        write(["x" * 40_000])
    assert not out.exists()


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ('<row r="1048577"><c r="A1" t="str"><v>a</v></c></row>', "row 1048577"),
        ('<row r="1"><c r="ZZZ1" t="str"><v>a</v></c></row>', "18278 cells"),
        ('<row r="1"><c r="A1" t="s"><v>7</v></c></row>', "IndexError"),
        ('<row r="1"><c r="A1" t="s"><v>-1</v></c></row>', "IndexError"),
        ('<row r="x"></row>', "ValueError"),
        ('<row r="1"></col>', "ParseError"),
        (f'<row r="1"><c r="A1" t="str"><v>{"a" * 3_000_000}</v></c></row>', "more than 2,097,152 octets"),
    ],
)
def test_hostile_sheets(tmp_path: Path, rows: str, said: str) -> None:
    """A few octets that claim, or unpack to, any number of cells: each is told, and how to go on."""
    with pytest.raises(ImportFailed, match=said):
        _rows(_file(tmp_path, rows))


def test_bombs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What unpacks to more than a list has is not unpacked; entities that multiply are nobody's list."""
    with pytest.raises(ImportFailed, match=r"2,097,152 octets"):
        _rows(_file(tmp_path, "", f"<si><t>{'a' * 20_000_000}</t></si>"))
    with pytest.raises(ImportFailed, match=r"a part of 20,\d+,\d+ octets"):
        _rows(_file(tmp_path, "", **{"xl/workbook.xml": PARTS["xl/workbook.xml"] + " " * 20_000_000}))
    many = f"<styleSheet {MAIN}><cellXfs>{'<xf/>' * 2_000_000}</cellXfs></styleSheet>"
    with pytest.raises(ImportFailed, match=r"more than 300,000 tags"):  # a gigabyte of memory
        _rows(_file(tmp_path, "", **{"xl/styles.xml": many}))
    with pytest.raises(ImportFailed, match="DOCTYPE"):
        _rows(_file(tmp_path, "", **{"xl/styles.xml": f"<!DOCTYPE x><styleSheet {MAIN}/>"}))
    entities = "".join(f'<!ENTITY e{at} "{f"&e{at - 1};" * 10}">' for at in range(1, 10))
    bomb = f'<!DOCTYPE sst [<!ENTITY e0 "haha">{entities}]><sst {MAIN}><si><t>&e9;</t></si></sst>'
    with pytest.raises(ImportFailed):
        _rows(_file(tmp_path, "", **{"xl/sharedStrings.xml": bomb}))
    monkeypatch.setattr(unpacked, "BULK_MAX", 1_000)
    with pytest.raises(ImportFailed, match=r"more than 1,000: save it as CSV"):
        _rows(_file(tmp_path, "<row/>" * 1_000))


def test_what_is_no_spreadsheet(tmp_path: Path) -> None:
    """Another packed file, a broken one, an old one: a clear word, and no answers."""
    path = tmp_path / "list.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "a")
    assert "no spreadsheet that can be read" in _import(path, code=2).output
    path.write_bytes(b"PK\x03\x04" + b"\0" * 100)
    assert "no spreadsheet that can be read" in _import(path, code=2).output
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
    assert "old .xls" in _import(path, code=2).output
    assert ["list.xlsx"] == [each.name for each in tmp_path.iterdir()]


def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that says what to install, before any work is done; lists as CSV go on."""
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    plain = tmp_path / "plain.csv"
    plain.write_text("a@x.example\n")
    for path, options in ((_file(tmp_path, ""), ()), (plain, ("--out", str(tmp_path / "out.xlsx")))):
        assert 'pip install "sidestep[xlsx]"' in _import(path, *options, code=2).output
    _import(plain)
