"""Marks that somebody takes back: as if they had not been reported, by what stands in the log."""

from typing import Any

import pytest

from sidestep.streams.decide.tables import BOUNCE_HISTORY, DOMAIN_RATES, RecipientRow
from tests.decide.world import DAY, World

JANE = World.keys.recipient("jane@example.com")
MARKS: dict[str, tuple[str, dict[str, Any]]] = {
    "hard-bounce": ("bounce", {"hard": True, "scope": "recipient"}),
    "suspension": ("bounce", {"scope": "recipient", "reason": "suspend"}),
    "complaint": ("complaint", {}),
    "opt-out": ("unsubscribed", {}),
    "stray-report": ("complaint", {"tied": ""}),
}


def _rules(world: World) -> list[str]:
    world.wait(1000)
    return [rule.id for rule in world.intent(f"{world.now}", stream="newsletter").rules]


def _row(world: World) -> RecipientRow:
    return world.row(BOUNCE_HISTORY, JANE)


@pytest.mark.parametrize("kind", MARKS)
@pytest.mark.parametrize("named", [True, False])
def test_a_mark_is_taken_back(world: World, kind: str, named: bool) -> None:
    """By its name, or all of them; the row says who has done it and why."""
    event, fields = MARKS[kind]
    world.feedback(event, **fields)
    assert _rules(world)
    world.take_back("jane@example.com", kinds=(kind,) if named else ())
    assert [] == _rules(world)
    undone = _row(world).taken_back
    assert undone is not None
    assert ("ops", "forged", named) == (undone.by, undone.reason, undone.kinds == (kind,))


@pytest.mark.parametrize("kind", MARKS)
def test_other_marks_stay(world: World, kind: str) -> None:
    """Only what is named goes."""
    for event, fields in MARKS.values():
        world.feedback(event, id=event + str(fields), **fields)
    before = _row(world)
    world.take_back("jane@example.com", kinds=(kind,))
    after = _row(world)
    gone = [
        name
        for name in ("hard_bounced_at", "suspended_at", "complained_at", "unsubscribed_at", "stray")
        if getattr(before, name) and not getattr(after, name)
    ]
    assert 1 == len(gone)


def test_a_report_that_comes_again_does_not_bring_the_mark_back(world: World) -> None:
    """Its id is known; another one counts."""
    world.feedback("complaint", id="1")
    world.take_back("jane@example.com")
    world.feedback("complaint", id="1")
    assert [] == _rules(world)
    world.feedback("complaint", id="2")
    assert ["recipient-complaint"] == _rules(world)


def test_what_was_counted_for_the_domain_goes_as_well(world: World) -> None:
    """Its shares must not tell of a forgery."""
    for number in range(3):
        world.feedback("bounce", id=str(number), hard=True, scope="recipient")
    world.take_back("jane@example.com")
    assert 0 == world.row(DOMAIN_RATES, b"example.com").hard_bounces


def test_of_a_mailbox_that_nobody_knows_nothing_is_taken_back(world: World) -> None:
    """Nor does it make a history."""
    world.take_back("jane@example.com")
    assert not world.knows(BOUNCE_HISTORY, JANE)


def test_a_mailbox_whose_marks_were_taken_back_has_not_come_back_from_anything(world: World) -> None:
    """What looks like a recycled trap was a forged bounce."""
    world.feedback("bounce", hard=True, scope="recipient")
    world.wait(DAY)
    world.feedback("delivered")
    world.take_back("jane@example.com")
    assert 0 == _row(world).accepted_at
