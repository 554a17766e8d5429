"""Log odds, in plain arithmetic. Pure.

The C library's exp and log differ in their last digit from one machine to another, and what is learnt over years would
drift apart. IEEE 754 says exactly what +, -, *, / and square roots give: so do these, everywhere.
"""

from collections.abc import Iterable
from math import frexp, ldexp

LN2 = 0.6931471805599453
ROOT_HALF = 0.7071067811865476
LARGEST = 40.0
"""Log odds beyond which a probability is 0 or 1 in every digit that counts."""


def exp(x: float) -> float:
    """e to the power of x; `x` within 700."""
    twos = round(x / LN2)
    rest, power = x - twos * LN2, 1.0
    for number in range(16, 0, -1):  # Taylor's series, from its smallest term; |rest| < 0.35
        power = 1.0 + power * rest / number
    return ldexp(power, twos)


def log(x: float) -> float:
    """The natural logarithm of x > 0."""
    mantissa, twos = frexp(x)
    if mantissa < ROOT_HALF:
        mantissa, twos = mantissa * 2.0, twos - 1
    ratio = (mantissa - 1.0) / (mantissa + 1.0)
    square, series = ratio * ratio, 0.0
    for odd in range(23, 0, -2):  # of the area tangent; |ratio| < 0.18
        series = series * square + 1.0 / odd
    return 2.0 * ratio * series + twos * LN2


def logit(p: float) -> float:
    """The log odds of a probability, which is neither 0 nor 1."""
    return log(p) - log(1.0 - p)


def sigmoid(z: float) -> float:
    """The probability that has these log odds."""
    return 1.0 / (1.0 + exp(-max(-LARGEST, min(LARGEST, z))))


def sum_of(figures: Iterable[float]) -> float:
    """The sum, in the order of the figures: Python's own adds up otherwise from version 3.12 on."""
    total = 0.0
    for figure in figures:
        total += figure
    return total
