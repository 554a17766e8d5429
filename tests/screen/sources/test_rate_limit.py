"""The limit on questions to one party."""

from hypothesis import given
from hypothesis import strategies as st

from sidestep.streams.gcra import parse_rate
from sidestep.streams.screen.sources.rate_limit import RateLimit


def test_a_burst_and_then_evenly() -> None:
    """As many at once as max_burst says, then one each interval."""
    limit = RateLimit(parse_rate("60/min,max_burst=3"))
    assert [True, True, True, False] == [limit.take(1000.0) for _ in range(4)]
    assert [False, True, False] == [limit.take(1000.9), limit.take(1001.0), limit.take(1001.0)]


def test_a_clock_that_was_set_back_does_not_stop_everything() -> None:
    """What was taken an hour ahead is at most one burst of debt."""
    limit = RateLimit(parse_rate("60/min,max_burst=3"))
    assert limit.take(5000.0)
    assert [False, False, True] == [limit.take(now) for now in (1000.0, 1000.9, 1001.0)]


@given(st.lists(st.floats(0, 2), max_size=80))
def test_no_window_holds_more_than_the_limit(waits: list[float]) -> None:
    """In any T seconds at most T / interval + max_burst go."""
    limit, now, taken = RateLimit(parse_rate("120/min,max_burst=4")), 1_800_000_000.0, []
    for wait in waits:
        now += wait
        if limit.take(now):
            taken.append(now)
    for i, first in enumerate(taken):
        assert all(j - i + 1 <= (last - first) / 0.5 + 4.01 for j, last in enumerate(taken[i:], i))
