"""The model of the risk as the fold reads it: what it moves, how far at most, and which snapshots are refused."""

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.schemas import ModelRecord, ModelSnapshot
from sidestep.streams.decide.judge import Judge
from sidestep.streams.decide.model import moved, read_snapshot
from sidestep.streams.decide.policy import RiskModel
from sidestep.streams.decide.policy_text import parse, problems
from sidestep.streams.decide.risk import SIGNALS, Scales
from sidestep.streams.decide.rules.case import Finding
from sidestep.streams.decide.tables import DomainRow, RecipientRow
from tests.decide.world import World

RULES = RiskModel("on", 0.005, 3.0, 3.0, 100)


def model(version: str = "m1", at: int = World.start, **fields: Any) -> ModelRecord:
    """The control record of a snapshot that was learnt from enough."""
    snapshot = ModelSnapshot(**{"outcomes": 5000} | fields)
    return ModelRecord(version=version, at=at, snapshot=msgspec.json.encode(snapshot).decode())


def test_a_snapshot_moves_the_risk_from_its_offset_on(world: World) -> None:
    """The verdict names it, and says what it adds: odds of 0.05 / 0.95, doubled by 0.7."""
    before, after = world.append(
        world.intent_record("1"), model(shifts={"never-mailed": 0.7}), world.intent_record("2", to="tom@example.com")
    )
    assert ("", 0.05, {"pristine": 0.05}) == (before.versions.model, before.risk, before.risk_parts)
    assert ("m1", 0.096, {"pristine": 0.05, "learnt": 0.046}) == (after.versions.model, after.risk, after.risk_parts)


def test_what_it_takes_away_is_below_nothing(world: World) -> None:
    """Of the parts; they add up to less than what the policy says."""
    world.append(model(shifts={"never-mailed": -0.7, "role-address": 0.1}))
    verdict = world.intent(classes=("role",))
    assert (0.116, {"pristine": 0.05, "role": 0.15, "learnt": -0.077}) == (verdict.risk, verdict.risk_parts)


def test_the_sentence_says_what_was_learnt(new_world: type[World]) -> None:
    """To whoever asks why a message was flagged."""
    world = new_world(new_world.policy_text())
    world.append(model(shifts={"parked-domain": 0.9}))
    (fired,) = [rule for rule in world.intent(classes=("parked",)).rules if rule.id == "trap-risk"]
    assert "(recycled 0.40, pristine 0.05; what became of such messages adds 0.22)." in fired.text


def test_a_message_without_signals_stays_where_it_is(world: World) -> None:
    """How bad outcomes are on the whole says nothing about one message."""
    world.intent("1")
    world.append(model(policy=3.0, shifts=dict.fromkeys(SIGNALS, 5.0)))
    assert 0.0 == world.intent("2").risk


def test_a_model_may_doubt_all_the_policys_weights(world: World) -> None:
    """0.193 is four fifths as far from the policy's base, 0.005, in log odds."""
    world.append(model(policy=0.8))
    assert 0.099 == world.intent(classes=("role",)).risk


def test_a_known_trap_is_one(world: World) -> None:
    """Whatever other messages came to."""
    world.append(model(shifts={"known-trap": -9.0, "never-mailed": -9.0}))
    world.trap("jane@example.com")
    assert 0.99 == world.intent().risk


@pytest.mark.parametrize(
    ("section", "fields"),
    [('mode = "off"', {}), ('mode = "on"', {"outcomes": 999}), ("from_outcomes = 9999", {})],
    ids=["off", "too-few", "not-enough"],
)
def test_the_policy_decides_whether_it_counts(new_world: type[World], section: str, fields: dict[str, Any]) -> None:
    """Off, or learnt from too little: named all the same, and without effect."""
    text = new_world.policy_text()
    head, _, rest = text.partition("[risk-model]")
    key = section.partition(" = ")[0]
    lines = [section if line.startswith(f"{key} =") else line for line in rest.split("\n")]
    world = new_world(head + "[risk-model]" + "\n".join(lines))
    world.append(model(shifts={"never-mailed": 0.7}, **fields))
    verdict = world.intent()
    assert ("m1", 0.05) == (verdict.versions.model, verdict.risk)


def test_a_model_survives_a_restart_and_a_policy(world: World) -> None:
    """It stands in the ledger, and goes on with whatever weights come."""
    world.append(model(shifts={"never-mailed": 0.7}))
    world.judge = Judge(world.ledger, 4)
    assert 0.096 == world.intent("1").risk
    world.append(world.policy_record(world.policy_text({"role-address": "off"})))
    assert 0.096 == world.intent("2", to="tom@example.com").risk


@pytest.mark.parametrize(
    "snapshot",
    [
        "nonsense",
        "[]",
        "{}",
        '{"outcomes": -1}',
        '{"outcomes": 5000, "shifts": {"never-mailed": 1e999}}',
        '{"outcomes": 5000, "shifts": {"never-mailed": 51}}',
        '{"outcomes": 5000, "policy": -1000}',
        '{"outcomes": 5000, "shifts": {"never-mailed": "much"}}',
        '{"outcomes": 5000, "policy": null}',
        "\ud800",
        "[" * 100_000,
    ],
)
def test_what_makes_no_sense_is_refused(world: World, snapshot: str) -> None:
    """The one before stays in force, and is the one that is named."""
    world.append(model(shifts={"never-mailed": 0.7}))
    record = ModelRecord(version="m2", at=world.now, snapshot=snapshot)
    if snapshot != "\ud800":  # which no log can hold
        world.append(record)
    assert read_snapshot(snapshot) is None
    verdict = world.intent()
    assert ("m1", 0.096) == (verdict.versions.model, verdict.risk)


def test_what_it_does_not_know_is_nothing(world: World) -> None:
    """Names of another version's signals, and those that nothing has been learnt of."""
    world.append(model(shifts={"moon-phase": 3.0}))
    assert 0.05 == world.intent().risk


def test_an_empty_snapshot_takes_the_model_away(world: World) -> None:
    """Its record is named, as before there was any."""
    world.append(model(shifts={"never-mailed": 0.7}), ModelRecord(version="none", at=world.now))
    verdict = world.intent()
    assert ("none", 0.05) == (verdict.versions.model, verdict.risk)


figures = st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(max_size=40) | st.builds(
    lambda snapshot: msgspec.json.encode(snapshot).decode(),
    st.fixed_dictionaries(
        {"outcomes": st.integers(-5, 10**6)},
        optional={
            "policy": figures | st.floats(-60, 60),
            "shifts": st.dictionaries(st.sampled_from(SIGNALS), figures | st.floats(-60, 60)),
        },
    ),
)


@given(texts, st.sets(st.sampled_from(SIGNALS)), st.floats(0, 1), st.floats(1, 10), st.floats(1, 10))
def test_no_snapshot_leaves_the_policys_bounds(
    text: str, names: set[str], prior: float, most_up: float, most_down: float
) -> None:
    """Whatever stands in the log: odds stay between the prior's, divided and multiplied."""
    snapshot = read_snapshot(text)
    if snapshot is None:
        return
    prior = round(prior, 3)
    rules = RiskModel("on", 0.005, most_up, most_down, 1)
    risk = moved(prior, [name for name in SIGNALS if name in names], snapshot, rules)
    assert 0 <= risk <= 1
    if prior in (0, 1):
        assert prior == risk
    else:
        odds = prior / (1 - prior)
        least, most = odds / most_down, odds * most_up
        assert least / (1 + least) - 0.00051 <= risk <= most / (1 + most) + 0.00051


@given(texts, st.lists(st.sampled_from(["role-address", "parked-domain", "listed-doubtful"]), unique=True))
def test_a_verdicts_risk_is_a_probability(new_world: type[World], text: str, fired: list[str]) -> None:
    """And `learnt` is the difference to what the policy says alone."""
    policy = parse(new_world.policy_text())
    snapshot = read_snapshot(text)
    findings = [Finding(name, "") for name in fired]
    alone, both = (
        Scales(policy, known).weigh(new_world.intent_record(), findings, RecipientRow(), DomainRow(), "", None, 1)
        for known in (None, snapshot)
    )
    assert 0 <= both.whole <= 1
    assert both.whole == pytest.approx(alone.whole + both.parts.get("learnt", 0.0), abs=1e-9)
    assert not math.isnan(both.whole)


def test_what_the_policy_may_not_say_of_it(new_world: type[World]) -> None:
    """A sentence each."""
    text = new_world.policy_text()
    head, _, _ = text.partition("[risk-model]")
    faults = problems(f'{head}[risk-model]\nmode = "maybe"\nmost_up = 0.5\nmost_down = 11\nbase = 0\nmore = 1\n')
    assert {
        "[risk-model] mode = 'maybe': expected on or off",
        "[risk-model] most_up = 0.5: expected a number from 1 to 10",
        "[risk-model] most_down = 11: expected a number from 1 to 10",
        "[risk-model] base = 0: expected a number from 0.0001 to 0.5",
        "[risk-model] from_outcomes = None: expected a whole number above 0",
        "[risk-model] more: unknown",
    } == set(faults)


def test_a_policy_of_an_earlier_version_has_no_model(new_world: type[World]) -> None:
    """Until Screen has written the new one."""
    head, _, _ = new_world.policy_text().partition("[risk-model]")
    world = new_world(head)
    world.append(model(shifts={"never-mailed": 0.7}))
    assert 0.05 == world.intent().risk
