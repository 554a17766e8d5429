"""Spam traps that somebody knows: addresses, domains and bare keys; until it is said that it was a mistake."""

import pytest

from sidestep.schemas import TrapRecord
from sidestep.streams.decide.expiry import KEPT_SECONDS
from tests.decide.world import World

DAY = 86_400_000
SUBJECTS = pytest.mark.parametrize("subject", ["jane@example.com", "example.com"])


def actions(world: World, *recipients: str) -> list[str]:
    """What becomes of an intent to each, now."""
    return [world.intent(f"{world.now}-{to}", to=to).action for to in recipients]


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
def test_an_address_is_a_trap_alone(world: World, known: bool) -> None:
    """Whether anything was known of it before or not."""
    if known:
        assert ["send"] == actions(world, "jane@example.com")
        world.wait(DAY)
    world.trap("jane@example.com")
    assert ["drop", "send"] == actions(world, "jane@example.com", "tom@example.com")


def test_a_domain_is_a_trap_as_a_whole(world: World) -> None:
    """Not what is below it. Nobody is named who brought it: one address does not stand for all."""
    world.intent("before")
    world.trap("example.com")
    verdict = world.intent("after")
    assert ("drop", ["known-trap"]) == (verdict.action, [rule.id for rule in verdict.rules])
    assert "example.com is a known spam trap: reported by ops on 15 January 2027." == verdict.rules[0].text
    assert ["drop", "send"] == actions(world, "tom@example.com", "jane@mail.example.com")


def test_a_bare_key_marks_the_mailbox_wherever_it_turns_up(world: World) -> None:
    """Its record stands in every partition, also where nobody has heard of it yet."""
    key = world.keys.recipient("jane@example.com")
    world.append(TrapRecord(domain="", by="ops", at=world.now, recipient_key=key))
    assert ["drop", "send"] == actions(world, "jane@example.com", "tom@example.com")


def test_neither_success_nor_engagement_nor_a_policy_that_only_flags_makes_it_a_person(new_world: type[World]) -> None:
    """The risk stops it then."""
    world = new_world(new_world.policy_text({"known-trap": "flag"}))
    world.trap("jane@example.com")
    for event in ("delivered", "opened", "clicked"):
        world.feedback(event)
    verdict = world.intent(consent_at=world.now)
    assert ("drop", "trap-risk", 0.99) == (verdict.action, verdict.rules[0].id, verdict.risk_parts["known"])


@SUBJECTS
def test_who_reported_it_first_stays_and_a_later_hit_is_told(world: World, subject: str) -> None:
    """In whatever order the reports come."""
    world.trap(subject, by="abusix", reason="pristine", hit_at=world.now - 9 * DAY)
    world.wait(DAY)
    world.trap(subject, by="ops", hit_at=world.now)
    world.trap(subject, by="ops", hit_at=world.now - 20 * DAY)
    said = "reported by abusix on 15 January 2027, hit on 16 January 2027 (pristine)."
    assert said in world.intent("1").rules[0].text


@SUBJECTS
def test_a_mistake_is_taken_back(world: World, subject: str) -> None:
    """Whatever else is known stays; taking back what nobody has said leaves no trace."""
    before = world.contents()
    world.trap(subject, lifted=True)
    assert before == world.contents()
    world.trap(subject)
    world.feedback("complaint")
    world.trap(subject, lifted=True)
    assert "recipient-complaint" == world.intent("2").rules[0].id


def test_a_report_that_comes_again_does_not_bring_back_what_was_a_mistake(world: World) -> None:
    """Providers and Kafka repeat themselves; another hit is another report."""
    first, second = (world.keys.event("trap", name) for name in "12")
    world.trap("jane@example.com", event_key=first)
    world.trap("jane@example.com", lifted=True)
    world.trap("jane@example.com", event_key=first)
    assert ["send"] == actions(world, "jane@example.com")
    world.trap("jane@example.com", event_key=second)
    world.wait(1)
    assert ["drop"] == actions(world, "jane@example.com")


@SUBJECTS
def test_it_is_known_for_longer_than_a_life_story(world: World, subject: str) -> None:
    """Nothing happens for years."""
    world.trap(subject)
    for _ in range(60):
        world.tick(40 * DAY)
    assert world.now - world.start > 3 * KEPT_SECONDS * 1000
    assert ["drop"] == actions(world, "jane@example.com")
