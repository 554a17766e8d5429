"""Services of whom nothing is heard: made-up ones are gone within weeks, known ones after 400 days."""

from typing import Any

import pytest

from sidestep.streams.runtime.tables import Table
from sidestep.streams.watch.tables import BASELINES, FORESTS, READERS, STORIES
from tests.watch.scene import DAY, Scene

KEPT: tuple[Table[Any], ...] = (STORIES, BASELINES, READERS, FORESTS)
MADE_UP = 300


def tables_of(scene: Scene, service: str) -> list[str]:
    """Tables of the ledger that know anything of a service."""
    name = service.encode()
    return [table.name for table in KEPT if any(key.split(b"\0")[0] == name for key, _ in scene.ledger.rows(table))]


def services(scene: Scene) -> set[bytes]:
    """For which something is usual."""
    return {key for key, _ in scene.ledger.rows(BASELINES)}


def later(scene: Scene, days: int) -> None:
    """The shop is heard of once a week, and on the last day."""
    for gone in range(0, days, 7):
        scene.wait(min(7, days - gone) * DAY)
        scene.says(approved=30)


def test_made_up_services_are_forgotten() -> None:
    """Each was there with a message or two; what is known of the shop stays."""
    scene = Scene()
    scene.append(*(scene.tally(scene.now, f"made-up-{number}", approved=2) for number in range(MADE_UP)))
    later(scene, 9)
    assert ["baselines", "readers"] == tables_of(scene, "made-up-7")
    assert MADE_UP + 1 == len(services(scene))
    later(scene, 37)
    assert {b"shop"} == services(scene)
    assert [] == tables_of(scene, "made-up-7")
    assert ["stories", "baselines", "readers"] == tables_of(scene, "shop")


@pytest.mark.parametrize(("days", "known"), [(399, True), (402, False)])
def test_what_is_usual_for_a_service_is_known_for_400_days(days: int, known: bool) -> None:
    """Whoever takes the name of a silent one over doesn't find it new."""
    scene = Scene()
    scene.usual(2, service="crm", approved=1)
    later(scene, days)
    assert known == ("baselines" in tables_of(scene, "crm"))


def test_a_service_that_floods_after_half_a_year_of_silence_is_told_of() -> None:
    """What was usual for it still is."""
    scene = Scene()
    scene.usual(15, service="crm", approved=3)
    later(scene, 180)
    assert "volume-spike" in {one.pattern for one in scene.minutes(3, service="crm", approved=2_000)}
