"""Budgets: shares, mails left until a limit, days until a provider listens again; baselines and thresholds."""

import tomllib
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.streams.watch.baselines import UNKNOWN, advance, learn, new_baseline, news, usual_volume
from sidestep.streams.watch.budgets import mails_left, standing_of_day
from sidestep.streams.watch.counts import Counts
from sidestep.streams.watch.symptom import percent
from sidestep.streams.watch.tables import BudgetRow
from sidestep.streams.watch.thresholds import thresholds
from tests.watch.scene import DAY, HOUR, RULES, START, Scene

GOOGLE = RULES.budgets["google"]


@given(st.integers(0, 10**6), st.integers(0, 1000), st.integers(1, 10**6), st.integers(0, 1000))
def test_mails_left_lead_to_the_limit_and_not_beyond(mails: int, bad: int, last: int, last_bad: int) -> None:
    """If they fare as the last ones: that many more, and the share is the limit, to the mail."""
    limit, now = 0.003, last_bad / last
    left = mails_left(mails, bad, limit, last, last_bad)
    if left is None:
        assert bad < limit * mails or not mails
        assert now <= limit
    elif left:
        assert bad + now * left <= limit * (mails + left) + 1e-6
        assert bad + now * (left + 2) > limit * (mails + left + 2) - 1e-6
    else:
        assert bad >= limit * mails or (limit * mails - bad) / (now - limit) < 1


def test_googles_clock_runs_for_seven_days_below_the_limit() -> None:
    """It begins with the last day above it."""
    days = [(20_000, 10_000, 40), (20_001, 10_000, 5), (20_002, 10_000, 5)]
    assert 4 == standing_of_day(BudgetRow(20_003, 9_000, 5, days), GOOGLE).days_to_clear
    assert 0 == standing_of_day(BudgetRow(20_007, 9_000, 5, days), GOOGLE).days_to_clear
    assert 7 == standing_of_day(BudgetRow(20_003, 9_000, 50, days), GOOGLE).days_to_clear


def test_the_companys_budgets_are_shown() -> None:
    """By name, where the tallies of all services come to; the day's, and those over a volume."""
    scene = Scene()
    scene.usual(2, service="", provider="google", approved=1_000, delivered=1_000, complaints=1)
    scene.says(service="", provider="google", approved=1_000, delivered=1_000, complaints=9)
    found = scene.watcher.budgets
    assert {"google", "ses-bounces", "ses-complaints"} == found.keys()
    assert 0.009 == found["google"].share, "a new day has begun"
    assert found["google"].mails_left == 0 and found["ses-bounces"].mails_left is None
    assert 0.001 < found["ses-complaints"].share < 0.005


def test_chance_is_no_incident() -> None:
    """Complaints around what a provider allows are told of only where they are surely above."""
    scene = Scene()
    scene.usual(1, service="", provider="google", approved=1_000, delivered=1_000, complaints=1)
    assert [] == [one for one in scene.anomalies() if one.pattern == "complaint-budget"]
    scene.says(service="", provider="google", delivered=10_000, complaints=13)
    assert [] == scene.anomalies()
    (found,) = scene.says(service="", provider="google", delivered=10_000, complaints=30)
    assert ("google", "google", "domain") == (found.name, found.provider, found.subject)


def _taught(weeks: int, peaks: dict[int, int]) -> Any:
    """A baseline after so many weeks, with peaks by the hour of the week."""
    row = new_baseline(START)
    for hour in range(weeks * 168):
        list(advance(row, START + hour * HOUR, RULES.watch.cold))
        learn(row, Counts(approved=peaks.get(hour % 168, 0)), peaks.get(hour % 168, 0), False)
    return row


def test_a_peak_that_comes_each_week_is_usual_then_and_only_then() -> None:
    """At its hour and beside it; at night the same volume is four times too much."""
    row = _taught(4, {10: 1_000, 34: 900, 58: 1_000, 82: 950})
    now = START + 4 * 7 * DAY
    assert 1_000 == usual_volume(row, now + 10 * HOUR, RULES.watch.cold)
    assert 1_000 == usual_volume(row, now + 11 * HOUR, RULES.watch.cold)
    assert 0 == usual_volume(row, now + 20 * HOUR, RULES.watch.cold)


def test_who_sends_now_and_then_is_compared_with_the_highest_of_all() -> None:
    """A newsletter at other hours each week is no spike."""
    row = new_baseline(START)
    for hour in range(5 * 168):
        list(advance(row, START + hour * HOUR, RULES.watch.cold))
        volume = 9_000 if hour in (10, 168 + 60, 336 + 110, 504 + 20) else 5
        learn(row, Counts(approved=volume), volume, False)
    assert 9_000 == usual_volume(row, START + 5 * 7 * DAY + 77 * HOUR, RULES.watch.cold)


def test_who_sends_once_in_a_quarter_is_no_spike_each_time() -> None:
    """The highest peak fades week by week; a year later it is news again."""
    row = _taught(1, {10: 9_000})
    for weeks, least in ((13, 3_000), (51, 200)):
        list(advance(row, START + weeks * 7 * DAY, RULES.watch.cold))
        learn(row, Counts(approved=5), 5, False)
        assert least < usual_volume(row, START + weeks * 7 * DAY, RULES.watch.cold) < 2 * least


def test_who_mails_once_a_month_is_not_forgotten() -> None:
    """Counts are halved week by week only while there is enough to say what is usual."""
    row = new_baseline(START)
    learn(row, Counts(approved=1_300), 1_300, False)
    list(advance(row, START + 60 * DAY, RULES.watch.cold))
    assert row.taught.approved == 1_300
    learn(row, Counts(approved=9_000), 9_000, False)
    list(advance(row, START + 120 * DAY, RULES.watch.cold))
    assert 1_000 <= row.taught.approved < 2_000


def test_what_was_deferred_and_comes_again_is_no_spike() -> None:
    """Nor is what is stopped; everything else is."""
    row = new_baseline(START)
    learn(row, Counts(approved=100, deferred=2_000), 100, False)
    list(advance(row, START + DAY, RULES.watch.cold))
    assert news(row, Counts(approved=2_000)) == 0
    assert news(row, Counts(approved=2_500)) == 500
    list(advance(row, START + 2 * DAY, RULES.watch.cold))
    assert news(row, Counts(approved=2_000)) == 2_000
    assert news(row, Counts(approved=10, deferred=5_000)) == 20
    assert news(row, Counts(approved=1_000, deferred=500)) == 1_500


def test_nothing_is_usual_on_the_first_day_and_hours_with_an_incident_teach_no_shares() -> None:
    """Cold start, and what went wrong is not what is usual; of a peak that was told of, half is no news."""
    row = _taught(1, {3: 100})
    assert UNKNOWN == usual_volume(new_baseline(START), START + 23 * HOUR, RULES.watch.cold)
    assert 100 == usual_volume(row, START + 170 * HOUR, RULES.watch.cold)
    learn(row, Counts(approved=70_000), 70_000, True)
    list(advance(row, START + 180 * HOUR, RULES.watch.cold))
    assert 35_000 == usual_volume(row, START + 180 * HOUR, RULES.watch.cold)
    assert 70_000 > row.taught.approved


def test_a_long_silence_is_gone_through_in_no_time() -> None:
    """Years of hours in which nothing came; what was too little to say anything stays so."""
    row = _taught(2, {3: 100})
    assert list(advance(row, START + 5_000 * DAY, RULES.watch.cold)) == []
    assert row.hour == (START + 5_000 * DAY) // HOUR and row.taught.approved == 200


def test_thresholds_say_for_each_pattern_what_it_needs() -> None:
    """Both files are read whole; what explains what is among the patterns; texts have no unknown place."""
    document = tomllib.loads(files("sidestep.streams.watch").joinpath("watch.toml").read_text("utf-8"))
    patterns = {name for name, section in document.items() if "text" in section}
    explained = document["explains"]
    budgets = {budget.pattern for budget in RULES.budgets.values()}
    assert explained.keys() | {name for names in explained.values() for name in names} <= patterns | budgets
    places = dict.fromkeys(("who", "source", "provider", "principal", "reason", "bad", "of", "share", "usual"), "x")
    for text in [document[name]["text"] for name in patterns] + [one.text for one in RULES.budgets.values()]:
        assert text.format(**places).endswith(".")
        assert ": " in text, "what is wrong, and behind the colon what to do"
    with pytest.raises(ValueError, match="windows"):
        thresholds("")
    assert thresholds().version == RULES.version != thresholds(budgets="").version


def test_shares_are_said_as_people_read_them() -> None:
    """No digits that say nothing."""
    assert ["41 %", "2.5 %", "0.14 %", "0.00 %"] == [percent(part) for part in (0.412, 0.0249, 0.0014, 0)]
