"""Mail that somebody has stopped by hand: to an address or a whole domain, until a time, until it is taken back."""

import pytest

from sidestep.streams.decide.expiry import KEPT_SECONDS
from tests.decide.world import World

DAY = 86_400_000


def actions(world: World, *recipients: str) -> list[str]:
    """What becomes of an intent to each, now."""
    return [world.intent(f"{world.now}-{to}", to=to).action for to in recipients]


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
def test_an_address_is_suppressed_alone(world: World, known: bool) -> None:
    """Whether anything was known of it before or not."""
    if known:
        assert ["send"] == actions(world, "jane@example.com")
        world.wait(DAY)
    world.suppress("jane@example.com")
    assert ["drop", "send"] == actions(world, "jane@example.com", "tom@example.com")


def test_a_domain_is_suppressed_as_a_whole(world: World) -> None:
    """Not what is below it."""
    world.suppress("example.com")
    verdict = world.intent(to="tom@example.com")
    assert ("drop", ["suppressed"]) == (verdict.action, [rule.id for rule in verdict.rules])
    assert "ops has stopped all mail to example.com on 15 January 2027: asked for it." == verdict.rules[0].text
    assert ["drop", "send"] == actions(world, "jane@example.com", "jane@mail.example.com")


@pytest.mark.parametrize("subject", ["jane@example.com", "example.com"])
def test_it_ends_by_itself(world: World, subject: str) -> None:
    """At the second; the sentence says when."""
    world.suppress(subject, until=world.now + 2 * DAY)
    verdict = world.intent("1")
    assert ", until 17 January 2027: asked for it." in verdict.rules[0].text
    world.wait(2 * DAY - 1000)
    assert ["drop"] == actions(world, "jane@example.com")
    world.wait(1000)
    assert ["send"] == actions(world, "jane@example.com")


@pytest.mark.parametrize("subject", ["jane@example.com", "example.com"])
def test_it_is_taken_back(world: World, subject: str) -> None:
    """Whatever else is known stays; taking back what nobody has said leaves no trace."""
    before = world.contents()
    world.suppress(subject, lifted=True)
    assert before == world.contents()
    world.suppress(subject)
    world.suppress(subject, reason="still", by="legal")
    assert "legal" in world.intent("1").rules[0].text
    world.feedback("complaint")
    world.suppress(subject, lifted=True)
    assert "recipient-complaint" == world.intent("2").rules[0].id


@pytest.mark.parametrize("subject", ["jane@example.com", "example.com"])
def test_for_good_is_longer_than_a_life_story(world: World, subject: str) -> None:
    """Nothing happens for years."""
    world.suppress(subject)
    for _ in range(60):
        world.tick(40 * DAY)
    assert world.now - world.start > 3 * KEPT_SECONDS * 1000
    assert ["drop"] == actions(world, "jane@example.com")


def test_one_that_ended_long_ago_leaves_the_ledger(world: World) -> None:
    """24 months after its end."""
    world.suppress("jane@example.com", until=world.now + 100 * DAY)
    jane = world.keys.recipient("jane@example.com")
    for days, there in ((830, True), (50, False)):
        world.tick(days * DAY)
        assert there == (jane in world.ledger.stored["bounce_history"])
