"""The table of known ids is what users read: README, "Deliveries"."""

import re
from pathlib import Path

from sidestep.streams.decide import standing
from sidestep.streams.decide.standing import TABLE, Situation

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
DELIVERIES = README.partition("## Deliveries")[2].partition("\n## ")[0]


def test_the_readme_says_what_the_table_says() -> None:
    """Word by word, a row for each situation that a service can tell apart, in the table's order."""
    wanted = list(dict.fromkeys(f"| {row.happens} | {row.gets} |" for row in TABLE))
    assert wanted == [line for line in DELIVERIES.splitlines() if line in wanted]


def test_every_row_about_ids_comes_from_the_table() -> None:
    """A row that somebody adds to the page by hand would be checked by nobody."""
    about_ids = [line for line in DELIVERIES.splitlines() if re.search(r"attempt|same id|published", line)]
    assert {f"| {row.happens} | {row.gets} |" for row in TABLE} == set(about_ids)


def test_the_table_holds_every_situation() -> None:
    """None is left outside."""
    assert set(TABLE) == {value for value in vars(standing).values() if isinstance(value, Situation)}


def test_the_situations_are_those_of_the_modules_text() -> None:
    """The drawing on top is the table."""
    drawn = re.findall(r"(?m)^    .{18}.{19}.{16}.{20} ?([A-Z_]+)\s+(.+)$", standing.__doc__ or "")
    named = {name: value for name, value in vars(standing).items() if isinstance(value, Situation)}
    assert {name: row.follows.value for name, row in named.items()} == dict(drawn)
