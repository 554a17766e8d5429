"""Cells that a spreadsheet would run, and mailboxes that stand in a list twice."""

from contextlib import closing

import pytest

from sidestep.streams.importing.row_answer import safe_cell
from sidestep.streams.importing.seen_mailboxes import SeenMailboxes


@pytest.mark.parametrize("cell", ["=1+1", "+cmd|' /C calc'!A0", "-2+A1", "@SUM(A1)", "\t=1", "\r=1", "+a@x.example"])
def test_formulas(cell: str) -> None:
    """An apostrophe makes text of them."""
    assert "'" + cell == safe_cell(cell)


@pytest.mark.parametrize("cell", ["", "ada@x.example", "-5", "+49 (0)123/45-6", "a=b", "-1.5"])
def test_no_formulas(cell: str) -> None:
    """What is none stays as it is, numbers of telephones among it."""
    assert cell == safe_cell(cell)


def test_seen_mailboxes() -> None:
    """The first row of each."""
    with closing(SeenMailboxes()) as seen:
        assert [None, None, 1, 1, 2] == [seen.first(name, at) for at, name in enumerate("abaab", 1)]
