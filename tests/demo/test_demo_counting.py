"""The demo's last line must be able to say that something is wrong."""

import io
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from sidestep.schemas import FiredRule
from sidestep.streams.demo import summary
from sidestep.streams.demo.counting import count
from sidestep.streams.demo.incidents import Incidents
from sidestep.streams.demo.mailer import Mailer
from sidestep.streams.demo.model import traffic
from sidestep.streams.demo.offers import Offers
from sidestep.streams.demo.planning import IntentKey, Plan
from sidestep.streams.demo.seen import Seen
from sidestep.streams.demo.tally import DayTally

KEYS = [IntentKey("shop", f"s-{number}", 1, "ada@gmail.com") for number in range(10)]


def test_one_verdict_each_is_right() -> None:
    """In any order; an intent published twice is one intent."""
    counted = count([*KEYS, KEYS[3]], reversed(KEYS))
    assert counted.right
    assert "intents=10 verdicts=10 lost=0 repeated=0" == counted.line()


def test_a_missing_verdict_is_lost() -> None:
    """And named."""
    counted = count(KEYS, KEYS[1:])
    assert not counted.right
    assert "intents=10 verdicts=9 lost=1 repeated=0" == counted.line()
    assert "lost: shop/s-0" in counted.examples[0]


def test_a_doubled_verdict_is_repeated() -> None:
    """Each one beyond the first counts."""
    counted = count(KEYS, [*KEYS, KEYS[0], KEYS[0], KEYS[5]])
    assert not counted.right
    assert "intents=10 verdicts=13 lost=0 repeated=3" == counted.line()


def test_one_lost_and_one_repeated_do_not_cancel_out() -> None:
    """The sums agree, the verdicts do not."""
    counted = count(KEYS, [*KEYS[1:], KEYS[1]])
    assert (10, 10) == (counted.intents, counted.verdicts)
    assert (1, 1, False) == (counted.lost, counted.repeated, counted.right)


def test_attempt_and_recipient_belong_to_the_key() -> None:
    """A second attempt and an id used for somebody else need verdicts of their own."""
    again, other = KEYS[0]._replace(attempt=2), KEYS[0]._replace(to="eve@gmail.com")
    assert 2 == count([*KEYS, again, other], KEYS).lost


def test_a_verdict_that_nobody_asked_for_is_a_fault() -> None:
    """Even though nothing is lost."""
    counted = count(KEYS, [*KEYS, IntentKey("shop", "unknown", 1, "ada@gmail.com")])
    assert (1, False) == (counted.strange, counted.right)


@given(st.lists(st.sampled_from(KEYS)), st.lists(st.sampled_from(KEYS)))
def test_right_means_the_same_keys_once(published: list[IntentKey], answered: list[IntentKey]) -> None:
    """Whatever is published and answered."""
    assert count(published, answered).right == (sorted(set(published)) == sorted(answered))


def verdict(action: Any, *rules: str, **fields: Any) -> Seen:
    fired = tuple(FiredRule(rule, f"A sentence about {rule}, " + "which goes on and on " * 8) for rule in rules)
    to = "a-rather-long-name-of-somebody." * 3 + "@a-rather-long-name-of-a-company.example"
    return Seen(id="s-1", to=to, service="shop", action=action, rules=fired, **fields)


def test_the_tally_adds_up() -> None:
    """By action, service and rule; a rule's outcome is what it mostly leads to."""
    tally = DayTally()
    for seen in (verdict("drop", "typo-domain"), verdict("send", "role-address"), verdict("send", attempt=2)):
        tally.add(seen, 0.2)
    tally.add(verdict("defer", "domain-limit", "role-address"), 0.1)
    assert {"send": 2, "drop": 1, "defer": 1} == dict(tally.actions) == dict(tally.services["shop"])
    assert ["role-address", "domain-limit", "typo-domain"] == [name for name, _ in tally.by_frequency()]
    assert (1, 0.2) == (tally.approved_later, tally.latency(0.99))


def test_the_summary_fits_and_names_what_is_wrong() -> None:
    """No line is wider than the console, steering characters are taken out, and faults are told."""
    tally = DayTally()
    tally.add(verdict("drop", "typo-domain"), 0.2)
    tally.add(Seen(id="x", to="a\x1b[2J@x.example", service="shop", action="drop", rules=(FiredRule("y", "z"),)), None)
    mailer = Mailer({}, traffic().engagement, 0.0, 1)
    outcome = summary.DaySummary(
        Plan([], {}), tally, Incidents(), mailer, Offers({}, 0.0, 1), count(KEYS, KEYS[1:]), 10, 0, 24.0, 40.0
    )
    output = io.StringIO()
    summary.show(Console(file=output, width=100, highlight=False), traffic().services, outcome)
    assert max(map(len, output.getvalue().splitlines())) <= 100
    assert "lost: shop/s-0" in output.getvalue()
    assert "\x1b[2J" not in output.getvalue()


def test_what_a_forger_got_through_is_wrong() -> None:
    """Although each intent has its verdict."""
    key = IntentKey("shop", "1", 1, "a@b.example")
    counted = count([key], [key])
    assert counted.right
    counted.examples.append("a verdict, past everybody: it was taken")
    assert not counted.right


def test_a_verdict_with_a_story_is_told() -> None:
    """One that was stopped, for its history where there is such a one; of what went out there is nothing to tell."""
    tally = DayTally()
    assert tally.telling() is None
    tally.add(verdict("send", "typo-domain"), 0.1)
    assert tally.telling() is None
    for action, rule in (("drop", "typo-domain"), ("drop", "recipient-hard-bounce"), ("defer", "dns-unknown")):
        tally.add(verdict(action, rule), 0.1)
    told = tally.telling()
    assert told is not None
    assert [rule.id for rule in told.rules] == ["recipient-hard-bounce"]
