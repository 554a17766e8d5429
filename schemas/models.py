"""A snapshot of the model of the risk: the JSON in a ModelRecord's `snapshot`.

The model corrects the policy's weights by what became of messages. Its figures are log odds: 0.7 doubles the odds.
"""

from msgspec import Struct


class Reliability(Struct, array_like=True, frozen=True):
    """Of outcomes for which about the same was expected: what was said, and what it was."""

    expected: float
    bad: float
    of: float


class ModelSnapshot(Struct, omit_defaults=True, frozen=True):
    """What the model has learnt so far. Whoever reads it takes names that it does not know for 0."""

    outcomes: int
    """From which it was learnt."""
    policy: float = 1.0
    """How much of the policy's own log odds holds; 1: all."""
    shifts: dict[str, float] = {}
    """What each signal adds to the log odds, beside what the policy says of it."""
    spreads: dict[str, float] = {}
    """Standard deviation of each shift."""
    seen: dict[str, tuple[int, int]] = {}
    """Outcomes of messages with each signal: bad, good."""
    calibration: tuple[Reliability, ...] = ()
    """By tenths of what was expected before each outcome was learnt from; of the last ones."""
