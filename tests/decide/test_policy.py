"""The policy as data: what is accepted, every fault at once, no error but PolicyError, and that it is documented."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.streams.decide.policy_text import parse, problems, version_of
from sidestep.streams.decide.risk import SIGNALS
from sidestep.streams.decide.rules.ladder import RULES as LADDER
from sidestep.streams.errors import PolicyError
from tests.decide.world import World

RULES = {rule.id: rule for rule in LADDER}
DOCS = Path(__file__).parents[2] / "docs" / "policy.md"
FAULTS = ("id-reused", "already-decided")


@pytest.fixture(scope="module")
def shipped(new_world: type[World]) -> str:
    """The text of the policy that ships."""
    return str(new_world.policy_text())


def test_the_shipped_policy_is_sound(shipped: str) -> None:
    """And says what its text says."""
    policy = parse(shipped)
    assert [] == problems(shipped)
    assert "default" == policy.name
    assert set(RULES) == set(policy.rules)
    assert 730 == policy.rules["recipient-hard-bounce"].days
    assert policy.rules["recipient-unsubscribed"].consent_lifts
    assert {"transactional"} == policy.streams.exempt
    assert "12000/min,max_burst=2000" == policy.domain_limits.named["gmail.com"].text
    assert set(SIGNALS) == set(policy.risk)


def test_the_version_changes_with_the_text(shipped: str) -> None:
    """12 hex digits; a changed comment is another version too: the text is what stands in the log."""
    assert version_of(shipped) == parse(shipped).version
    assert version_of(shipped) != version_of(shipped + "# hello\n")
    assert 12 == len(version_of(""))


MISTAKES = [
    ('mode = "reject"', 'mode = "maybe"', "[rules.expired] mode = 'maybe': expected one of reject"),
    ("[rules.typo-domain]", "[rules.typo-domian]", "[rules.typo-domian]: no such rule"),
    ("[rules.typo-domain]", "[rules.typo-domian]", "[rules.typo-domain]: the rule is missing"),
    ("days = 730", "days = -1", "[rules.recipient-hard-bounce] days = -1: expected a whole number above 0"),
    ("days = 730", "days = true", "days = True: expected a whole number above 0"),
    ("days = 730", "day = 730", "[rules.recipient-hard-bounce] day: unknown parameter"),
    ('exempt = ["transactional"]', 'exempt = "all"', "[streams] exempt = 'all': expected a list of texts"),
    ("consent_lifts = true", 'consent_lifts = "yes"', "consent_lifts = 'yes': expected true or false"),
    ("consent_lifts = true", 'streams = ["news"]', "an opt-out stops every stream now that [streams] does not exempt"),
    ("retry_after = 300", "retry_after = 0.5", "[rules.dns-unknown] retry_after = 0.5: expected a whole number"),
    (
        '"gmail.com" = "12000/min,max_burst=2000"',
        '"gmail.com" = "lots"',
        "[limits.domain] gmail.com: 'lots' is not a rate",
    ),
    (
        '"gmail.com" = "12000/min,max_burst=2000"',
        '"Gmail.com" = "1/s"',
        "[limits.domain] Gmail.com: expected a lower-case",
    ),
    (
        '"gmail.com" = "12000/min,max_burst=2000"',
        r'"gmail.com\n" = "1/s"',
        "[limits.domain] gmail.com\n: expected a lower-case",
    ),
    ('"gmail.com" = "12000/min,max_burst=2000"', '"gmail.com" = 12', 'expected a text such as "500/min,max_burst=50"'),
    ("[limits.domain]  ", "[limits.domains] ", "[limits.domains]: unknown"),
    ("[limits.domain]  ", "[limits.domains] ", "[limits.domain]: needs at least default"),
    ("never-mailed = 0.05", "never-mailed = 1.5", "[risk] never-mailed = 1.5: expected a number from 0 to 1"),
    ("never-mailed = 0.05", "never-mailed = -0.1", "[risk] never-mailed = -0.1: expected a number from 0 to 1"),
    ("never-mailed = 0.05", "never-mailed = nan", "[risk] never-mailed = nan: expected a number from 0 to 1"),
    ("never-mailed = 0.05", "", "[risk] never-mailed = None"),
    ("engaged = -0.80", "engaged = 0.8", "[risk] engaged = 0.8: expected a number from -1 to 0"),
    ("[risk]\n", "[risk]\nluck = 1\n", "[risk] luck: unknown signal"),
    ("dormant_days = 365", "dormant_days = 0", "[risk-parameters] dormant_days = 0: expected a whole number"),
    ("dormant_days = 365", "dormant_days = 365\nx = 1", "[risk-parameters] x: unknown"),
    ("days = 41", "days = 367", "[warm-up] days = 367: no ramp is longer than 366 days"),
    ("growth = 1.4", "growth = 0.9", "[warm-up] growth = 0.9: expected a number from 1 to 10"),
    ("caps = [480,", "caps = [0,", "expected a list of whole numbers above 0"),
    ("services = []", "services = 3", "[warm-up] services = 3: expected a list of texts"),
    ("used = 0.5", "used = 0.5\nluck = 1", "[warm-up] luck: unknown"),
    ("noise = 0.002", "noise = 2", "[slow-down] noise = 2: expected a number from 0 to 1"),
    ('slowest = "10/min"', 'slowest = "slow"', "[slow-down] slowest = 'slow': expected a text such as"),
    ("double_seconds = 900", "", "[slow-down] double_seconds = None: expected a whole number above 0"),
    ('unusual = "report"', 'unusual = "hold-all 1d"', "[watch] unusual = 'hold-all 1d': expected \"report\", or"),
    ('unusual = "report"', 'unusual = "hold-source 90d"', "[watch] unusual = 'hold-source 90d': expected"),
    ('unusual = "report"', 'usual = "report"', "[watch] usual: unknown"),
    ("[policy]", "[polity]", "[polity]: unknown section"),
    ("[policy]", "[polity]", "[policy]: the section is missing"),
    ('name = "default"', "name = 3", "[policy] name: give the policy a name"),
    ("[policy]", "[policy", "not TOML"),
]


@pytest.mark.parametrize(("good", "bad", "sentence"), MISTAKES)
def test_a_fault_is_told_with_its_place(shipped: str, good: str, bad: str, sentence: str) -> None:
    """One sentence each, with the section and the key."""
    text = shipped.replace(good, bad, 1)
    assert text != shipped
    assert [fault for fault in problems(text) if sentence in fault], problems(text)


def test_every_fault_is_told_at_once(shipped: str) -> None:
    """Nobody wants to find them one by one."""
    text = shipped.replace("days = 730", "days = 0").replace('mode = "flag"', 'mode = "f"')
    with pytest.raises(PolicyError) as raised:
        parse(text)
    assert 4 + shipped.count('mode = "flag"') == len(problems(text))
    assert all(fault in str(raised.value) for fault in problems(text))


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("mode", ["reject", "defer", "flag", "off"])
def test_only_modes_that_make_sense_are_accepted(new_world: type[World], rule: str, mode: str) -> None:
    """A deferral needs a time to come back at, and some faults can't be waved through."""
    faults = problems(new_world.policy_text({rule: mode}))
    assert (mode in RULES[rule].modes) == (faults == [])


@pytest.mark.parametrize("text", ["a = " + "9" * 5000, "a = " + "[" * 5000, 'a = "\ud800"', "\0", "a = 1\r", ""])
def test_hostile_toml_is_refused_like_any_other(text: str) -> None:
    """Numbers of thousands of digits, deep nesting, half characters: TOML's own parser raises other errors there."""
    assert 1 <= len(problems(text))
    with pytest.raises(PolicyError):
        parse(text)


def _agree(text: str) -> None:
    faults = problems(text)
    try:
        parse(text)
    except PolicyError:
        assert faults != []
    else:
        assert faults == []


@given(st.text(max_size=200))
def test_any_text_is_a_policy_or_a_policy_error(text: str) -> None:
    """And `problems` is empty exactly when `parse` works."""
    _agree(text)


values = st.recursive(
    st.one_of(st.booleans(), st.integers(-2, 10**20), st.floats(), st.text("abc/19", max_size=5), st.just("1/s")),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text("ab", min_size=1), inner, max_size=3)),
    max_leaves=4,
)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{key}" = {_toml(item)}' for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)


@given(st.data())
def test_any_value_in_any_place_is_accepted_or_refused(shipped: str, data: st.DataObject) -> None:
    """A sound policy in which one value, or one whole section, is something else."""
    document = tomllib.loads(shipped)
    table: Any = document
    while True:
        key = data.draw(st.sampled_from(sorted(table)))
        if not isinstance(table[key], dict) or not table[key] or data.draw(st.booleans()):
            break
        table = table[key]
    table[key] = data.draw(values)
    _agree("\n".join(f'"{name}" = {_toml(value)}' for name, value in document.items()))


@pytest.mark.parametrize("rule", [*RULES, *FAULTS])
def test_every_rule_is_documented(rule: str) -> None:
    """docs/policy.md has a row for each rule that a verdict may name."""
    assert f"\n| `{rule}` |" in DOCS.read_text(encoding="utf-8")


@pytest.mark.parametrize("signal", SIGNALS)
def test_every_risk_signal_is_documented(signal: str) -> None:
    """And one for each weight."""
    assert f"\n| `{signal}` |" in DOCS.read_text(encoding="utf-8")


@pytest.mark.parametrize(("rule", "parameter"), [(rule.id, name) for rule in LADDER for name in rule.parameters])
def test_every_parameter_is_documented(rule: str, parameter: str) -> None:
    """In its rule's own row."""
    row = next(line for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith(f"| `{rule}` |"))
    assert f"`{parameter}`" in row


@pytest.mark.parametrize("rule", RULES)
def test_the_page_names_the_modes_that_a_rule_takes(rule: str) -> None:
    """The second cell."""
    row = next(line for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith(f"| `{rule}` |"))
    assert ", ".join(RULES[rule].modes) == row.split("|")[2].strip()
