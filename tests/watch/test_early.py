"""Told early: what is monstrous in its first window, what is mild when there is enough of it; what is chance, never."""

from math import comb, exp
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.schemas import Breakdown, Outcomes, Reaction
from sidestep.streams.watch.counts import Counts
from sidestep.streams.watch.patterns import BOUNCE_STORM, UNKNOWN_BURST
from sidestep.streams.watch.surprise import is_chance, surprise
from sidestep.streams.watch.usual import KnownSource, Usual
from tests.watch.scene import DAY, HOUR, RULES, Scene

CLEAN: dict[str, Any] = {"approved": 60, "delivered": 58, "engaged": 12, "source": "form"}
"""An hour of a clean service that hears of deliveries."""
COLD = RULES.watch.cold


def _scene(**reactions: Reaction) -> Scene:
    scene = Scene()
    scene.policy(**reactions)
    scene.usual(30, **CLEAN)
    assert [] == scene.anomalies()
    return scene


@given(st.integers(1, 60), st.integers(0, 60), st.floats(0.01, 0.9))
def test_chance_is_never_likelier_than_said(of: int, bad: int, usual: float) -> None:
    """Against the sum of the binomial distribution; and what is no more than usual is no surprise."""
    bad = min(bad, of)
    tail = sum(comb(of, number) * usual**number * (1 - usual) ** (of - number) for number in range(bad, of + 1))
    assert tail <= exp(-surprise(bad, of, usual)) + 1e-9
    assert surprise(bad, of, usual) >= 0
    assert bad > usual * of or surprise(bad, of, usual) == 0


def test_one_of_thirteen_is_chance_and_half_of_them_is_not() -> None:
    """Where two in a hundred are usual; the more there are, the less has to be wrong with each."""
    assert is_chance(1, 13, 0.02, 1e-3)
    assert not is_chance(6, 13, 0.02, 1e-3)
    assert is_chance(10, 100, 0.05, 1e-3) and not is_chance(100, 1_000, 0.05, 1e-3)
    assert is_chance(0, 0, 0.02, 1e-3)


@pytest.mark.parametrize(
    ("pattern", "bad"),
    [
        ("unknown-burst", {"approved": 3, "dropped": 9, "unknown": 9, "source": "import"}),
        ("bounce-storm", {"approved": 40, "delivered": 3, "hard_bounces": 6, "source": "import"}),
        ("trap-hits", {"approved": 30, "risk": 12_000, "source": "import"}),
    ],
)
def test_a_monstrous_share_is_told_of_a_few_in_the_first_window(pattern: str, bad: dict[str, Any]) -> None:
    """But held only when there are twenty of them: whoever looks may still be in time to stop it."""
    scene = _scene(**{pattern.replace("-", "_"): Reaction("hold-source", DAY)})
    (found,) = scene.says(**bad)
    assert (pattern, bad["source"], "opened", 0) == (found.pattern, found.source, found.state, found.held_until)
    assert [] == scene.holds()
    scene.minutes(6, **bad)
    assert [bad["source"]] == [held.source for held in scene.holds() if hasattr(held, "source")]


def test_a_few_who_were_deferred_and_come_again_together_are_no_list() -> None:
    """All of eight have had no mail for long; of thirty it is a list."""
    scene = _scene()
    assert [] == scene.says(approved=8, dormant=8, source="form")
    scene.quiet(HOUR)
    assert ["dormant-revival"] == [one.pattern for one in scene.says(approved=30, dormant=30, source="old-list")]


def test_what_bounces_hours_later_is_no_storm() -> None:
    """A few late bounces in a quiet hour, among as few deliveries: nothing goes out that they are a share of."""
    scene = _scene()
    scene.says(approved=2_000, delivered=1_900, hard_bounces=10, source="form")
    scene.wait(2 * HOUR)
    late = [scene.says(hard_bounces=1, source="form") or scene.quiet(300) for _ in range(6)]
    assert [] == [one.pattern for found in late for one in found if one.pattern == "bounce-storm"]


def test_without_reported_deliveries_what_bounces_is_a_share_of_what_was_sent() -> None:
    """Who hears of bounces alone would take them for all of it."""
    scene = Scene()
    scene.usual(30, approved=60, source="form")
    assert [] == scene.says(approved=80, hard_bounces=6, source="import")
    assert ["bounce-storm"] == [one.pattern for one in scene.says(approved=80, hard_bounces=40, source="import")]


def _named(**shares: tuple[int, int]) -> Breakdown:
    return Breakdown(
        {name: Outcomes(approved=of - bad, dropped=bad, unknown=bad) for name, (bad, of) in shares.items()}
    )


def test_a_mailing_to_a_list_that_has_always_been_like_this_is_no_news() -> None:
    """Neither of its source, nor of the campaign, whose name is new each time, nor of the service."""
    scene = Scene()
    for month in range(6):
        both = {"sources": _named(old=(200, 1_000)), "campaigns": _named(**{f"issue-{month}": (200, 1_000)})}
        found = scene.says(approved=800, dropped=200, unknown=200, **both)
        assert not found or month < 2, "nobody knows it yet"
        scene.quiet(30 * DAY)
    found = scene.says(approved=100, dropped=900, unknown=900, sources=_named(old=(900, 1_000)))
    assert ["unknown-burst"] == [one.pattern for one in found], "four times as bad is news"


def test_what_is_usual_is_what_its_sources_have_always_been_like() -> None:
    """By how much of it each holds; a source is never held to be better than its service."""
    taught = Counts(approved=10_000, unknown=100)
    old = KnownSource(Counts(approved=75), Counts(approved=4_075, unknown=800))
    new = KnownSource(Counts(approved=25), Counts(approved=35))
    bad, of = UNKNOWN_BURST.bad, UNKNOWN_BURST.of
    assert 0.01 == Usual(taught).share(bad, of, COLD)
    assert 0.2 == Usual(taught, (old,)).share(bad, of, COLD)
    assert 0.1525 == Usual(taught, (old, new)).share(bad, of, COLD)
    assert 0.15 == Usual(Counts(), (old, new)).share(bad, of, COLD)
    assert Usual(Counts(), (new,)).share(bad, of, COLD) < 0, "unknown"
    assert 0 == Usual(taught, (old,)).share(BOUNCE_STORM.bad, BOUNCE_STORM.of, COLD)


def _sign_ups(number: int, **fields: Any) -> dict[str, Any]:
    return {"approved": number, "never_mailed": number, "delivered": number, "source": "form", **fields}


def test_a_robot_in_a_form_is_told_of_by_its_strangers() -> None:
    """Within two minutes, long before bounces say so; nothing is held for it, until they do."""
    scene = Scene()
    scene.policy(unknown_burst=Reaction("hold-source", DAY), bounce_storm=Reaction("hold-source", DAY))
    scene.usual(40, **_sign_ups(2))
    found = scene.minutes(2, **_sign_ups(10))
    assert [("unknown-burst", "form", "warning")] == [(one.pattern, one.source, one.severity) for one in found]
    assert found[0].text.startswith("20 people whom nobody has ever written to, in three minutes, where the most of")
    assert 20.0 == found[0].features["first_messages"] and [] == scene.holds()
    scene.minutes(6, **_sign_ups(10))
    assert [] == scene.holds()
    later = scene.minutes(3, **_sign_ups(10, delivered=2, hard_bounces=8))
    assert 1 == len(scene.holds()) and {found[0].id} == {one.id for one in later}


@pytest.mark.parametrize(
    ("days", "each_hour", "now"),
    [
        (10, _sign_ups(2), _sign_ups(20)),  # a source that has just come has nothing but strangers
        (40, _sign_ups(6), _sign_ups(20)),  # thrice as many as ever
        (40, _sign_ups(2), _sign_ups(8)),  # few
        (40, _sign_ups(2), _sign_ups(20, approved=40, delivered=40)),  # half of it to people who are known
    ],
)
def test_other_strangers_are_no_robots(days: int, each_hour: dict[str, Any], now: dict[str, Any]) -> None:
    """Nothing is told of them."""
    scene = Scene()
    scene.usual(days, **each_hour)
    assert [] == scene.says(**now)


def test_complaints_of_a_day_are_told_before_a_budget_is_broken() -> None:
    """Seven of three thousand; two are chance."""
    scene = Scene()
    scene.usual(30, approved=50, delivered=50, source="form")
    scene.minutes(50, approved=40, delivered=40, source="form")
    scene.says(approved=40, delivered=40, source="form", complaints=2)
    assert [] == scene.anomalies()
    found = [one for _ in range(12) for one in scene.says(complaints=1, source="form") or scene.quiet(HOUR)]
    assert ["complaint-budget"] == [one.pattern for one in found if one.state == "opened"]
    assert "of shop's mail of the last day was reported as spam" in found[0].text


def test_an_incident_lasts_as_long_as_its_hold() -> None:
    """What was held comes again when that is over: that is no second incident."""
    scene = _scene(unknown_burst=Reaction("hold-source", DAY))
    bad: dict[str, Any] = {"approved": 60, "dropped": 60, "unknown": 60, "source": "import"}
    (first,) = scene.says(**bad)
    scene.minutes(5, **bad | {"approved": 0, "deferred": 60})
    assert [] == scene.quiet(DAY)
    again = scene.says(**bad)
    assert {(first.id, "updated")} == {(one.id, one.state) for one in again}
    assert ["closed"] == [one.state for one in scene.quiet(9 * DAY)]


def test_a_source_that_sends_nothing_is_not_held_again() -> None:
    """A budget that stays broken is no reason for it."""
    scene = _scene(bounce_storm=Reaction("hold-source", HOUR))
    scene.minutes(3, approved=500, delivered=100, hard_bounces=300, source="import")
    assert 1 == len(scene.holds())
    scene.wait(2 * HOUR)
    scene.minutes(5, approved=60, delivered=58, hard_bounces=1, source="form")
    assert 1 == len(scene.holds())


def test_a_broken_budget_explains_no_volume_of_a_later_day() -> None:
    """The storm that broke it is over; the budget stays so for a week."""
    scene = _scene()
    scene.minutes(3, approved=500, delivered=100, hard_bounces=300, source="import")
    scene.quiet(DAY)
    found = scene.says(approved=9_000, source="form")
    assert ["volume-spike"] == [one.pattern for one in found if one.state == "opened"]


def test_what_is_approved_is_not_counted_twice_where_deliveries_are_reported() -> None:
    """A day's mail that arrived: once when it is delivered, not when it goes out as well."""
    scene = Scene()
    both = {"provider": "google", "service": ""}
    scene.usual(3, **both, approved=100, delivered=100)
    for _ in range(20):
        scene.says(**both, approved=300)
        scene.says(**both, delivered=300)
    scene.says(**both, complaints=12)
    assert round(12 / 6_000, 5) == scene.watcher.budgets["google"].share
