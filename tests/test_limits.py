"""docs/limits.md: every figure that stands there is the code's."""

import importlib
import re
from pathlib import Path
from typing import Any

import pytest

from sidestep.streams.screen.sources.file import Feed
from sidestep.streams.settings import Settings

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "limits.md"

UNITS = {
    "": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "s": 1, "ms": 0.001, "min": 60, "h": 3_600, "days": 86_400,
    "microseconds": 1,
}  # fmt: skip
IN_UNITS = {"_mb": 2**20}
"""Endings of settings whose numbers are in another unit than octets and seconds."""

_ROW = re.compile(r"\| .+ \|")
_BOUND = re.compile(r"([\d,.]+)(?: (\w+))?")
_PLACE = re.compile(r"`(?:(?P<setting>SIDESTEP_\w+)|\[feeds\.NAME\] (?P<key>\w+)|(?P<file>\S+\.py) (?P<name>[\w.]+))`")


def _rows() -> list[list[str]]:
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if _ROW.fullmatch(line)]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [row for row in cells if row[0] != "what"]


ROWS = _rows()


def _stated(bound: str) -> float:
    match = _BOUND.fullmatch(bound)
    assert match is not None, f"{bound!r}: write a number and one of {', '.join(UNITS)}"
    return float(match[1].replace(",", "")) * UNITS[match[2] or ""]


def _in_force(place: str) -> float:
    match = _PLACE.fullmatch(place)
    assert match is not None, f"{place!r}: write `SIDESTEP_SETTING`, `[feeds.NAME] KEY` or `FILE.py NAME`"
    if match["setting"]:
        name = match["setting"].removeprefix("SIDESTEP_").lower()
        return float(getattr(Settings(), name) * IN_UNITS.get(name[-3:], 1))
    if match["key"]:
        return float(getattr(Feed(source="x"), match["key"]))
    found: Any = importlib.import_module("sidestep." + match["file"].removesuffix(".py").replace("/", "."))
    for part in match["name"].split("."):
        found = getattr(found, part)
    return float(found)


def test_each_row_says_what_becomes_of_what_is_beyond() -> None:
    """Four cells: what, how much, where, and then."""
    assert len(ROWS) > 10
    assert [] == [row for row in ROWS if len(row) != 4 or not all(row)]


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_each_figure_is_the_one_in_force(row: list[str]) -> None:
    """The default of a setting or of a key of the sources file, or the constant that stands in the file named."""
    assert _stated(row[1]) == pytest.approx(_in_force(row[2]))
