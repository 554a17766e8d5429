"""Whether a snapshot can be brought up to date by the changelogs as they are now."""

import pytest

from sidestep.streams.snapshots.changelogs import ChangelogNow, misfit
from tests.snapshots.test_record import MANIFEST

NOW, LASTING = MANIFEST.taken_at + 3600, 36 * 3600.0
ROWS, WINDOW = ChangelogNow("rows-log", 0, 9500, 9002), ChangelogNow("window-log", 700, 900, 802)


def test_one_that_lies_in_both_changelogs_fits() -> None:
    """Whether anything was written since or not, and where the next record is the first that is there."""
    assert "" == misfit(MANIFEST, {"rows": ROWS, "window": WINDOW}, NOW, LASTING)
    quiet = {"rows": ROWS._replace(end=9002, later=-1), "window": WINDOW._replace(end=802, later=-1)}
    assert "" == misfit(MANIFEST, quiet, NOW + 10 * LASTING, LASTING)
    assert "" == misfit(MANIFEST, {"rows": ROWS, "window": WINDOW._replace(start=802)}, NOW, LASTING)


@pytest.mark.parametrize(
    ("rows", "window", "why"),
    [
        (ROWS._replace(end=9000), WINDOW, "up to offset 9000, which ends at 9000: this Kafka was restored"),
        (ROWS, WINDOW._replace(end=100, start=0), "window-log/3 up to offset 800, which ends at 100"),
        (ROWS._replace(start=9003), WINDOW, "which begins at 9003: what is between is gone"),
        (ROWS, WINDOW._replace(start=803), "which begins at 803: what is between is gone"),
        (ROWS._replace(later=8000), WINDOW, "rows-log/3 was written anew from offset 8000"),
    ],
)
def test_one_of_another_past_does_not(rows: ChangelogNow, window: ChangelogNow, why: str) -> None:
    """A cluster that was restored, records that are gone, or that others have taken the place of."""
    assert why in misfit(MANIFEST, {"rows": rows, "window": window}, NOW, LASTING)


def test_one_from_long_ago_or_with_other_stores_does_not() -> None:
    """Rows may have ended since of which no changelog tells any more."""
    changelogs = {"rows": ROWS, "window": WINDOW}
    assert "older than rows-log tells of the ends of rows (36 h)" in misfit(
        MANIFEST, changelogs, NOW + LASTING, LASTING
    )
    assert "it has the stores rows, window" == misfit(MANIFEST, {"rows": ROWS}, NOW, LASTING)
