"""The table of rules: what a rule needs is true, and no rule is passed over in silence."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.schemas import IntentEvidence, Listing, MailboxFinding, MxFinding
from sidestep.streams.decide.policy import Policy, RulePolicy
from sidestep.streams.decide.policy_file import SHIPPED
from sidestep.streams.decide.policy_text import parse
from sidestep.streams.decide.rules import needs
from sidestep.streams.decide.rules.case import NEVER, Case, Finding
from sidestep.streams.decide.rules.ladder import RULES, Ladder, Rule
from sidestep.streams.decide.tables import DomainRow, HoldRow, RecipientRow

NOW = 1_800_000_000
POLICY = parse(SHIPPED.read_text("utf-8"))
ON_THE_LADDER = [rule for rule in RULES if rule.function is not None]
CLASSES = sorted({need for rule in RULES for need in rule.needs if isinstance(need, str)})


def _flagging(policy: Policy) -> Policy:
    """Every rule that may flags, so that one that applies hides no other."""
    modes = {rule.id: "flag" if "flag" in rule.modes else rule.modes[0] for rule in RULES}
    rules = {id: msgspec.structs.replace(rule, mode=modes[id]) for id, rule in policy.rules.items()}
    return msgspec.structs.replace(policy, rules=rules)


times = st.sampled_from([0, 0, 0, NOW - 86_400, NOW - 900 * 86_400])
cases = st.builds(
    Case,
    st.builds(
        IntentEvidence,
        id=st.just("1"),
        service=st.just("shop"),
        to=st.just("jane@example.com"),
        at=st.just(NOW * 1000),
        domain=st.just("example.com"),
        id_key=st.just(b"i"),
        content_key=st.just(b"c"),
        recipient_key=st.just(b"r"),
        mx=st.sampled_from([None, *(MxFinding(outcome, "nxdomain") for outcome in ("yes", "yes", "no", "unknown"))]),
        syntax=st.sampled_from(["", "", "", "two-dots"]),
        classes=st.lists(st.sampled_from([*CLASSES, "free", "relay"]), max_size=2).map(tuple),
        suggestion=st.sampled_from(["", "jane@example.org"]),
        stream=st.sampled_from(["", "newsletter"]),
        listed=st.sampled_from([(), (), (Listing("a", "1", "x"),), (Listing("a", "1", "x", suspect=True),)]),
        mailbox=st.sampled_from([None, *(MailboxFinding(outcome, "x") for outcome in ("yes", "no", "unknown"))]),
    ),
    st.one_of(
        st.just(NEVER),
        st.builds(
            RecipientRow,
            last_delivered=times,
            hard_bounced_at=times,
            suspended_at=times,
            complained_at=times,
            unsubscribed_at=times,
        ),
    ),
    st.sampled_from([None, None, HoldRow(NOW * 1000 + 5, "x")]),
    st.just(_flagging(POLICY)),
    st.just(NOW),
    st.builds(DomainRow, back_at=times),
)


@given(cases)
def test_what_a_rule_needs_is_all_that_it_needs(case: Case) -> None:
    """A rule that would apply without any of it would be passed over: the short way is no second list of conditions."""
    asked = [rule.function(case) for rule in ON_THE_LADDER if rule.function is not None]
    applying = [finding for finding in asked if finding is not None]
    stop, flags = Ladder(case.policy).judge(case)
    stopping = next((f for f in applying if case.policy.rules[f.rule].mode != "flag"), None)
    assert stopping == stop
    before = applying if stopping is None else applying[: applying.index(stopping)]
    assert before == flags[: len(before)]


def _with(policy: Policy, id: str, mode: str) -> Policy:
    return msgspec.structs.replace(policy, rules=policy.rules | {id: RulePolicy(mode)})


def _plain(**fields: Any) -> Case:
    mx = MxFinding("yes", "mx")
    evidence = IntentEvidence("1", "shop", "jane@gmail.com", NOW * 1000, "gmail.com", b"i", b"c", b"r", mx, **fields)
    return Case(evidence, NEVER, None, POLICY, NOW)


def test_a_rule_added_at_run_time_is_asked() -> None:
    """Whatever it looks at: one that needs something without a name says ALWAYS, and is asked of plain intents too."""
    whim = Rule("whim", ("reject", "off"), {}, (needs.ALWAYS,), lambda case: Finding("whim", "No jane."))
    ladder = Ladder(_with(POLICY, "whim", "reject"), (*RULES, whim))
    assert (Finding("whim", "No jane."), []) == ladder.judge(_plain())
    assert (None, []) == Ladder(_with(POLICY, "whim", "off"), (*RULES, whim)).judge(_plain())


def test_a_rule_about_a_new_class_is_asked_of_that_class() -> None:
    """And of no other: the ladder numbers the classes that its rules name."""
    vip = Rule("vip", ("flag", "off"), {}, ("vip",), lambda case: Finding("vip", "A friend."))
    ladder = Ladder(_with(POLICY, "vip", "flag"), (*RULES, vip))
    assert (None, [Finding("vip", "A friend.")]) == ladder.judge(_plain(classes=("free", "vip")))
    assert 0 == _traits(ladder, _plain(classes=("free",)))


def test_a_rule_that_needs_nothing_is_refused() -> None:
    """It would never be asked."""
    idle = Rule("idle", ("reject",), {}, (), lambda case: None)
    with pytest.raises(ValueError, match="rule idle: name what it needs"):
        Ladder(_with(POLICY, "idle", "reject"), (*RULES, idle))


@pytest.mark.parametrize("classes", [(), ("free",), ("relay",), ("free", "relay")])
def test_plain_mail_takes_the_short_way(classes: tuple[str, ...]) -> None:
    """Mail of the large free providers too, which is half of all: no rule asks for their class."""
    assert 0 == _traits(Ladder(POLICY), _plain(classes=classes))


def _traits(ladder: Ladder, case: Case) -> int:
    return ladder.traits(case.evidence, case.recipient, case.domain, case.hold)
