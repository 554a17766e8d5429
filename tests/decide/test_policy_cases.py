"""Cases of a policy's own: what is said of those that come out otherwise, and what may stand there."""

from typing import get_args

import pytest

from sidestep.streams.decide.policy_cases import Happening, Mx
from sidestep.streams.decide.policy_check import checked, faults_of
from sidestep.streams.decide.policy_text import parse_logged, problems
from sidestep.streams.decide.rules.address import NO_MAIL
from sidestep.streams.errors import PolicyError
from tests.decide.world import SHIPPED_TEXT, World


def policy(*cases: str) -> str:
    """The shipped policy with cases of its own."""
    return SHIPPED_TEXT + "".join(f"\n[[cases]]\n{case}\n" for case in cases)


SOUND = [
    'name = "plain mail goes out"\nexpect = "send"\nrule = ""',
    'name = "a role is told"\nto = "info@example.com"\nclasses = ["role"]\nexpect = "send"\nrule = "role-address"',
    'name = "whoever has left"\nbefore = [{ what = "unsubscribed" }]\nstream = "newsletter"\nexpect = "drop"',
    'name = "others"\nbefore = [{ what = "unsubscribed", to = "joe@example.com" }]\nstream = "newsletter"\n'
    'expect = "send"',
    'name = "long ago"\nbefore = [{ what = "complaint", days = 731 }]\nexpect = "send"',
    'name = "a probe knows less than we do"\nmailbox = "disabled"\nbefore = [{ what = "delivered" }]\nexpect = "send"',
    'name = "confirmed"\nconsented = 1\nbefore = [{ what = "hard-bounce", days = 800 }]\nexpect = "send"',
    'name = "many"\nbefore = [{ what = "intent", to = "u{n}@example.com", times = 500, days = 0 }]\nexpect = "defer"\n'
    'rule = "domain-limit"',
]


@pytest.mark.parametrize("case", SOUND)
def test_a_case_that_comes_out_as_it_says_is_no_fault(case: str) -> None:
    """With everything before it: feedback, earlier messages, other recipients."""
    assert [] == faults_of(policy(case))


@pytest.mark.parametrize("what", get_args(Happening))
@pytest.mark.parametrize("mx", ["yes", "nxdomain", "timeout"])
def test_whatever_may_happen_can_be_judged(what: str, mx: str) -> None:
    """Before any intent."""
    (fault,) = faults_of(
        policy(f'name = "x"\nmx = "{mx}"\nbefore = [{{ what = "{what}" }}]\nexpect = "send"\nrule = "x"')
    )
    assert fault.startswith("[[cases]] 'x': expected send (x), it is ")


def test_what_dns_may_say_is_what_the_rule_has_words_for() -> None:
    """Every reason of a no."""
    assert {*NO_MAIL, "yes", "address", "timeout", "servfail"} == set(get_args(Mx))


@pytest.mark.parametrize(
    ("case", "fault"),
    [
        (
            'name = "press"\nclasses = ["role"]\nexpect = "drop"',
            "[[cases]] 'press': expected drop, it is send (role-address): This is the address of a role, not",
        ),
        (
            'name = "plain"\nexpect = "send"\nrule = "role-address"',
            "[[cases]] 'plain': expected send (role-address), it is send (no rule)",
        ),
        (
            'name = "gone"\nmx = "nxdomain"\nexpect = "drop"\nrule = ""',
            "expected drop (no rule), it is drop (domain-takes-no-mail): example.com takes no mail",
        ),
        ('expect = "send"', "[[cases]] number 1: Object missing required field `name`"),
        ('name = "x"\nexpect = "maybe"', "[[cases]] number 1 'x': Invalid enum value 'maybe' in `expect`"),
        (
            'name = "x"\nexpect = "send"\nclass = "role"',
            "[[cases]] number 1 'x': Object contains unknown field `class`",
        ),
        ('name = "x"\nexpect = "send"\nbefore = [{ what = "rain" }]', "Invalid enum value 'rain' in `before[0].what`"),
        ('name = "x"\nexpect = "send"\nbefore = [{ what = "opened", times = 5000 }]', "`before[0].times`"),
    ],
)
def test_a_fault_of_a_case_is_told_by_its_name(case: str, fault: str) -> None:
    """With what was expected, what came out, and why; nothing of it starts a worker."""
    (found,) = faults_of(policy(case))
    assert fault in found
    with pytest.raises(PolicyError, match="the policy can't be used"):
        checked(policy(case))


def test_cases_are_bounded() -> None:
    """A worker runs them whenever a policy comes."""
    many = 'name = "x"\nexpect = "send"\nbefore = [' + '{ what = "opened", times = 2000 },' * 11 + "]"
    assert ["[[cases]]: more than 20,000 things happen in all of them; lower some `times`"] == problems(policy(many))
    assert ["[[cases]]: expected at most 200 tables"] == problems(policy(*[SOUND[0]] * 201))
    assert ["[[cases]]: expected at most 200 tables"] == problems(SHIPPED_TEXT + "\n[cases]\nx = 1\n")


def test_the_fold_knows_nothing_of_cases(new_world: type[World]) -> None:
    """They stand in the log with the rest of the text, also such as another version would understand."""
    text = policy('name = "x"\nexpect = "teleport"') + "\n[colours]\nred = 1\n"
    assert 2 == len(problems(text))
    assert parse_logged(text).rules == parse_logged(SHIPPED_TEXT).rules
    assert "send" == new_world(text).intent().action
