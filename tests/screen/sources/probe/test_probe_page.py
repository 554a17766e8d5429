"""docs/probe.md tells of every setting and of every reason."""

import re
from pathlib import Path

from sidestep.streams.screen.sources.file import Probe
from sidestep.streams.screen.sources.probe import replies as probe
from sidestep.streams.screen.sources.probe.replies import ProbeResult, rules

PAGE = (Path(__file__).parents[4] / "docs" / "probe.md").read_text("utf-8")


def _first_cells(row: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", row))


def test_every_setting_is_on_the_page() -> None:
    """Each has a row of its own, and no row is about one that is not there."""
    table = PAGE.split("| setting | default |")[1].split("\n\n")[0]
    assert set(Probe.__struct_fields__) == set(re.findall(r"^\| `([a-z_]+)` \|", table, re.M))


def test_every_reason_is_on_the_page_with_its_outcome() -> None:
    """What can stand in evidence is explained, under what it says of the mailbox."""
    rows = re.findall(r"^\| (yes|no|unknown) \| ([^|]+) \|", PAGE, re.M)
    listed = {(outcome, reason) for outcome, cell in rows for reason in _first_cells(cell)}
    read = {(value.outcome, value.reason) for value in vars(probe).values() if isinstance(value, ProbeResult)}
    unasked = {("unknown", reason) for reason, seconds in rules().seconds.items() if seconds == 0}
    assert listed == read | unasked | {("yes", "delivered"), ("unknown", "internal")}
