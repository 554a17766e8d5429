"""Who proves which service he is comes first at limits that services share; names alone are nobody's."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.schemas import Verdict
from sidestep.streams.decide.commons import KEPT_FOR
from sidestep.streams.gcra import advance, earliest, furthest, parse_rate
from tests.decide.world import GENEROUS, GOOGLE, World, approved

OWN: dict[str, Any] = {"proved": "shop-1"}
LIMIT = "60/min,max_burst=40"
WHERE = [("domain", {}), ("provider", {"mx": GOOGLE})]


def _world(new_world: type[World], kind: str) -> World:
    return new_world(new_world.policy_text(**{"domain": GENEROUS, "service": GENEROUS, kind: LIMIT}))


def _own(world: World, label: str, many: int = 1, **fields: Any) -> list[Verdict]:
    return [world.intent(f"{label}-{n}", **OWN | fields) for n in range(many)]


@pytest.mark.parametrize(("kind", "fields"), WHERE)
def test_made_up_services_make_nobody_wait(new_world: type[World], kind: str, fields: dict[str, Any]) -> None:
    """A thousand of them use up what they get, and are promised slots up to the horizon. The service's message
    stood behind them all, until what is proved came first."""
    world = _world(new_world, kind)
    assert 1 == approved(_own(world, "before", **fields))
    world.wait(60_000)
    crowd = world.crowd(**fields)
    assert 20 == approved(crowd), "half of the burst, and the message for which there is room at any time"
    assert world.waits(crowd[900]) > 850
    assert 20 == approved(_own(world, "own", 20, **fields)), "the other half"
    assert world.waits(_own(world, "one-more", **fields)[0]) <= 1


@pytest.mark.parametrize(("kind", "fields"), WHERE)
def test_who_was_not_there_before_waits_for_one_message(
    new_world: type[World], kind: str, fields: dict[str, Any]
) -> None:
    """All of the burst is gone when a service that can prove itself comes for the first time. It has the next slots,
    and whoever comes at that moment as well has not."""
    world = _world(new_world, kind)
    assert 40 == approved(world.crowd(**fields))
    (first,) = _own(world, "own", **fields)
    assert world.waits(first) <= 1
    world.wait(1000)
    assert 0 == approved(world.crowd(50, **fields))
    assert "send" == world.intent("own-0", attempt=2, **OWN | fields).action


def test_where_nobody_proves_himself_all_is_for_all(new_world: type[World]) -> None:
    """As it is where nothing is signed; and as soon as nobody proved has been there for an hour."""
    world = _world(new_world, "domain")
    assert 40 == approved(world.crowd())
    world.wait(60_000)
    _own(world, "own")
    world.wait(KEPT_FOR * 1000)
    assert 20 == approved(world.crowd())
    world.wait(61_000)
    assert 40 == approved(world.crowd())


def test_where_one_at_a_time_may_go_there_is_room_for_one(new_world: type[World]) -> None:
    """No burst, of which a part could be kept: others go half as fast, and who proves himself in between."""
    world = new_world(new_world.policy_text(domain="60/min", service=GENEROUS))
    _own(world, "before")
    sent = []
    for number in range(20):
        world.wait(1000)
        sent.append(approved(world.crowd(5)))
        if number % 4 == 3:
            world.wait(1000)
            assert 1 == approved(_own(world, f"own-{number}"))
    assert 8 <= sum(sent) <= 12


def test_a_domain_that_was_slowed_down_keeps_room_as_well(new_world: type[World]) -> None:
    """What its server leaves of the limit is shared likewise."""
    world = new_world(new_world.policy_text(domain="60/min", service=GENEROUS))
    for number in range(60):
        _own(world, f"before-{number}")
        world.wait(1000)
    world.feedback("bounce", scope="us", reason="speeding", status="4.7.0")
    world.wait(60_000)
    crowd = world.crowd()
    assert "slow-down" == crowd[-1].rules[0].id
    assert world.waits(crowd[-1]) > 400
    (own,) = _own(world, "own")
    assert own.action == "send" or world.waits(own) <= 3
    world.wait(3000)
    world.crowd(50)
    assert own.action == "send" or "send" == world.intent("own-0", attempt=2, **OWN).action


@given(
    events=st.lists(st.tuples(st.integers(0, 4000), st.booleans(), st.integers(1, 12)), max_size=30),
    burst=st.integers(1, 9),
)
def test_whoever_comes_first_no_more_goes_out_than_the_limit_allows(
    events: list[tuple[int, bool, int]], burst: int
) -> None:
    """And whoever proves himself is stopped only where there is no room at all."""
    text = f"60/min,max_burst={burst}"
    rate, tat = parse_rate(text), 0
    world = World(World.policy_text(domain=text, service=GENEROUS))
    for number, (wait, proved, many) in enumerate(events):
        world.wait(wait)
        now = world.now * 1000
        for each in range(many):
            verdict = world.intent(f"{number}-{each}", service=f"s{each}", **(OWN if proved else {}))
            tat = min(tat, furthest(rate, now))
            room = earliest(rate, tat) <= now
            assert room or verdict.action == "defer"
            assert verdict.action == "send" or not (room and proved)
            if verdict.action == "send":
                tat = advance(rate, tat, now)
