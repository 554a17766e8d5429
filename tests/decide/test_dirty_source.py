"""Strangers from a dirty list are kept back as such, whatever each of them looks like; and the ways out of that."""

from typing import Any

import pytest

from sidestep.schemas import SourceHoldRecord, Verdict
from sidestep.streams.decide.keys import source_key
from sidestep.streams.decide.tables import SOURCES, SourceRow
from tests.decide.world import World

DAY = 86_400_000
WIDE = {"domain": "1000000/min,max_burst=10000", "service": "1000000/min,max_burst=10000"}
LIST = {"source": "import-2017"}


@pytest.fixture
def world(new_world: type[World]) -> World:
    """A list of which 30 of the hundred that were written to have bounced; nothing else holds it."""
    world = new_world(new_world.policy_text({"source-held": "off", "source-probation": "off"}, **WIDE))
    make_dirty(world)
    return world


def make_dirty(world: World) -> None:
    """The first hundred of the list go out, and 30 come back."""
    written(world, "first", 100)
    for number in range(30):
        world.feedback("bounce", to=f"first-{number}@example.com", id=f"b{number}", hard=True, scope="recipient")


def written(world: World, name: str, count: int, **fields: Any) -> None:
    """Intents to so many new addresses of the list."""
    given = LIST | {"at": world.now} | fields
    world.append(*(world.intent_record(f"{name}-{n}", f"{name}-{n}@example.com", **given) for n in range(count)))


def stranger(world: World, name: str = "jane", **fields: Any) -> Verdict:
    """The verdict on one of whom only the list tells."""
    return world.intent(name, to=f"{name}@example.com", **LIST | fields)


def row(world: World) -> SourceRow:
    """The story of the list."""
    return world.row(SOURCES, source_key("shop", "import-2017"))


def test_the_list_is_to_blame_and_not_who_is_on_it(world: World) -> None:
    """The verdict names the list's rule; the risk of the person stays what it is."""
    verdict = stranger(world)
    assert ("defer", ["dirty-source"]) == (verdict.action, [rule.id for rule in verdict.rules])
    assert verdict.risk < 0.15


@pytest.mark.parametrize(("attempt", "days"), [(1, 7), (2, 14), (3, 28), (9, 30)])
def test_it_says_when_to_offer_it_again(world: World, attempt: int, days: int) -> None:
    """Later each time: a list does not get better by itself."""
    verdict = stranger(world, attempt=attempt)
    assert verdict.retry_at == (world.now // 1000) + days * DAY // 1000
    assert f"or as it is in {days} days." in verdict.rules[0].text


def test_what_else_is_wrong_with_an_address_is_told_first(world: World) -> None:
    """A known trap is dropped, not asked."""
    world.trap("jane@example.com")
    verdict = stranger(world)
    assert ("drop", "known-trap") == (verdict.action, verdict.rules[0].id)


def test_nobody_who_was_there_before_is_spared_for_having_taken_mail(world: World) -> None:
    """Of a dirty list that most people take mail says nothing; that one was seen to read does."""
    world.feedback("delivered", to="first-50@example.com", id="d")
    assert "dirty-source" == world.intent("again", to="first-50@example.com", **LIST).rules[0].id
    world.feedback("opened", to="first-51@example.com", id="o")
    assert "send" == world.intent("read", to="first-51@example.com", **LIST).action


def test_who_confirms_goes_on_and_makes_the_list_better(world: World) -> None:
    """Until few enough of those who were written to have bounced: then strangers go on, too."""
    written(world, "asked", 50, consent_at=world.now - 1000)
    assert (150, 30) == (row(world).tried, row(world).bounced)
    assert "dirty-source" == stranger(world).rules[0].id
    written(world, "also", 1, consent_at=world.now - 1000)
    assert "send" == stranger(world, "joe").action


@pytest.mark.parametrize(("by", "until", "action"), [("", 0, "send"), ("watch", 0, "defer"), ("", 1, "defer")])
def test_a_person_lets_it_begin_anew(world: World, by: str, until: int, action: str) -> None:
    """Not Watch, and no hold that was added."""
    world.append(SourceHoldRecord("shop", "import-2017", until, "cleaned", world.now, by))
    assert action == stranger(world).action
    assert (action == "send") == (row(world).offered == 1)


def test_what_begins_anew_is_metered(new_world: type[World]) -> None:
    """As any new source, whatever it was held for; and held again if it is as bad as before."""
    text = new_world.policy_text(**WIDE)
    for given, figure in (("messages = 1000", "messages = 100"), ("learning_days = 7", "learning_days = 0")):
        assert given in text
        text = text.replace(given, figure)
    world = new_world(text)
    make_dirty(world)
    assert "dirty-source" == stranger(world).rules[0].id
    world.append(SourceHoldRecord("shop", "import-2017", 0, "cleaned", world.now))
    written(world, "second", 100)
    assert 100 == row(world).sent
    assert "source-probation" == stranger(world, "joe").rules[0].id


def test_a_good_source_forgets_nothing(new_world: type[World]) -> None:
    """A hold of it that ends is no reason to meter it."""
    world = new_world(new_world.policy_text(**WIDE))
    written(world, "first", 100)
    before = row(world)
    world.append(SourceHoldRecord("shop", "import-2017", 0, "a mistake", world.now))
    assert before == row(world)


def test_the_rule_may_be_off(new_world: type[World]) -> None:
    """Then only the risk speaks."""
    off = {"dirty-source": "off", "source-held": "off", "source-probation": "off"}
    world = new_world(new_world.policy_text(off, **WIDE))
    make_dirty(world)
    verdict = stranger(world)
    assert ("send", 0.06) == (verdict.action, verdict.risk_parts["source"])
