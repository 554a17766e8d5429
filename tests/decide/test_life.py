"""Life stories: what happens to a mailbox and to a domain, and that no later success clears an old mark."""

from typing import Any

import pytest

from sidestep.schemas import MxFinding
from sidestep.streams.decide.life import MARKS
from sidestep.streams.decide.tables import BOUNCE_HISTORY, RecipientRow
from tests.decide.world import World

DAY = 86_400_000
SEND_ANYWAY = dict.fromkeys(("recipient-hard-bounce", "recipient-suspended", "recipient-complaint", "trap-risk"), "off")


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


def looked_up(world: World, *exchanges: str, after_days: float = 0) -> float:
    """Risk of a message to a domain with these mail servers (none: it takes no mail), so many days later."""
    world.wait(after_days * DAY)
    at = int(world.now)
    mx = MxFinding("yes", "mx", at, 300, exchanges) if exchanges else MxFinding("no", "nxdomain", at, 300)
    return world.intent(f"{at}", to="jane@bakery.example", mx=mx).risk


OURS, OTHERS = "mx1.hoster.example", "mx.sinkhole.example"


@pytest.mark.parametrize(
    ("away", "then", "bought"),
    [(60, OTHERS, True), (60, OURS, False), (60, "mx2.hoster.example", False), (3, OTHERS, False)],
)
def test_a_domain_that_was_given_up_and_bought_is_told(world: World, away: int, then: str, bought: bool) -> None:
    """By how long it was away, and by whose mail servers it has now; a move to another hoster is neither."""
    before = looked_up(world, OURS, after_days=1)
    looked_up(world, after_days=1)
    assert before < 0.1
    assert bought == (looked_up(world, then, after_days=away) > 0.9)


def test_it_stays_bought_whatever_happens_to_it_later(world: World) -> None:
    """A short break years later makes nothing good."""
    looked_up(world, OURS, after_days=1)
    looked_up(world, after_days=1)
    looked_up(world, OTHERS, after_days=60)
    looked_up(world, after_days=100)
    assert looked_up(world, OTHERS, after_days=1) > 0.9
