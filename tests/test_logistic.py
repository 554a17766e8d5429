"""Log odds in plain arithmetic: as the C library's functions, to all digits that count, and the same everywhere."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.streams.logistic import exp, log, logit, sigmoid


@given(st.floats(-300, 300))
def test_exp_is_the_exponential(x: float) -> None:
    """To twelve digits."""
    assert exp(x) == pytest.approx(math.exp(x), rel=1e-12)


@given(st.floats(1e-300, 1e300))
def test_log_is_the_natural_logarithm(x: float) -> None:
    """To twelve digits, also near 1, where it is small."""
    assert log(x) == pytest.approx(math.log(x), rel=1e-12, abs=1e-15)


@given(st.floats(0.0001, 0.9999))
def test_sigmoid_undoes_logit(p: float) -> None:
    """A probability, its log odds, and back."""
    assert sigmoid(logit(p)) == pytest.approx(p, rel=1e-10)


def test_extremes_are_probabilities() -> None:
    """However sure somebody is."""
    assert 0.0 < sigmoid(-1e9) < 1e-17
    assert sigmoid(1e9) == 1.0


def test_the_octets_are_these() -> None:
    """On every machine: a snapshot that was made on one is compared with what another one makes."""
    assert "0x1.5bf0a8b14576ap+1" == exp(1.0).hex()
    assert "0x1.26bb1bbb55515p+1" == log(10.0).hex()
    assert "0x1.9258f68070e5ep-1" == sigmoid(1.3).hex()
