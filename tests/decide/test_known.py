"""Services that are known come before names that somebody makes up, where nothing is proved; and no slot of these lies
further away than the horizon."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidestep.streams.decide.commons import CROWDS, HORIZON, HORIZON_SLOTS
from sidestep.streams.decide.keys import service_key
from sidestep.streams.decide.known import DAYS, MESSAGES, is_known
from sidestep.streams.decide.tables import SOURCES, SourceRow
from sidestep.streams.gcra import advance, earliest, furthest, parse_rate
from tests.decide.world import GENEROUS, GOOGLE, World, approved

DAY, MINUTE = 86_400_000, 60_000
LIMIT = "60/min,max_burst=40"
WHERE = [("domain", {}), ("provider", {"mx": GOOGLE})]
EACH_DAY = -(-MESSAGES // (DAYS - 1))


def _world(new_world: type[World], kind: str = "domain", limit: str = LIMIT) -> World:
    return new_world(new_world.policy_text(**{"domain": GENEROUS, "service": GENEROUS, kind: limit}))


def _becomes_known(world: World, service: str = "shop", days: int = DAYS, **fields: Any) -> None:
    """Mail of one service, day by day, to a domain of which nothing is the matter."""
    for day in range(days):
        for each in range(EACH_DAY):
            id, to = f"{service}-{day}-{each}", f"{service}-{day}-{each}@quiet.example"
            assert "send" == world.intent(id, to=to, service=service).action
            for event, more in fields.items():
                world.feedback(event, to=to, id=f"{event}-{id}", **more)
        world.wait(DAY)


@pytest.mark.parametrize(("kind", "fields"), WHERE)
def test_made_up_services_make_no_known_one_wait(new_world: type[World], kind: str, fields: dict[str, Any]) -> None:
    """A thousand of them use up what they get. The known service finds half of the burst, then the next slot."""
    world = _world(new_world, kind)
    _becomes_known(world)
    assert "send" == world.intent("before", **fields).action
    world.wait(MINUTE)
    crowd = world.crowd(**fields)
    assert 20 == approved(crowd), "half of the burst, and the message for which there is room at any time"
    assert ["send"] * 20 == [world.intent(f"own-{n}", **fields).action for n in range(20)]
    assert world.waits(world.intent("one-more", **fields)) <= 1


@pytest.mark.parametrize(("kind", "fields"), WHERE)
def test_a_known_service_that_was_not_there_lately_waits_for_one_message(
    new_world: type[World], kind: str, fields: dict[str, Any]
) -> None:
    """The whole burst is gone, and slots are promised up to the horizon; who is known has those before them."""
    world = _world(new_world, kind)
    _becomes_known(world)
    assert 40 == approved(world.crowd(**fields))
    assert world.waits(world.intent("own", **fields)) <= 1
    world.wait(1000)
    assert 0 == approved(world.crowd(50, **fields))
    assert "send" == world.intent("own", attempt=2, **fields).action


def test_a_name_is_known_by_days_of_mail_that_hardly_comes_back(new_world: type[World]) -> None:
    """Not by much mail in a day, nor by a little on many days; dead addresses and complaints begin it anew."""
    world = _world(new_world)

    def known(service: str) -> bool:
        return is_known(world.row(SOURCES, service_key(service)))

    _becomes_known(world, "eager", 1)
    for n in range(2 * MESSAGES):
        assert "send" == world.intent(f"eager-{n}", to=f"e{n}@quiet.example", service="eager").action
    for day in range(DAYS):
        world.wait(DAY)
        assert "send" == world.intent(f"idle-{day}", to=f"i{day}@quiet.example", service="idle").action
    _becomes_known(world, "shop")
    _becomes_known(world, "bouncing", bounce={"hard": True, "scope": "recipient", "reason": "userunknown"})
    _becomes_known(world, "hated", complaint={})
    _becomes_known(world, "liked", delivered={}, opened={})
    assert {"shop", "liked"} == {
        name for name in ("eager", "idle", "shop", "bouncing", "hated", "liked") if known(name)
    }
    for n in range(5):
        world.feedback("complaint", to=f"shop-0-{n}@quiet.example", id=f"late-{n}", service="shop")
    assert known("shop"), "for the day"
    world.wait(DAY)
    world.intent("next-day")
    assert not known("shop")


def test_what_a_report_has_counted_not_spam_takes_back(new_world: type[World]) -> None:
    """From the story of all that the service sends, too."""
    world = _world(new_world)
    _becomes_known(world, "shop", 1)
    for event, count in (("complaint", 1), ("not-spam", 0)):
        world.feedback(event, to="shop-0-0@quiet.example", id=event, service="shop")
        assert count == world.row(SOURCES, service_key("shop")).complaints


def test_who_proves_himself_comes_before_who_is_known(new_world: type[World]) -> None:
    """A known name is a name. The crowd has what both leave."""
    world = _world(new_world)
    _becomes_known(world)
    world.intent("before")
    world.intent("proved-before", service="bank", proved="bank-1")
    world.wait(MINUTE)
    assert 10 == approved(world.crowd())
    assert 10 == approved(world.crowd(50, service="shop"))
    assert 20 == approved([world.intent(f"proved-{n}", service="bank", proved="bank-1") for n in range(25)])


def test_where_all_are_known_all_is_for_all(new_world: type[World]) -> None:
    """The same verdicts as where none is: the whole burst, and one slot after the other, as far as need be."""
    known, fresh = _world(new_world), _world(new_world)
    _becomes_known(known)
    fresh.wait(known.now - fresh.now)
    verdicts = [world.crowd(HORIZON, service="shop") for world in (known, fresh)]
    assert [it.retry_at for it in verdicts[0]] == [it.retry_at for it in verdicts[1]]
    known.wait(1)
    far = known.crowd(200, service="shop")[-1]
    assert known.waits(far) > HORIZON, "of mail that one has sent for long every message has its slot"


def test_a_known_service_with_much_mail_does_not_starve_a_new_one(new_world: type[World]) -> None:
    """It uses all that the limit gives, for minutes; one of `CROWDS` messages is another's nevertheless."""
    world = _world(new_world, limit="60/min,max_burst=10")
    _becomes_known(world)
    new, waits = [], 0
    for second in range(200):
        (verdict,) = world.crowd(1, service="new")
        new.append(verdict.action)
        waits += world.intent(f"bulk-{second}").action == "defer"
        world.intent(f"more-{second}")
        world.wait(1000)
    later = new[40:]
    assert len(later) // (CROWDS + 1) <= later.count("send") <= len(later) // CROWDS + 1
    assert waits


def test_no_slot_lies_beyond_the_horizon(new_world: type[World]) -> None:
    """A flood of names is told times within a quarter of an hour, the last of them spread over its second half; who is
    new comes no later than they, and finds room then if they do not come back."""
    world = _world(new_world)
    flood = [verdict for verdict in world.crowd(3000) if verdict.action == "defer"]
    waits = [world.waits(verdict) for verdict in flood]
    assert max(waits) <= HORIZON + 1
    slots, drawn = waits[:HORIZON], waits[HORIZON + 1 :]
    assert all(later - earlier == pytest.approx(1) for earlier, later in pairwise(slots))
    assert min(drawn) > HORIZON / 2
    in_ten = [sum(HORIZON / 20 * n <= wait - HORIZON / 2 < HORIZON / 20 * (n + 1) for wait in drawn) for n in range(10)]
    assert min(in_ten) > len(drawn) / 15, "evenly"
    text = f"example.com gets its {LIMIT} already, and all room ahead is promised; it may be offered again in"
    assert flood[-1].rules[0].id == "domain-limit"
    assert flood[-1].rules[0].text.startswith(text)
    own = world.intent("own")
    world.wait(world.waits(own) * 1000)
    assert "send" == world.intent("own", attempt=2).action


def test_who_was_last_once_is_not_last_again(new_world: type[World]) -> None:
    """The time that is drawn goes by the attempt as well."""
    world = _world(new_world)
    waits = []
    world.crowd()
    for attempt in range(1, 9):
        waits.append(world.waits(world.intent("own", attempt=attempt)) - HORIZON / 2)
    assert min(waits) < HORIZON / 6
    assert max(waits) > HORIZON / 3


def test_mail_that_expires_is_offered_again_before(new_world: type[World]) -> None:
    """What is drawn lies before that; where the horizon holds no such time it is dropped at once, as ever."""
    world = _world(new_world)
    world.crowd()
    soon = [world.intent(f"soon-{n}", expires_at=world.now + HORIZON * 600) for n in range(20)]
    assert {"defer"} == {verdict.action for verdict in soon}
    assert all(HORIZON / 2 < world.waits(verdict) < HORIZON * 0.6 for verdict in soon)
    assert "expired" == world.intent("now", expires_at=world.now + MINUTE).rules[0].id


def test_a_slow_limit_promises_so_many_slots(new_world: type[World]) -> None:
    """One an hour: nobody is told to come again twelve times before."""
    world = _world(new_world, limit="1/hour")
    waits = [world.waits(verdict) for verdict in world.crowd(200)[1:]]
    assert [3600 * n for n in range(1, HORIZON_SLOTS + 1)] == pytest.approx(waits[:HORIZON_SLOTS])
    assert max(waits) <= 3600 * (HORIZON_SLOTS + 1)


@settings(max_examples=40)
@given(
    events=st.lists(st.tuples(st.integers(0, 4000), st.sampled_from("pku"), st.integers(1, 12)), max_size=30),
    burst=st.integers(1, 9),
)
def test_whoever_comes_first_no_more_goes_out_than_the_limit_allows(
    events: list[tuple[int, str, int]], burst: int
) -> None:
    """Proved, known and unknown ones in any order; and where only known ones are there, none is stopped while there is
    room."""
    rate, tat = parse_rate(f"60/min,max_burst={burst}"), 0
    world = World(World.policy_text(domain=rate.text, service=GENEROUS))
    past = SourceRow(began=1, last_sent=world.now // 1000, sent=MESSAGES, days=DAYS)
    world.ledger.stored[SOURCES.name] = {service_key("known"): SOURCES.encode(past)}
    alone = {who for _, who, _ in events} == {"k"}
    for number, (wait, who, many) in enumerate(events):
        world.wait(wait)
        now = world.now * 1000
        for each in range(many):
            service = "known" if who == "k" else f"{who}{each}"
            verdict = world.intent(f"{number}-{each}", service=service, proved="bank-1" if who == "p" else "")
            tat = min(tat, furthest(rate, now))
            room = earliest(rate, tat) <= now
            assert room or verdict.action == "defer"
            assert verdict.action == "send" or not (room and (alone or who == "p"))
            if verdict.action == "send":
                tat = advance(rate, tat, now)
