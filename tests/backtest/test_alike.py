"""Two folds of the same log side by side, one of which fails for the sake of a record that the other one takes."""

from sidestep.streams.audit.replay import NOTHING, Replayed
from sidestep.streams.backtest.partition import alike


def _steps(*last: int) -> list[Replayed]:
    return [NOTHING._replace(last=each) for each in last]


def test_steps_that_end_with_the_same_record_are_compared() -> None:
    """One with one, but where either of the two was cut."""
    ours, theirs = _steps(3, 7, 8, 11, 12), _steps(1, 2, 3, 7, 12)
    pairs = [
        ([one.last for one in left], [one.last for one in right]) for left, right in alike(iter(ours), iter(theirs))
    ]
    assert [([3], [1, 2, 3]), ([7], [7]), ([8, 11, 12], [12])] == pairs
