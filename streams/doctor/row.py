"""What a check has found: a row of the doctor's table. Pure."""

from typing import Literal, NamedTuple

CheckStatus = Literal["ok", "warning", "fault", "unknown"]
"""Unknown: it could not be found out; not a fault, and no all-clear either."""


class CheckRow(NamedTuple):
    """One thing that was looked at: what is so, and how to mend it where it should not be."""

    check: str
    status: CheckStatus
    what: str
    mend: str = ""


def worst(rows: list[CheckRow]) -> CheckStatus:
    """The status that counts for all of them."""
    order: tuple[CheckStatus, ...] = ("fault", "warning", "unknown")
    found = {row.status for row in rows}
    return next((status for status in order if status in found), "ok")
