"""A wall clock that jumps an hour either way: the log's time alone decides, and nobody waits for the hour to pass."""

import pytest

from tests.guarantees.harness.model import assert_guarantees
from tests.guarantees.harness.shifted import SHIFTED
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import Traffic

HOUR = 3600

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def test_clocks_that_jump_under_load(system: System) -> None:
    """Screen's and Decide's, ahead, back and right again, apart and together: one verdict each, equal to the fold."""
    traffic = Traffic(seed=25)
    files = {role: system.folder / f"{role}.clock" for role in ("screen", "decide")}
    for file in files.values():
        file.write_text("0")
    workers = {role: system.start(role, command=SHIFTED, shifted_by=file).await_ready() for role, file in files.items()}
    for screen, decide in ((0, 0), (HOUR, 0), (HOUR, -HOUR), (-HOUR, HOUR), (0, 0)):
        files["screen"].write_text(str(screen))
        files["decide"].write_text(str(decide))
        for part in range(3):
            system.feed.send(traffic.some(60, f"{screen}-{decide}-{part}"))
            traffic.answered(system.verdicts.poll(0.3))
        system.feed.flush()
        system.verdicts.await_all(traffic.expected, 30)
    assert workers["screen"].leave() == 0
    workers["decide"].await_nothing_waits()
    assert workers["decide"].leave() == 0
    assert_guarantees(system.connection, traffic.expected, system.feed.origins, [workers["decide"].data])
