"""Columns of a list are found by their names, else by what stands in them, or named."""

import pytest

from sidestep.streams.errors import ImportFailed
from sidestep.streams.importing.columns import Columns, columns

ROWS = [["Name", "E-Mail", "Source"], ["Ada", "ada@x.example", "fair"], ["Bob", "bob@x.example", "shop"]]


def test_found_by_name() -> None:
    """In whatever case."""
    assert Columns(("Name", "E-Mail", "Source"), True, 1, 2) == columns(ROWS, 3, None, None)


def test_found_by_what_stands_in_it() -> None:
    """A column of another name, which holds most at signs; and not one that is called as if, and holds none."""
    rows = [["to", "contact"], ["Ada", "ada@x.example"], ["@bob", "bob@x.example"], ["Cy", "cy@x.example"]]
    assert 1 == columns(rows, 2, None, None).address
    assert 1 == columns([["email", "x"], ["Ada", "ada@x.example"]], 2, None, None).address


def test_no_header() -> None:
    """The first row is one of the list where it holds an address; columns have numbers then."""
    assert Columns(("1", "2"), False, 0, None) == columns([["ada@x.example", "Ada"]], 2, None, None)


def test_rows_longer_than_the_header() -> None:
    """Answers must not stand below what is somebody else's column."""
    assert ("Name", "E-Mail", "Source", "", "") == columns(ROWS, 5, None, None).names


@pytest.mark.parametrize(("address", "source"), [("e-mail", "Name"), ("2", "1")])
def test_named(address: str, source: str) -> None:
    """By name or number."""
    assert (1, 0) == columns(ROWS, 3, address, source)[2:]


@pytest.mark.parametrize("address", ["4", "0", "mails"])
def test_named_and_not_there(address: str) -> None:
    """The error says which there are."""
    with pytest.raises(ImportFailed, match=r"--address: there is no column .*1 Name, 2 E-Mail, 3 Source"):
        columns(ROWS, 3, address, None)


def test_none_holds_addresses() -> None:
    """The error says how to name one."""
    with pytest.raises(ImportFailed, match="--address: 1 a, 2 b"):
        columns([["a", "b"], ["1", "2"]], 2, None, None)
