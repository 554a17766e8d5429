"""Life stories: what happens to a mailbox and to a domain, and that no later success clears an old mark."""

from typing import Any

import pytest

from sidestep.streams.decide.life import MARKS
from sidestep.streams.decide.tables import BOUNCE_HISTORY, RecipientRow
from tests.decide.world import World

DAY = 86_400_000
SEND_ANYWAY = {"recipient-hard-bounce": "off", "recipient-suspended": "off", "recipient-complaint": "off"}


@pytest.fixture
def world(new_world: type[World]) -> World:
    """Nothing of the past stops a message, so that the story goes on."""
    return new_world(new_world.policy_text(SEND_ANYWAY))


def story(world: World) -> RecipientRow:
    """Jane's row."""
    return world.row(BOUNCE_HISTORY, world.keys.recipient("jane@example.com"))


def hard(world: World, id: str, **fields: Any) -> None:
    """Her mailbox does not exist."""
    world.feedback("bounce", id=id, hard=True, scope="recipient", **fields)


def test_a_row_says_who_wrote_first_and_where_the_address_was_from(world: World) -> None:
    """Whoever writes later."""
    world.intent("1", service="shop", source="import-2017")
    world.intent("2", service="bank", source="form")
    assert ("shop", "import-2017") == (story(world).service, story(world).source)


def test_feedback_that_comes_first_leaves_the_first_service_open(world: World) -> None:
    """Somebody's old bounces were read in: nobody here has written yet."""
    hard(world, "old")
    assert "" == story(world).service
    world.intent("1", source="form")
    assert ("shop", "form") == (story(world).service, story(world).source)


def test_each_hard_bounce_and_suspension_keeps_its_time(world: World) -> None:
    """In the order of time, however late a report comes; of many the first and the latest."""
    times = []
    for number in range(MARKS + 3):
        world.wait(DAY)
        times.append(world.now // 1000)
        hard(world, f"b{number}")
    late = times[-1] - 40_000
    hard(world, "late", occurred_at=late * 1000)
    world.feedback("bounce", id="s", scope="recipient", reason="suspend")
    row = story(world)
    assert (times[0], *[*times[-MARKS + 2 : -1], late, times[-1]]) == row.hard_bounces_at
    assert (times[-1], MARKS + 4) == (row.hard_bounced_at, row.hard_bounces)
    assert (world.now // 1000,) == row.suspensions_at


@pytest.mark.parametrize("event", ["delivered", "opened", "clicked", "replied"])
def test_a_success_after_a_mark_is_noted_and_clears_nothing(world: World, event: str) -> None:
    """That sequence is a recycled trap. The first time counts: later ones say no more."""
    hard(world, "b")
    bounced = world.now // 1000
    world.wait(400 * DAY)
    accepted = world.now // 1000
    for id in ("1", "2"):
        world.feedback(event, id=id)
        world.wait(DAY)
    row = story(world)
    assert ((bounced,), bounced, accepted) == (row.hard_bounces_at, row.hard_bounced_at, row.accepted_at)
    hard(world, "again")
    world.wait(DAY)
    world.feedback(event, id="3")
    assert world.now // 1000 == story(world).accepted_at


def test_a_success_before_a_mark_is_no_acceptance_after_it(world: World) -> None:
    """Reports come in any order."""
    world.wait(10 * DAY)
    hard(world, "b")
    world.feedback("delivered", occurred_at=world.now - DAY)
    assert 0 == story(world).accepted_at


def test_the_longest_silence_and_its_end_are_kept(world: World) -> None:
    """Between two messages."""
    for number, days in enumerate((0, 3, 400, 20)):
        world.wait(days * DAY)
        world.intent(str(number))
    assert (400 * 86_400, world.start // 1000 + 403 * 86_400) == (story(world).silence, story(world).woken_at)


@pytest.mark.parametrize("event", ["opened", "clicked", "replied", "complaint", "unsubscribed"])
def test_messages_are_counted_until_a_person_shows(world: World, event: str) -> None:
    """A delivery shows none."""
    for number in range(3):
        world.intent(str(number))
    world.feedback("delivered")
    assert 3 == story(world).unanswered
    world.feedback(event)
    assert 0 == story(world).unanswered


def test_a_test_message_is_no_part_of_the_story(world: World) -> None:
    """Nor is one that is stopped."""
    world.intent("1", test=True)
    world.intent("2", mx="no")
    assert not world.knows(BOUNCE_HISTORY, world.keys.recipient("jane@example.com"))
