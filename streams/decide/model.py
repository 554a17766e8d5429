"""The model of the risk, as the log has it: it moves what the policy says, within the policy's bounds. Pure.

What is moved are log odds. How bad outcomes are on the whole moves nothing: a message without any signal stays where it
is, and the policy's `base` says what one is taken for when others are compared with it.
"""

from collections.abc import Iterable
from math import isfinite

import msgspec

from sidestep.schemas import ModelSnapshot
from sidestep.schemas.typed import json_as
from sidestep.streams.decide.policy import RiskModel
from sidestep.streams.logistic import log, logit, sigmoid

LARGEST = 50.0
"""Log odds that no honest snapshot has."""


def read_snapshot(text: str) -> ModelSnapshot | None:
    """JSON -> a snapshot; None where it makes no sense."""
    try:
        snapshot = json_as(text, ModelSnapshot)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None
    figures = (snapshot.policy, *snapshot.shifts.values())
    if snapshot.outcomes < 0 or not all(isfinite(figure) and abs(figure) <= LARGEST for figure in figures):
        return None
    return snapshot


def counts_for(snapshot: ModelSnapshot | None, rules: RiskModel) -> bool:
    """Whether the policy lets a model move anything."""
    return snapshot is not None and rules.mode == "on" and snapshot.outcomes >= rules.from_outcomes


def moved(prior: float, names: Iterable[str], snapshot: ModelSnapshot, rules: RiskModel) -> float:
    """The risk of messages with these signals, to which the policy gives `prior`; three decimals."""
    if not 0.0 < prior < 1.0:
        return prior
    odds = logit(prior)
    by = (snapshot.policy - 1.0) * (odds - logit(rules.base))
    for name in names:
        by += snapshot.shifts.get(name, 0.0)
    return round(sigmoid(odds + max(-log(rules.most_down), min(log(rules.most_up), by))), 3)
