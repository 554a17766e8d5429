"""The risk of what goes through: each signal by itself, all of them together, and what takes it away again."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.streams.decide.policy import Policy
from sidestep.streams.decide.policy_faults import RISKS
from sidestep.streams.decide.policy_text import parse
from sidestep.streams.decide.risk import risk_of
from sidestep.streams.decide.rules.case import Finding
from sidestep.streams.decide.rules.ladder import RULES
from sidestep.streams.decide.tables import DomainRow, RecipientRow
from tests.decide.world import World

NOW = 1_800_000_000
DAY = 86_400
KNOWN = {"last_approved": NOW - DAY}


@pytest.fixture(scope="module")
def policy(new_world: type[World]) -> Policy:
    """The one that ships."""
    return parse(new_world.policy_text())


@pytest.mark.parametrize(
    ("flags", "recipient", "domain", "risk"),
    [
        ([], KNOWN, {}, 0.0),
        ([], {}, {}, 0.05),
        ([], {"last_approved": NOW - 365 * DAY}, {}, 0.0),
        ([], {"last_approved": NOW - 365 * DAY - 1}, {}, 0.3),
        ([], KNOWN | {"hard_bounced_at": 1}, {}, 0.6),
        ([], KNOWN | {"suspended_at": 1}, {}, 0.6),
        ([], KNOWN | {"suspended_at": 1, "hard_bounced_at": 1}, {}, 0.6),
        ([], KNOWN, {"back_at": 1}, 0.5),
        ([], KNOWN, {"dark_since": 1}, 0.0),
        (["role-address"], KNOWN, {}, 0.15),
        (["typo-suspected"], KNOWN, {}, 0.25),
        (["disposable-address"], KNOWN, {}, 0.4),
        (["dns-unknown"], KNOWN, {}, 0.0),
        (["listed-doubtful"], KNOWN, {}, 0.5),
        (["parked-domain"], KNOWN, {}, 0.5),
        (["honeypot-address"], KNOWN, {}, 0.9),
        (["machine-made-address"], KNOWN, {}, 0.25),
        (["domain-came-back"], KNOWN, {"back_at": 1}, 0.5),
        (["role-address", "disposable-address"], {}, {"back_at": 1}, 0.758),
        (["disposable-address"], KNOWN | {"last_engaged": NOW - DAY}, {}, 0.08),
        (["disposable-address"], KNOWN | {"last_engaged": NOW - 365 * DAY}, {}, 0.4),
        ([], {"last_delivered": NOW}, {}, 0.05),
    ],
)
def test_signals_combine(
    policy: Policy, flags: list[str], recipient: dict[str, Any], domain: dict[str, Any], risk: float
) -> None:
    """1 - (1 - w1)(1 - w2)…; engagement within `dormant_days` leaves a fifth of it."""
    findings = [Finding(name, "") for name in flags]
    assert risk == risk_of(findings, RecipientRow(**recipient), DomainRow(**domain), policy, NOW)


def test_someone_who_never_engaged_is_not_taken_for_engaged(new_world: type[World]) -> None:
    """However far back the policy looks."""
    policy = parse(new_world.policy_text().replace("dormant_days = 365", "dormant_days = 99999"))
    assert 0.05 == risk_of([], RecipientRow(), DomainRow(), policy, NOW)


times = st.sampled_from([0, 1, NOW - 400 * DAY, NOW - DAY, NOW])
recipients = st.builds(RecipientRow, *[times] * 4, st.integers(0, 3), *[times] * 4)


@given(
    st.lists(st.sampled_from(sorted(rule.id for rule in RULES)), unique=True),
    recipients,
    st.builds(DomainRow, back_at=times),
    st.fixed_dictionaries({name: st.floats(-1, 0) if name == "engaged" else st.floats(0, 1) for name in RISKS}),
)
def test_risk_is_a_probability_whatever_the_weights(
    new_world: type[World], flags: list[str], recipient: RecipientRow, domain: DomainRow, weights: dict[str, float]
) -> None:
    """From 0 to 1, for every set of weights that the policy may hold."""
    text = new_world.policy_text()
    head, _, _ = text.partition("[risk]\n")
    lines = "\n".join(f"{name} = {weight:.6f}" for name, weight in weights.items())
    policy = parse(f"{head}[risk]\n{lines}\n[risk-parameters]\ndormant_days = 365\n")
    findings = [Finding(name, "") for name in flags]
    assert 0 <= risk_of(findings, recipient, domain, policy, NOW) <= 1
