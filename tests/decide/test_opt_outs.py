"""Opt-outs and complaints: what they stop, and what lifts them."""

import pytest

from sidestep.streams.decide.policy_text import parse_logged, problems
from tests.decide.world import World

DAY = 86_400_000
WAYS_AROUND = ["marketing", "Marketing", "newsletters", "promo", "", "transactionl", " transactional", "transactional2"]
"""Streams of the fourth journey, and slips of the exempt one."""


@pytest.fixture
def opted_out(world: World) -> World:
    """jane@example.com has unsubscribed a day ago."""
    world.feedback("unsubscribed")
    world.wait(DAY)
    return world


@pytest.mark.parametrize("stream", WAYS_AROUND)
def test_an_opt_out_stops_every_stream_that_is_not_exempt(opted_out: World, stream: str) -> None:
    """Unknown, misspelt, in capitals or none at all: no way around; and the sentence says when it was."""
    verdict = opted_out.intent(stream=stream)
    assert ("drop", "recipient-unsubscribed") == (verdict.action, verdict.rules[0].id)
    assert "opted out 1 day ago, on 15 January 2027" in verdict.rules[0].text


@pytest.mark.parametrize("stream", WAYS_AROUND)
def test_a_complaint_stops_as_much(world: World, stream: str) -> None:
    """But not what is exempt: one press of "spam" on a newsletter stops no password."""
    world.feedback("complaint")
    assert "recipient-complaint" == world.intent("1", stream=stream).rules[0].id
    assert "send" == world.intent("2", stream="Transactional").action


def test_a_complaint_stops_all_mail_where_the_policy_says_so(new_world: type[World]) -> None:
    """exempt_too."""
    world = new_world(new_world.policy_text().replace("exempt_too = false", "exempt_too = true"))
    world.feedback("complaint")
    assert "recipient-complaint" == world.intent(stream="transactional").rules[0].id


def test_a_consent_after_the_opt_out_is_for_its_intent(opted_out: World) -> None:
    """One of before it, or one that is still to come when the person opts out, is none."""
    out = opted_out.now - DAY
    assert "drop" == opted_out.intent("1", consent_at=out).action
    assert "send" == opted_out.intent("2", consent_at=out + 1000).action
    assert "drop" == opted_out.intent("3").action
    opted_out.feedback("unsubscribed", id="again")
    assert "drop" == opted_out.intent("4", consent_at=opted_out.now + 3_600_000).action


def test_who_only_claims_to_be_the_service_has_no_consent(opted_out: World) -> None:
    """Or anybody could lift an opt-out."""
    assert "drop" == opted_out.intent(claimed=True, consent_at=opted_out.now).action


def test_whoever_subscribes_gets_mail_again_until_the_next_opt_out(opted_out: World) -> None:
    """What was last holds, in the order in which it happened."""
    opted_out.feedback("subscribed", tied="", service="shop")
    assert "send" == opted_out.intent("1", stream="newsletter").action
    opted_out.feedback("unsubscribed", id="of last week", occurred_at=opted_out.now - 7 * DAY)
    assert "send" == opted_out.intent("2", stream="newsletter").action
    opted_out.wait(1000)
    opted_out.feedback("unsubscribed", id="once more")
    assert "drop" == opted_out.intent("3", stream="newsletter").action


@pytest.mark.parametrize(
    ("needs", "said", "action"),
    [
        ("nothing", {}, "send"),
        ("approval", {}, "send"),
        ("approval", {"claimed": True}, "drop"),
        ("approval", {"tied": "wrong-token"}, "drop"),
        ("proof", {}, "drop"),
        ("proof", {"proved": "shop-1"}, "send"),
        ("token", {"proved": "shop-1"}, "drop"),
        ("token", {"tied": "token"}, "send"),
    ],
)
def test_a_subscription_is_believed_as_reports_are(
    new_world: type[World], needs: str, said: dict[str, str], action: str
) -> None:
    """But that no message has to have gone out before."""
    world = new_world(new_world.policy_text().replace('needs = "approval" ', f'needs = "{needs}" '))
    world.feedback("unsubscribed", proved="shop-1")
    world.wait(1000)
    world.feedback("subscribed", service="shop", **{"tied": ""} | said)
    assert action == world.intent(stream="newsletter").action


def test_a_policy_may_let_nothing_lift_an_opt_out(new_world: type[World]) -> None:
    """consent_lifts."""
    world = new_world(new_world.policy_text().replace("consent_lifts = true", "consent_lifts = false"))
    world.feedback("unsubscribed")
    world.wait(1000)
    world.feedback("subscribed")
    assert "drop" == world.intent(consent_at=world.now).action


def test_a_consent_does_not_lift_a_complaint_unless_the_policy_says_so(new_world: type[World]) -> None:
    """As it ships that takes "not spam", or a person."""
    lifted = new_world.policy_text().replace("consent_lifts = false", "consent_lifts = true")
    for text, action in ((new_world.policy_text(), "drop"), (lifted, "send")):
        world = new_world(text)
        world.feedback("complaint")
        world.wait(1000)
        assert action == world.intent(consent_at=world.now).action


def test_a_policy_of_before_stops_all_but_transactional_mail(new_world: type[World]) -> None:
    """Until a Screen worker of this version has written the new one, and never the other way round."""
    text = new_world.policy_text()
    start = text.index("\n[streams]")
    old = text[:start] + text[text.index("\n# ---", start) :]
    old = old.replace("consent_lifts = true", 'streams = ["marketing"]').replace("consent_lifts = false", "")
    old = old.replace("exempt_too = false", "")
    assert any("let sidestep policy upgrade do so" in fault for fault in problems(f"{old}\n[streams]\n"))
    policy = parse_logged(old)
    assert policy.streams.are_exempt("TRANSACTIONAL")
    assert not policy.streams.are_exempt("newsletter")
    assert not policy.rules["recipient-unsubscribed"].consent_lifts
