"""The ladder: when each rule fires, what its modes do, which comes first, and what it says."""

import re
from itertools import pairwise
from typing import Any

import pytest

from sidestep.schemas import Listing, MailboxFinding, MxFinding, Verdict
from sidestep.streams.decide.policy_file import SHIPPED
from sidestep.streams.decide.rules.case import span
from sidestep.streams.decide.rules.ladder import RULES as TABLE
from tests.decide.world import World

RULES = {rule.id: rule for rule in TABLE}
LADDER = [rule.id for rule in TABLE if rule.function is not None]
DAY = 86_400_000
BESIDE = {
    "test-limit",
    "trap-risk",
    "dirty-source",
    "source-on-hold",
    "source-held",
    "source-probation",
    "slow-down",
    "domain-limit",
    "mx-provider-limit",
    "warm-up",
    "service-provider-limit",
    "service-limit",
}
"""Rules of the policy that are not on the ladder."""


def _hold(world: World) -> None:
    world.hold("shop", world.now + 3_600_000)


def _suppress(world: World) -> None:
    world.suppress("jane@example.com")


def _trap(world: World) -> None:
    world.intent("before", source="import-2017")
    world.trap("jane@example.com", reason="seen by abusix", hit_at=world.now)


def _bounce(world: World) -> None:
    world.feedback("bounce", hard=True, scope="recipient", reason="userunknown")


def _suspend(world: World) -> None:
    world.feedback("bounce", id="s", scope="recipient", reason="suspend")


def _complain(world: World) -> None:
    world.feedback("complaint")


def _stray(world: World) -> None:
    world.feedback("complaint", tied="")


def _unsubscribe(world: World) -> None:
    world.feedback("unsubscribed")


def _darken(world: World) -> None:
    world.intent("before", to="joe@example.com", mx="no", service="bank")
    world.wait(30 * DAY)
    world.intent("after", to="joe@example.com", service="bank")


def _bounce_long_ago(world: World) -> None:
    _bounce(world)
    world.wait(550 * DAY)
    world.feedback("delivered")
    world.wait(250 * DAY)


def _nothing(world: World) -> None:
    """The intent itself is enough."""


GONE = MailboxFinding("no", "no-such-mailbox", 1, 60)
SURE = Listing("one", "v1", "example.com", "phish")
SURE_TOO = Listing("two", "v2", "example.com", "spam")
DOUBT = Listing("three", "v3", "example.com", "new-domain", suspect=True)

# rule -> what happens before, the intent's fields, words of the sentence
CASES: dict[str, tuple[Any, dict[str, Any], str]] = {
    "expired": (_nothing, {"expires_at": 1}, "worth sending until 1 January 1970, 00:00 UTC: it is never sent late"),
    "service-on-hold": (_hold, {}, "shop is on hold until 15 January 2027, 09:00 UTC: complaints"),
    "address-syntax": (_nothing, {"syntax": "two-dots", "mx": "", "recipient_key": b""}, "two dots follow each other"),
    "known-trap": (
        _trap,
        {},
        "This address is a known spam trap: reported by ops on 15 January 2027, hit on 15 January 2027 (seen by "
        "abusix). First mailed by shop (source import-2017).",
    ),
    "suppressed": (
        _suppress,
        {},
        "ops has stopped all mail to this address on 15 January 2027: asked for it.",
    ),
    "domain-takes-no-mail": (_nothing, {"mx": "no"}, "example.com takes no mail: the domain does not exist"),
    "mailbox-missing": (_nothing, {"mailbox": GONE}, "server of example.com says that this mailbox does not exist"),
    "recipient-hard-bounce": (_bounce, {}, "bounced for good once, last 1 day ago"),
    "recipient-suspended": (_suspend, {}, "suspended by its provider 1 day ago"),
    "recipient-complaint": (_complain, {}, "as spam 1 day ago"),
    "recipient-unsubscribed": (
        _unsubscribe,
        {"stream": "newsletter"},
        "opted out 1 day ago, on 15 January 2027: mail of the stream newsletter is stopped",
    ),
    "listed": (_nothing, {"listed": (SURE, SURE_TOO)}, "one (phish: example.com, version v1); two (spam: example.com"),
    "trap-cluster": (
        _nothing,
        {"classes": ("trap-cluster",), "suggestion": "jane@example.org"},
        "collects the mail of several such slips; jane@example.org",
    ),
    "typo-domain": (
        _nothing,
        {"classes": ("typo",), "suggestion": "jane@example.org"},
        "jane@example.org was probably",
    ),
    "honeypot-address": (_nothing, {"classes": ("honeypot",)}, "nobody wants mail here"),
    "disposable-address": (_nothing, {"classes": ("disposable",)}, "example.com gives out throw-away addresses"),
    "listed-doubtful": (_nothing, {"listed": (SURE,)}, "but not beyond doubt: one (phish: example.com, version v1)"),
    "parked-domain": (_nothing, {"classes": ("parked",)}, "example.com is parked"),
    "domain-came-back": (
        _darken,
        {},
        "took no mail from 15 January 2027 until 14 February 2027 (the domain does not exist), and takes it again",
    ),
    "typo-suspected": (
        _nothing,
        {"classes": ("near-miss",), "suggestion": "jane@example.org"},
        "jane@example.org meant",
    ),
    "machine-made-address": (_nothing, {"classes": ("machine-made",)}, "as if a machine had made it up"),
    "stray-report": (_stray, {}, "A complaint was reported 1 day ago, but nothing ties that to a message of ours"),
    "recycled-address": (
        _bounce_long_ago,
        {},
        "bounced for good in January 2027, was silent for 18 months and takes mail again since July 2028",
    ),
    "role-address": (_nothing, {"classes": ("role",)}, "a role, not of a person"),
    "dns-unknown": (_nothing, {"mx": "unknown"}, "(timeout). Offer it again in 5 minutes"),
}


def _judged(new_world: type[World], rule: str, mode: str) -> Verdict:
    happens, fields, _ = CASES[rule]
    world = new_world(new_world.policy_text({rule: mode, "trap-risk": "off"}))
    happens(world)
    world.wait(0 if rule == "service-on-hold" else DAY)
    return world.intent(**fields)


def test_the_ladder_stands_as_the_policy_and_its_page_have_it() -> None:
    """Whoever reads the file from top to bottom knows what comes first."""
    assert LADDER == list(CASES) == [name for name in RULES if name not in BESIDE]
    assert list(RULES) == re.findall(r"(?m)^\[rules\.([a-z-]+)\]", SHIPPED.read_text(encoding="utf-8"))


@pytest.mark.parametrize("rule", CASES)
def test_a_rule_that_is_on_stops_what_it_is_about(new_world: type[World], rule: str) -> None:
    """Rejected, with the rule's name first and one sentence that says why."""
    mode = "defer" if "reject" not in RULES[rule].modes else "reject"
    verdict = _judged(new_world, rule, mode)
    assert ("rejected", rule) == (verdict.decision, verdict.rules[0].id)
    assert ("drop", None) == (verdict.action, verdict.retry_at) or "defer" == verdict.action == mode
    assert CASES[rule][2] in verdict.rules[0].text


@pytest.mark.parametrize("rule", [rule for rule in CASES if "flag" in RULES[rule].modes])
def test_a_rule_that_flags_lets_through_and_says_so(new_world: type[World], rule: str) -> None:
    """Sent, the rule is named all the same, and nobody is told to come again."""
    verdict = _judged(new_world, rule, "flag")
    assert ("send", None) == (verdict.action, verdict.retry_at)
    assert [rule] == [fired.id for fired in verdict.rules]


@pytest.mark.parametrize("rule", [rule for rule in CASES if "off" in RULES[rule].modes])
def test_a_rule_that_is_off_does_not_exist(new_world: type[World], rule: str) -> None:
    """Sent, without a word."""
    verdict = _judged(new_world, rule, "off")
    assert ("send", []) == (verdict.action, verdict.rules)


@pytest.mark.parametrize("rule", CASES)
def test_a_plain_intent_meets_no_rule(new_world: type[World], rule: str) -> None:
    """What a rule is about another recipient, service or stream is no concern of this one."""
    happens, _, _ = CASES[rule]
    world = new_world()
    happens(world)
    # what a domain has been through concerns all that it takes mail for
    to = "john@example.org" if rule == "domain-came-back" else "john@example.com"
    verdict = world.intent(to=to, service="bank")
    assert ("send", []) == (verdict.action, verdict.rules)


@pytest.mark.parametrize(("first", "second"), list(pairwise(LADDER)))
def test_the_first_rule_of_the_ladder_decides(new_world: type[World], first: str, second: str) -> None:
    """Where two neighbours apply and both would stop the intent, the upper one does."""
    modes = {name: "reject" for name, rule in RULES.items() if "flag" in rule.modes and name != "dns-unknown"}
    world = new_world(new_world.policy_text(modes))
    fields: dict[str, Any] = {}
    for happens, given, _ in (CASES[second], CASES[first]):
        happens(world)
        joined = {name: fields.get(name, ()) + given.get(name, ()) for name in ("classes", "listed")}
        fields |= given | joined
    assert first == world.intent(**fields).rules[0].id


@pytest.mark.parametrize(
    ("listed", "rule"),
    [
        ((SURE,), "listed-doubtful"),
        ((SURE, SURE), "listed-doubtful"),
        ((DOUBT,), "listed-doubtful"),
        ((SURE, DOUBT), "listed-doubtful"),
        ((SURE, SURE_TOO), "listed"),
        ((SURE, SURE_TOO, DOUBT), "listed"),
    ],
)
def test_it_takes_as_many_lists_as_the_policy_says(world: World, listed: tuple[Listing, ...], rule: str) -> None:
    """One list twice is one list, and a suspicion is not a listing."""
    verdict = world.intent(listed=listed)
    assert (rule, "drop" if rule == "listed" else "send") == (verdict.rules[0].id, verdict.action)


def test_a_trusted_list_is_enough(new_world: type[World]) -> None:
    """By its name; but not for what it only suspects."""
    text = new_world.policy_text().replace("trusted = []", 'trusted = ["one", "three"]')
    world = new_world(text)
    assert "listed" == world.intent("1", listed=(SURE,)).rules[0].id
    assert "listed-doubtful" == world.intent("2", listed=(DOUBT,)).rules[0].id


@pytest.mark.parametrize("event", ["delivered", "opened", "clicked", "replied"])
def test_our_own_history_weighs_more_than_a_probe(world: World, event: str) -> None:
    """Where mail was delivered or answered within 90 days the mailbox exists, whatever its server says."""
    world.feedback(event)
    world.wait(90 * DAY)
    assert ("send", []) == (world.intent("1", mailbox=GONE).action, world.intent("2", mailbox=GONE).rules)
    world.wait(1000)
    assert "mailbox-missing" == world.intent("3", mailbox=GONE).rules[0].id


@pytest.mark.parametrize("outcome", ["yes", "unknown"])
def test_only_a_no_of_the_mailbox_server_stops(world: World, outcome: Any) -> None:
    """A server that says nothing certain says nothing."""
    verdict = world.intent(mailbox=MailboxFinding(outcome, "catch-all"))
    assert ("send", []) == (verdict.action, verdict.rules)


def test_a_near_miss_without_suggestion_is_left_alone(world: World) -> None:
    """It has a healthy mail service of its own."""
    verdict = world.intent(classes=("near-miss",))
    assert ("send", [], 0.05) == (verdict.action, verdict.rules, verdict.risk)


def test_the_life_of_a_domain_is_told_by_its_last_dark_time(new_world: type[World]) -> None:
    """Since when it was dark and why; what came before the last time is gone."""
    world, verdicts = new_world(), []
    for day, mx in enumerate(["yes", "no", "no", "yes", "yes", "null-mx", "yes"]):
        finding = MxFinding("no", "null-mx", world.now, 300) if mx == "null-mx" else new_world.mx[mx]
        verdicts.append(world.intent(str(day), mx=finding))
        world.wait(DAY)
    text = verdicts[-1].rules[0].text
    assert "from 20 January 2027 until 21 January 2027 (the domain says that it takes no mail (null MX" in text


def test_flags_before_the_rule_that_stops_are_named_after_it(world: World) -> None:
    """The verdict's first rule is the one that decided."""
    verdict = world.intent(classes=("near-miss", "role"), mx="unknown", suggestion="x@example.org")
    assert ["dns-unknown", "typo-suspected", "role-address"] == [fired.id for fired in verdict.rules]
    assert verdict.retry_at is not None


@pytest.mark.parametrize("stream", ["transactional", "Transactional", "TRANSACTIONAL"])
def test_an_exempt_stream_goes_out_although_the_person_has_opted_out(world: World, stream: str) -> None:
    """Whoever unsubscribed from the newsletter still gets a password reset."""
    world.feedback("unsubscribed")
    assert "send" == world.intent(stream=stream).action


@pytest.mark.parametrize(
    "rule", ["recipient-hard-bounce", "recipient-suspended", "recipient-complaint", "recipient-unsubscribed"]
)
def test_history_counts_for_as_many_days_as_the_policy_says(new_world: type[World], rule: str) -> None:
    """On day 730 it still stops, a second later it does not."""
    happens, fields, _ = CASES[rule]
    for late, action in ((0, "drop"), (1000, "send")):
        world = new_world(new_world.policy_text({"trap-risk": "off"}))
        happens(world)
        world.wait(730 * DAY + late)
        assert action == world.intent(**fields).action


@pytest.mark.parametrize("mx", ["yes", "no", "unknown"])
def test_unknown_is_never_rejected_for_good(world: World, mx: str) -> None:
    """Only an answer can drop an intent."""
    assert {"yes": "send", "no": "drop", "unknown": "defer"}[mx] == world.intent(mx=mx).action


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 300), (2, 600), (3, 1200), (6, 9600), (7, 14400), (1000, 14400)])
def test_the_wait_for_dns_doubles_up_to_a_bound(world: World, attempt: int, seconds: int) -> None:
    """300 s, twice as long each time, never more than four hours."""
    assert world.now / 1000 + seconds == world.intent(mx="unknown", attempt=attempt).retry_at


def test_a_hold_says_when_to_come_back(world: World) -> None:
    """retry_at is not before the end of the hold; from then on the service is judged as any other."""
    world.hold("shop", world.now + 1500)
    retry_at = world.intent("1").retry_at
    assert retry_at is not None
    assert 1500 <= retry_at * 1000 - world.now < 3000
    world.wait(1499)
    assert "defer" == world.intent("1", attempt=2).action
    world.wait(1)
    assert "send" == world.intent("1", attempt=3).action


def test_a_hold_can_be_lifted(world: World) -> None:
    """A record with until 0 ends it at once."""
    world.hold("shop", world.now + 3_600_000)
    world.hold("shop", 0)
    assert "send" == world.intent().action


def test_several_bounces_are_counted_in_the_sentence(world: World) -> None:
    """How often, and when last."""
    for number in range(3):
        world.feedback("bounce", id=str(number), hard=True, scope="recipient")
        world.wait(3_600_000)
    assert "bounced for good 3 times, last 1 hour ago" in world.intent().rules[0].text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (59, "59 seconds"),
        (60, "1 minute"),
        (7199, "1 hour"),
        (7200, "2 hours"),
        (86400, "1 day"),
    ],
)
def test_spans_are_told_in_the_unit_that_fits(seconds: int, text: str) -> None:
    """Rounded down, one unit."""
    assert text == span(seconds)


def test_faults_of_the_service_have_names_of_their_own() -> None:
    """They are no rules of the policy: they can't be switched off."""
    assert not {"id-reused", "already-decided"} & set(RULES)


def test_a_slip_is_named_where_its_domain_takes_no_mail(new_world: type[World]) -> None:
    """The rule that stops the intent comes first; the slip tells whoever reads it what to correct."""
    verdict = new_world().intent(mx="no", classes=("typo",), suggestion="jane@gmail.com")
    assert ["domain-takes-no-mail", "typo-domain"] == [fired.id for fired in verdict.rules]
    assert "jane@gmail.com" in verdict.rules[1].text
    assert "drop" == verdict.action
