"""The pattern `unusual`: what no threshold sees, by trees over all figures of a window together."""

import random
from typing import Any

from sidestep.schemas import Breakdown, Outcomes
from sidestep.streams.watch.forest import grown, score
from sidestep.streams.watch.tables import ForestRow
from sidestep.streams.watch.thresholds import thresholds
from tests.watch.scene import DAY, MINUTE, RULES, Scene, tally

SHAPE = thresholds().watch.forest


def _minute(chance: random.Random, **fields: Any) -> dict[str, Any]:
    """A minute of a service that writes to many people at many domains, with some noise."""
    volume = chance.randint(160, 240)
    domains = {f"d{number}.example": Outcomes(approved=chance.randint(5, 9)) for number in range(15)}
    return {
        "approved": volume,
        "never_mailed": chance.randint(10, 20),
        "risk": volume * chance.randint(20, 40),
        "delivered": volume - 4,
        "hard_bounces": chance.randint(0, 3),
        "engaged": chance.randint(30, 50),
        "classes": {"free": 100, "role": chance.randint(0, 4), "typo": chance.randint(0, 3)},
        "domains": Breakdown(domains),
        "source": "form",
        **fields,
    }


def _after(days: float, chance: random.Random) -> Scene:
    scene = Scene()
    minutes = range(int(days * DAY / MINUTE))
    scene.append(*(tally(scene.now + number * MINUTE, **_minute(chance)) for number in minutes))
    scene.wait(len(minutes) * MINUTE)
    return scene


def test_what_is_like_none_before_is_told_of_after_nine_windows() -> None:
    """First messages, role addresses and a single domain at once, each below its own threshold; a note, once."""
    chance = random.Random(1)
    scene = _after(2.6, chance)
    assert [] == scene.anomalies(), "two days of noise, and a half"
    odd = {"never_mailed": 150, "classes": {"role": 60}, "domains": Breakdown({"one.example": Outcomes(approved=200)})}
    found = scene.minutes(14, **_minute(chance, **odd))
    assert [("unusual", "opened", "notice")] == [(one.pattern, one.state, one.severity) for one in found]
    assert found[0].opened_at == scene.now - 6 * MINUTE, "eight windows are chance, nine are not"
    assert ["closed"] == [one.state for one in scene.quiet(3_000)]


def test_nothing_is_unusual_before_there_is_something_to_compare_with() -> None:
    """Cold start: not within half a day, whatever comes; a small service never is."""
    chance = random.Random(2)
    scene = _after(0.4, chance)
    assert [] == scene.minutes(5, **_minute(chance, never_mailed=160, classes={"role": 60}))
    small = Scene()
    small.usual(4, approved=20, source="form")
    assert [] == small.minutes(5, approved=30, never_mailed=30, classes={"role": 60})
    assert {} == small.contents().get("forests", {})


def test_trees_score_what_is_rare_above_what_is_common() -> None:
    """From 0 to 1; 0 before the first block is full; the same on every machine, from the seed alone."""
    chance = random.Random(3)

    def common() -> tuple[float, ...]:
        return tuple(0.3 + chance.random() / 10 for _ in range(6))

    row = ForestRow()
    assert {0.0} == {score(row, SHAPE, common()) for _ in range(SHAPE.block)}
    usual = [score(row, SHAPE, common()) for _ in range(SHAPE.block)]
    rare = score(row, SHAPE, (0.9, 0.9, 0.1, 0.3, 0.3, 0.9))
    assert 0 < max(usual) < rare <= 1
    assert (4, 0.1) == (grown(SHAPE, 6)[0][0].feature, round(grown(SHAPE, 6)[0][0].at, 2))
    assert RULES.watch.forest == SHAPE
