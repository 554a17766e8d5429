"""The sentences of the rules and their cases: each rule has both, and a policy may word its own."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.streams.decide.case_run import outcome, run
from sidestep.streams.decide.policy_text import parse, parse_logged, problems
from sidestep.streams.decide.rules.ladder import RULES
from sidestep.streams.decide.rules.reasons import ALWAYS, LENGTH_MAX, shipped_reasons, template_fault
from tests.decide.world import SHIPPED_TEXT, World

IDS = [rule.id for rule in RULES]
SHIPPED = parse(SHIPPED_TEXT)
PAGE = (Path(__file__).parents[3] / "docs" / "policy.md").read_text("utf-8")


def worded(rule: str, **sentences: str) -> str:
    """The shipped policy with sentences of its own for a rule."""
    lines = "".join(f"{key} = '{text}'\n" for key, text in sentences.items())
    before, heading, after = SHIPPED_TEXT.partition(f"[rules.{rule}]")
    first, mode, rest = after.partition("mode = ")
    assert heading and mode
    return before + heading + first + lines + mode + rest


def said(rule: str, text: str) -> str:
    """What a rule says of its case by this policy."""
    verdict = run(shipped_reasons()[rule].case, parse(text))
    return next(it.text for it in verdict.rules if it.id == rule)


def test_every_rule_has_a_reason_and_a_case_in_the_ladders_order() -> None:
    """Beside the table of the rules, so that nobody looks for either."""
    assert IDS == list(shipped_reasons())


@pytest.mark.parametrize("rule", IDS)
def test_the_case_of_a_rule_comes_out_as_it_says(rule: str) -> None:
    """The action, the rule among those that the verdict names, and its sentence."""
    case = shipped_reasons()[rule].case
    verdict = run(case, SHIPPED)
    action, rules = outcome(verdict)
    assert (case.expect, case.says) == (action, next((it.text for it in verdict.rules if it.id == rule), rules))


@pytest.mark.parametrize("rule", IDS)
def test_the_shipped_sentences_are_sound_and_use_names_of_their_rule(rule: str) -> None:
    """By the same check as those of a policy."""
    shipped = shipped_reasons()[rule]
    assert {"reason": ""} | dict.fromkeys(shipped.forms, "") == {
        key: template_fault(text, shipped.names) for key, text in shipped.forms.items()
    }


@pytest.mark.parametrize("rule", IDS)
def test_every_name_of_a_rule_can_be_used(rule: str) -> None:
    """Also where it does not apply: then it is empty."""
    names = shipped_reasons()[rule].names
    text = said(rule, worded(rule, reason="|".join(f"{name}={{{name}}}" for name in names)))
    assert list(names) == [part.partition("=")[0] for part in text.split("|")]
    assert "service=shop" in text


def test_the_page_names_all_names_of_every_rule() -> None:
    """A row each, in order, with the sentences besides `reason`."""
    told = re.findall(r"(?m)^\| ([a-z-]+) \| ((?:`[a-z]+`(?:, )?)*) \| ((?:`reason_[a-z_]+`(?:, )?)*) \|$", PAGE)
    assert told == [
        (rule, quoted(it.names[len(ALWAYS) :]), quoted([form for form in it.forms if form != "reason"]))
        for rule, it in shipped_reasons().items()
    ]


def quoted(names: Iterable[str]) -> str:
    """As a cell of a table has them."""
    return ", ".join(f"`{name}`" for name in names)


def test_a_policy_says_it_in_its_own_words(new_world: type[World]) -> None:
    """In the verdict, from the record in the log on; braces that are written twice are braces."""
    world = new_world(worded("domain-takes-no-mail", reason="{{{domain}}} nimmt keine Post an ({code})."))
    verdict = world.intent(mx="no")
    assert ["{example.com} nimmt keine Post an (nxdomain)."] == [fired.text for fired in verdict.rules]


def test_a_sentence_of_its_own_is_for_all_forms_that_have_none() -> None:
    """`reason_confirm` alone leaves `reason` as it ships."""
    ours = parse(worded("trap-risk", reason="Risk {risk}.")).reasons["trap-risk"]
    assert {"reason": "Risk {risk}.", "reason_confirm": "Risk {risk}."} == ours
    ours = parse(worded("trap-risk", reason_confirm="Ask.")).reasons["trap-risk"]
    assert SHIPPED.reasons["trap-risk"] | {"reason_confirm": "Ask."} == ours


def test_what_is_put_in_is_not_read_as_a_sentence(new_world: type[World]) -> None:
    """A reason that an operator gave may hold braces."""
    world = new_world()
    world.hold("shop", world.now + 1000, reason="{domain.__class__} {0} {")
    assert world.intent().rules[0].text.endswith("on hold until 15 January 2027, 08:00 UTC: {domain.__class__} {0} {.")


@pytest.mark.parametrize(
    ("sentences", "fault"),
    [
        ({"reason": "{to}"}, "reason: there is no {to}; there are {service}, {domain}, {suggestion}"),
        ({"reason": "{domain.__class__}"}, "reason: there is no {domain.__class__}; there are"),
        ({"reason": "{domain!r}"}, "reason: there is no {domain!r}; there are"),
        ({"reason": "{domain:>9999999}"}, "reason: there is no {domain:>9999999}; there are"),
        ({"reason": "{}"}, "reason: there is no {}; there are"),
        ({"reason": "{0}"}, "reason: there is no {0}; there are"),
        ({"reason": "{domain"}, "a brace that is meant is written twice"),
        ({"reason": "domain}"}, "a brace that is meant is written twice"),
        ({"reason": " "}, "reason: expected a sentence on one line"),
        ({"reason": "x" * (LENGTH_MAX + 1)}, "reason: a sentence has at most 500 characters"),
        ({"reason_until": "x"}, "reason_until: there is no such sentence; there are reason"),
    ],
)
def test_what_is_no_template_is_refused(sentences: dict[str, str], fault: str) -> None:
    """One sentence, with the names that there are."""
    (found,) = problems(worded("typo-domain", **sentences))
    assert found.startswith("[rules.typo-domain] ") and fault in found


def test_a_sentence_out_of_the_log_that_another_version_knows_is_left_out() -> None:
    """The rule judges on, with the sentence that ships; a sound one stays."""
    text = worded("typo-domain", reason="{colour}", reason_later="x").replace(
        "[rules.honeypot-address]", "[rules.honeypot-address]\nreason = 'A trap.'\n"
    )
    policy = parse_logged(text)
    assert SHIPPED.reasons | {"honeypot-address": {"reason": "A trap."}} == policy.reasons
    assert "reject" == policy.rules["typo-domain"].mode


@given(st.text("{}!:.[]0ad domain", max_size=30))
def test_what_passes_the_check_can_be_rendered(text: str) -> None:
    """Whatever it looks like."""
    if not template_fault(text, ("domain", "a")):
        values: dict[str, Any] = {"domain": "example.com", "a": ""}
        assert isinstance(text.format_map(values), str)
