"""The fold watched: the verdict comes out as it stands, and every rule tells what it compared, and what came of it."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidestep.schemas import IntentEvidence, LogPosition, Verdict
from sidestep.schemas.codec import encode
from sidestep.streams.audit import Replayer
from sidestep.streams.decide.batch import decide
from sidestep.streams.decide.case_run import log_of, new_state
from sidestep.streams.decide.policy_text import parse
from sidestep.streams.decide.rules.ladder import RULES
from sidestep.streams.decide.rules.reasons import shipped_reasons
from sidestep.streams.explain.beside import BESIDE
from sidestep.streams.explain.witness import RuleStep, Witnessed, witness
from tests.decide.test_properties import Entry, _judged, _log, logs
from tests.decide.world import SHIPPED_TEXT, World

NAMES = [rule.id for rule in RULES]
SHIPPED = parse(SHIPPED_TEXT)
ODD = {"id-reused", "already-decided", "attempt-out-of-turn"}
"""Verdicts on an id, before any rule is asked."""


def witnessed(world: World, batch: int) -> Iterator[tuple[Verdict, Witnessed]]:
    """Every verdict of a world, and what is seen when its intent is judged once more."""
    verdicts = {verdict.evidence.offset: verdict for verdict in world.verdicts()}
    replayer = Replayer(0)
    for step in replayer.replay(((record.offset(), record.value()) for record in world.log), batch):
        for offset, record in step.records:
            if offset in verdicts:
                assert isinstance(record, IntentEvidence)
                yield verdicts[offset], witness(replayer.before(offset), record, verdicts[offset].evidence)


def require_told(verdict: Verdict, seen: Witnessed) -> None:
    """The rules that applied are those of the verdict; each has its sentence, and tells what it compared."""
    assert seen.verdict is not None
    assert encode(verdict) == encode(seen.verdict)
    assert NAMES == [step.rule for step in seen.steps]
    spoke = [step for step in seen.steps if step.outcome in ("stops", "flags")]
    rules = {rule.id: rule.text for rule in verdict.rules if rule.id not in ODD}
    assert rules == {step.rule: step.said for step in spoke}
    first = [] if verdict.action == "send" or verdict.rules[0].id in ODD else [verdict.rules[0].id]
    assert first == [step.rule for step in spoke if step.outcome == "stops"]
    assert all(step.compared for step in spoke)


@given(logs, st.sampled_from([2000, 3]))
@settings(max_examples=30)
def test_every_verdict_of_any_log_is_told_as_it_is(made_up: list[Entry], batch: int) -> None:
    """The same octets, the same rules, however the log is cut."""
    for verdict, seen in witnessed(_judged(World, _log(World, made_up), []), batch):
        require_told(verdict, seen)


def test_every_rule_says_what_it_compares() -> None:
    """On the ladder or beside it: a new rule without words fails here."""
    assert NAMES == [rule.id for rule in RULES if (rule.compared is None) == (rule.id in BESIDE)]


@pytest.mark.parametrize("rule", NAMES)
def test_a_rule_tells_why_it_applies_and_why_not(rule: str) -> None:
    """By its own case in reasons.toml, and by a plain message: what was compared differs."""
    case = shipped_reasons()[rule].case
    *before, intent = log_of(case)
    assert isinstance(intent, IntentEvidence)
    state = new_state(case, SHIPPED)
    decide(list(enumerate(before)), state, "cases", 0)
    seen = witness(state, intent, LogPosition("cases", 0, len(before)))
    assert seen.verdict is not None
    require_told(seen.verdict, seen)
    applies, (plain,) = step_of(rule, seen), witnessed(plain_mail(), 2000)
    other = step_of(rule, plain[1])
    assert applies.outcome in ("stops", "flags")
    assert other.outcome in ("no", "off")
    assert applies.compared != other.compared != ""


def step_of(rule: str, seen: Witnessed) -> RuleStep:
    """What was told of one rule."""
    return next(step for step in seen.steps if step.rule == rule)


def plain_mail() -> World:
    """A log with one message that nothing is wrong with."""
    world = World()
    world.intent("1", source="form")
    return world
