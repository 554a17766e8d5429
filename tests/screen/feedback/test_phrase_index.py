"""Rules by a few characters of their phrases: what is found is what is found by looking for each of them."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.streams.screen.feedback.classify import shipped
from sidestep.streams.screen.feedback.diagnostic import Diagnostic
from sidestep.streams.screen.feedback.phrase_index import RuleIndex, SoughtPhrase
from sidestep.streams.screen.feedback.phrases import folded, parse_phrase, stands_in
from sidestep.streams.screen.feedback.rules import BounceRule, Facts

RULES: list[BounceRule] = [rule for rule in shipped().every_rule() if rule.any]
PHRASES = [phrase for rule in RULES for phrase in rule.any]


@given(
    st.lists(st.text("ab *ß用^", min_size=1, max_size=9).map(parse_phrase).filter(bool), max_size=8),
    st.text("ab ß用^", max_size=60),
)
def test_it_finds_what_is_there(phrases: list[tuple[str, ...]], text: str) -> None:
    """Short ones and long ones, of any script, at the beginning and anywhere."""
    text = folded(text)
    index = RuleIndex({str(number): [SoughtPhrase(phrase)] for number, phrase in enumerate(phrases)})
    assert {str(number) for number, phrase in enumerate(phrases) if stands_in(phrase, text)} <= index.near(text).keys()


@pytest.mark.parametrize("seed", range(40))
def test_each_rule_that_ships_finds_its_phrases(seed: int) -> None:
    """In texts made of any of them: by the index exactly those that stand there."""
    random = Random(seed)
    said = ["".join(piece.removeprefix("^") + " x " for piece in phrase) for phrase in random.sample(PHRASES, 3)]
    facts = Facts(Diagnostic(text=" so ".join(said)), "", shipped().index)
    wanted = [rule.name for rule in RULES if any(map(facts.has, rule.wanted))]
    assert wanted == [rule.name for rule in RULES if any(map(facts.has, facts.near.get(rule.name, ())))]


@pytest.mark.parametrize("seed", range(10))
def test_a_phrase_without_its_end_is_not_looked_for(seed: int) -> None:
    """Words of the rules that make up none of their phrases lead to hardly any of all the phrases."""
    random = Random(seed)
    said = " x ".join(phrase[0].removeprefix("^").split()[0] for phrase in random.sample(PHRASES, 60))
    facts = Facts(Diagnostic(text=said), "", shipped().index)
    assert sum(map(len, facts.near.values())) < 150
