"""Which snapshots the rule keeps, and until when."""

from datetime import UTC, datetime, timedelta
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.streams.snapshots.keeping import DAY, IN_USE_SECONDS, KeepRule, kept, parse_keep, removed_at

BEGIN = datetime(2026, 1, 1, 3, tzinfo=UTC)
RULE = KeepRule(7, 5, 12)


def at(day: int, hours: float = 0) -> float:
    """So many days after the first of January, at three."""
    return (BEGIN + timedelta(days=day, hours=hours)).timestamp()


def test_after_a_year_there_are_days_weeks_and_months() -> None:
    """One a day is taken; each time the rule removes what it does not keep."""
    left: set[float] = set()
    for day in range(400):
        left = kept({*left, at(day)}, RULE)
    days = sorted(round((time - at(0)) / DAY) for time in left)
    assert [393, 394, 395, 396, 397, 398, 399] == days[-7:]
    assert [day for day in days if (BEGIN + timedelta(days=day)).isoweekday() == 7 and day > 360][-4:]
    months = {(BEGIN + timedelta(days=day)).strftime("%Y-%m") for day in days}
    assert 12 == len(months)
    assert len(days) <= sum(RULE) + 1


def test_of_a_day_the_newest_is_kept() -> None:
    """Those before it go, whatever asked for them."""
    assert {at(0, 5), at(1)} == kept([at(0), at(0, 5), at(1)], KeepRule(7, 0, 0))


def test_where_none_are_taken_any_more_none_is_removed() -> None:
    """Days without a snapshot push none out; the newest stays in any case."""
    old = {at(0), at(1), at(2)}
    assert old == kept(old, KeepRule(3, 0, 0))
    assert {at(1), at(2)} == kept(old, KeepRule(0, 0, 1))


def test_what_was_the_newest_a_while_ago_is_kept() -> None:
    """Whoever has seen then where the log ends looks for it now, and finds none that is later of use."""
    asked = {at(0), at(0, 5), at(0, 8.5), at(0, 9), at(0, 9.5)}
    assert asked - {at(0)} == kept(asked, KeepRule(7, 0, 0))
    assert {at(0, 9.5), at(0, 14)} == kept({*asked, at(0, 14)}, KeepRule(7, 0, 0))


@given(st.sets(st.integers(0, 10**8), min_size=1, max_size=40), st.tuples(*[st.integers(0, 9)] * 3))
def test_what_is_kept_is_kept_again(times: set[int], counts: tuple[int, int, int]) -> None:
    """And the newest is among it, whatever the rule."""
    rule = KeepRule(*counts)
    stays = kept(map(float, times), rule)
    assert max(times) in stays
    assert stays == kept(stays, rule)
    lately = [time for time in times if time > max(times) - IN_USE_SECONDS]
    assert len(stays) <= sum(counts) + len(lately) + 1


def test_it_can_be_said_when_each_will_be_removed() -> None:
    """If one a day is taken: what people are told who ask for how long their hashes stay."""
    assert {at(0): at(2), at(1): at(3)} == removed_at([at(0), at(1)], KeepRule(2, 0, 0))
    ends = removed_at([at(0), at(30)], RULE)
    assert at(0) < ends[at(0)] <= at(60)
    assert at(350) < ends[at(30)] < at(400)
    assert {} == removed_at([], RULE)
    assert inf not in ends.values()


@pytest.mark.parametrize(
    ("text", "rule"),
    [("daily=7,weekly=5,monthly=12", RULE), (" weekly = 3 ", KeepRule(0, 3, 0)), ("daily=1,", KeepRule(1, 0, 0))],
)
def test_a_rule_is_written_in_words(text: str, rule: KeepRule) -> None:
    """What is not named is 0."""
    assert rule == parse_keep(text)


@pytest.mark.parametrize("text", ["", "daily=0", "daily", "yearly=3", "daily=-1"])
def test_a_rule_that_keeps_nothing_is_refused(text: str) -> None:
    """Or that nobody understands."""
    with pytest.raises(ValueError, match="daily"):
        parse_keep(text)
