"""Dead letters of their own that producers in quarantine may have: so many a second."""

from hypothesis import given
from hypothesis import strategies as st

from sidestep.streams.screen.letter_allowance import LetterAllowance

RATE = 10


def test_a_second_of_them_may_come_at_once() -> None:
    """And then as many as time has passed, however long nobody asked."""
    allowance = LetterAllowance(RATE, 100.0)
    assert [RATE, 0, 5, 0, RATE] == [
        allowance.take(wanted, now) for wanted, now in ((15, 100.0), (1, 100.0), (9, 100.5), (1, 100.5), (99, 200.0))
    ]


@given(st.lists(st.tuples(st.integers(0, 30), st.floats(0, 2))))
def test_there_are_never_more_than_that(asked: list[tuple[int, float]]) -> None:
    """Whatever is wanted when."""
    allowance, now, taken = LetterAllowance(RATE, 0.0), 0.0, 0
    for wanted, later in asked:
        now += later
        got = allowance.take(wanted, now)
        taken += got
        assert 0 <= got <= wanted
        assert taken <= RATE + now * RATE + 1e-6
