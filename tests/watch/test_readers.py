"""Engagement: who reads no longer, of all or at one provider, is told of some hours after a mailing; not before."""

from typing import Any

import pytest

from sidestep.schemas import Anomaly, Breakdown, Outcomes, Returns, ReturnsByName
from tests.watch.scene import DAY, HOUR, MINUTE, Scene

PROVIDERS = ("gmx", "google", "yahoo")
SPREAD = (4, 3, 2, 1, 1, 1, 0, 0)
"""Of twelve parts of those who read it: so many in each hour after it has arrived."""


def _mailing(scene: Scene, shares: dict[str, float]) -> list[Anomaly]:
    """A thousand messages to each provider, and what is read of them within a day, hour by hour."""
    before = len(scene.anomalies())
    scene.append(scene.tally(scene.now, **_sent(1_000)))
    scene.wait(MINUTE)
    for part in SPREAD:
        scene.append(scene.tally(scene.now, **_read({name: int(80 * shares[name] * part) for name in PROVIDERS})))
        scene.wait(HOUR)
    scene.append(*(scene.tally(scene.now + hour * HOUR, **_sent(1)) for hour in range(24)))
    scene.wait(25 * HOUR)
    return scene.anomalies()[before:]


def _sent(each: int) -> dict[str, Any]:
    number = each * len(PROVIDERS)
    return {
        "approved": number,
        "delivered": number,
        "providers": Breakdown({name: Outcomes(approved=each) for name in PROVIDERS}),
        "returns_by_provider": ReturnsByName({name: Returns(delivered=each) for name in PROVIDERS}),
    }


def _read(numbers: dict[str, int]) -> dict[str, Any]:
    named = {name: Returns(engaged=number) for name, number in numbers.items()}
    return {"engaged": sum(numbers.values()), "returns_by_provider": ReturnsByName(named)}


def _after(months: int) -> Scene:
    scene = Scene()
    for _ in range(months):
        assert [] == [one for one in _mailing(scene, dict.fromkeys(PROVIDERS, 0.2)) if one.pattern != "volume-spike"]
        scene.quiet(20 * DAY)
    return scene


def _collapses(found: list[Anomaly]) -> list[Anomaly]:
    return [one for one in found if (one.pattern, one.state) == ("engagement-collapse", "opened")]


def test_a_provider_that_takes_it_for_junk_is_named() -> None:
    """Within half a day after the mailing, though the others read as ever."""
    scene = _after(3)
    sent = scene.now
    (found,) = _collapses(_mailing(scene, {"gmx": 0.2, "google": 0.02, "yahoo": 0.2}))
    assert ("shop", "service", "google") == (found.name, found.subject, found.provider)
    assert "of shop's mail of the last day to Google was opened, clicked or answered" in found.text
    assert 6 * HOUR < found.at - sent < 12 * HOUR


def test_where_nobody_reads_any_more_it_is_one_incident() -> None:
    """Of the whole service: that explains each provider."""
    scene = _after(3)
    (found,) = _collapses(_mailing(scene, dict.fromkeys(PROVIDERS, 0.02)))
    assert ("shop", "") == (found.name, found.provider)
    assert found.text.startswith("Only 1.6 % of shop's mail of the last day was opened, clicked or answered")


@pytest.mark.parametrize(("months", "share"), [(3, 0.12), (1, 0.02)])
def test_less_read_than_usual_is_no_collapse(months: int, share: float) -> None:
    """A mailing that pleases less; or the second one of all, when nobody knows what is usual."""
    scene = _after(months)
    assert [] == _collapses(_mailing(scene, dict.fromkeys(PROVIDERS, share)))


def test_a_collapse_teaches_nothing() -> None:
    """The third bad mailing is as bad as the first."""
    scene = _after(3)
    for _ in range(3):
        assert 1 == len(_collapses(_mailing(scene, dict.fromkeys(PROVIDERS, 0.02))))
        scene.quiet(20 * DAY)
