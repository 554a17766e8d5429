"""Phrases by a word or a few characters of theirs: what is found is what is found by looking for each of them."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.streams.screen.feedback.classify import BounceRule, shipped
from sidestep.streams.screen.feedback.lint import every_rule
from sidestep.streams.screen.feedback.phrase_index import PhraseGrams, grams_of
from sidestep.streams.screen.feedback.phrases import folded, parse_phrase, stands_in

RULES: list[BounceRule] = [rule for rule in every_rule(shipped()) if rule.any]
PHRASES = [phrase for rule in RULES for phrase in rule.any]


@given(
    st.lists(st.text("ab *ß用^", min_size=1, max_size=9).map(parse_phrase).filter(bool), max_size=8),
    st.text("ab ß用^", max_size=60),
)
def test_it_finds_what_is_there(phrases: list[tuple[str, ...]], text: str) -> None:
    """Short ones and long ones, of any script, at the beginning and anywhere."""
    text = folded(text)
    phrases = [phrase for phrase in phrases if phrase[0] != "^"]
    assert any(stands_in(phrase, text) for phrase in phrases) == PhraseGrams(phrases).stands_in(grams_of(text), text)


@pytest.mark.parametrize("seed", range(40))
def test_each_rule_that_ships_finds_its_phrases(seed: int) -> None:
    """In texts made of any of them: by its index exactly those that it has."""
    random = Random(seed)
    said = ["".join(piece.removeprefix("^") + " x " for piece in phrase) for phrase in random.sample(PHRASES, 3)]
    text = folded(" so ".join(said))
    grams = grams_of(text)
    wanted = [rule.name for rule in RULES if any(stands_in(phrase, text) for phrase in rule.any)]
    assert wanted == [rule.name for rule in RULES if rule.near.stands_in(grams, text)]
