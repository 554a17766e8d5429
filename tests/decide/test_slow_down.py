"""Slow-down: what mail servers answer lowers the limit of their domain, or of their provider, and it climbs back."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.schemas import MxFinding, Pace, PaceRecord, Verdict
from sidestep.streams.decide.limit_rows import Slowed
from sidestep.streams.decide.tables import DOMAIN_RATES
from sidestep.streams.speed import WHOLE, faster_at, speed
from tests.decide.world import GENEROUS, World, approved

MINUTE, HOUR = 60_000, 3_600_000
FREE = {"domain": GENEROUS, "service": GENEROUS}
SPEEDING: dict[str, Any] = {"scope": "us", "reason": "speeding", "status": "4.7.0"}
BLOCKED: dict[str, Any] = {"scope": "us", "reason": "blocked", "status": "5.7.1"}


def text(new_world: type[World], modes: dict[str, str] | None = None, /, **limits: str) -> str:
    """The shipped policy, which may get as slow as one message a minute."""
    return new_world.policy_text(modes, **limits).replace('slowest = "10/min"', 'slowest = "1/min"')


def sent(world: World, count: int, name: str = "m", **fields: Any) -> list[Verdict]:
    """So many intents at this moment, to recipients of their own; their verdicts."""
    return [world.intent(f"{name}{n}", to=f"{name}{n}@example.com", **fields) for n in range(count)]


def slowed(world: World, domain: bytes = b"example.com") -> Slowed | None:
    """What the ledger says of a domain's speed."""
    return world.row(DOMAIN_RATES, domain).slowed


def a_minute(world: World, name: str, every: int, **fields: Any) -> int:
    """How many go out of those that are offered every so many milliseconds of the minute that comes."""
    count = 0
    for number in range(MINUTE // every):
        count += world.intent(f"{name}{number}", to=f"{name}{number}@example.com", **fields).action == "send"
        world.wait(every)
    return count


@pytest.mark.parametrize(("answer", "left"), [(SPEEDING, 30), (BLOCKED, 6)])
def test_an_answer_leaves_a_share_of_the_limit(new_world: type[World], answer: dict[str, Any], left: int) -> None:
    """Half of 60 a minute, or a tenth of it, evenly."""
    world = new_world(text(new_world, domain="60/min", service=GENEROUS))
    assert 60 == a_minute(world, "before", 1000)
    world.feedback("bounce", **answer)
    assert left == pytest.approx(a_minute(world, "after", 1000), abs=1)


def test_a_limit_far_above_the_traffic_slows_down_all_the_same(new_world: type[World]) -> None:
    """What is left is a share of what the domain got in its busiest minute, where that is less than its limit."""
    world = new_world(text(new_world, **FREE))
    assert 60 == a_minute(world, "before", 1000)
    world.feedback("bounce", **SPEEDING)
    assert 30 == pytest.approx(a_minute(world, "after", 1000), abs=1)


def test_the_busiest_minute_is_forgotten_within_an_hour(new_world: type[World]) -> None:
    """It weighs less with each minute; a domain that got nothing for an hour may have one message a minute."""
    for wait, per_minute in ((1, 60), (30, 30), (61, 1)):
        world = new_world(text(new_world, **FREE))
        a_minute(world, "before", 1000)
        world.wait((wait - 1) * MINUTE)
        sent(world, 1, "last")
        world.feedback("bounce", **SPEEDING)
        assert slowed(world).per_minute == pytest.approx(per_minute, abs=2)  # type: ignore[union-attr]


def test_a_limit_that_is_off_slows_down_all_the_same(new_world: type[World]) -> None:
    """There is no limit of the policy to lower; a block must be heard all the same."""
    world = new_world(text(new_world, {"domain-limit": "off", "service-limit": "off"}))
    assert 60 == a_minute(world, "before", 1000)
    world.feedback("bounce", **BLOCKED)
    assert 6 == pytest.approx(a_minute(world, "after", 1000), abs=1)


def test_the_sentence_names_the_domain_its_answer_and_what_is_left(new_world: type[World]) -> None:
    """Until when, too; and retry_at is the slot."""
    world = new_world(text(new_world, domain="60/min", service=GENEROUS))
    a_minute(world, "before", 1000)
    world.feedback("bounce", **SPEEDING | {"reason": "blocked", "status": "4.7.28"})
    first, second, third = sent(world, 3)
    assert "send" == first.action
    assert "slow-down" == second.rules[0].id
    assert second.rules[0].text == (
        "example.com has answered that we send too fast (blocked, 4.7.28) at 08:01 UTC; its limit is at 50 %, 30 a "
        "minute, until 09:01 UTC; there is room again in 2.0 s."
    )
    assert [2.0, 4.0] == [verdict.retry_at - world.now / 1000 for verdict in (second, third) if verdict.retry_at]


def test_whoever_comes_back_at_retry_at_gets_through(new_world: type[World]) -> None:
    """With nobody else about; and their times come closer to each other as the limit climbs."""
    world = new_world(text(new_world, domain="60/min", service=GENEROUS))
    a_minute(world, "before", 1000)
    world.feedback("bounce", **BLOCKED)
    world.wait(HOUR - 2 * MINUTE)
    deferred = [verdict for verdict in sent(world, 60) if verdict.action == "defer"]
    times = [verdict.retry_at for verdict in deferred if verdict.retry_at]
    gaps = [round(after - before) for before, after in pairwise(times)]
    assert {10, 5} == set(gaps)
    assert sorted(gaps, reverse=True) == gaps
    for verdict in deferred:
        world.now = round((verdict.retry_at or 0) * 1000)
        assert "send" == world.intent(verdict.id, to=verdict.to, attempt=2).action


def test_it_climbs_back_in_steps(new_world: type[World]) -> None:
    """A tenth for an hour, then twice that every quarter of an hour, until it is whole and forgotten."""
    world = new_world(text(new_world, domain="60/min", service=GENEROUS))
    a_minute(world, "before", 1000)
    world.feedback("bounce", **BLOCKED)
    steps = []
    for number in range(6):
        world.wait((HOUR if number == 0 else 15 * MINUTE) - MINUTE + 1000 * (number == 0))
        steps.append(a_minute(world, f"step{number}-", 250))
    assert steps == [pytest.approx(share, abs=1) for share in (6, 12, 24, 48, 60, 60)]
    assert slowed(world) is None


def test_what_goes_while_it_is_slow_is_not_taken_for_usual(new_world: type[World]) -> None:
    """Blocked again as soon as it is whole: a tenth of what it got before the first time, not of what was left."""
    world = new_world(text(new_world, **FREE))
    a_minute(world, "before", 1000)
    world.feedback("bounce", **BLOCKED)
    for number in range(21):
        sent(world, 1, f"slow{number}-")
        world.wait(5 * MINUTE)
    sent(world, 1, "whole")
    assert slowed(world) is None
    world.feedback("bounce", id="again", **BLOCKED)
    assert slowed(world).per_minute == pytest.approx(60, abs=5)  # type: ignore[union-attr]


def test_answers_about_the_same_stretch_lower_it_once(new_world: type[World]) -> None:
    """A hundred messages were under way: a hundred answers. One that comes after it has settled lowers it further."""
    world = new_world(text(new_world, **FREE))
    a_minute(world, "before", 1000)
    for number in range(100):
        world.feedback("bounce", id=f"a{number}", **SPEEDING)
    assert 500 == slowed(world).speed  # type: ignore[union-attr]
    world.wait(10 * MINUTE)
    world.feedback("bounce", id="later", **SPEEDING)
    assert 250 == slowed(world).speed  # type: ignore[union-attr]
    world.feedback("bounce", id="harsher", **BLOCKED)
    assert 100 == slowed(world).speed  # type: ignore[union-attr]


def test_a_few_answers_among_thousands_say_nothing(new_world: type[World]) -> None:
    """Two of a thousand in the busiest minute; the third one does."""
    world = new_world(text(new_world, **FREE))
    world.append(*(world.intent_record(f"m{n}", to=f"m{n}@example.com", at=world.now) for n in range(1000)))
    for number, speed_left in enumerate((1000, 1000, 500)):
        world.feedback("bounce", id=f"a{number}", **SPEEDING)
        assert speed_left == slowed(world).speed  # type: ignore[union-attr]
    world.wait(1000)
    assert "send" == sent(world, 1, "next")[0].action


@pytest.mark.parametrize(
    "fields",
    [
        {"scope": "recipient", "reason": "speeding"},
        {"scope": "us", "reason": "authfailure", "status": "5.7.26"},
        {"scope": "us", "reason": "speeding", "status": "4.2.1"},
        {"scope": "transient", "reason": "expired", "status": "4.4.7"},
        {"scope": "us", "reason": "speeding", "occurred_at": 1_800_000_000_000 - 2 * HOUR},
    ],
)
def test_what_says_nothing_of_our_speed_slows_nothing(world: World, fields: dict[str, Any]) -> None:
    """Another fault of ours, a mailbox that gets too much (x.2.z), an answer that comes hours late."""
    sent(world, 5)
    world.feedback("bounce", **fields)
    assert slowed(world) is None


def test_a_domain_that_gets_little_is_not_slowed_down_below_what_overruns_nobody(new_world: type[World]) -> None:
    """Ten a minute in the shipped policy; and no share is told that is none."""
    world = new_world(new_world.policy_text(**FREE))
    sent(world, 3)
    world.feedback("bounce", **BLOCKED)
    assert 10 == pytest.approx(a_minute(world, "after", 500), abs=1)
    assert "; its limit is 10 a minute, until 09:00 UTC;" in sent(world, 2, "c")[1].rules[0].text


def test_our_own_rejections_slow_nothing(new_world: type[World]) -> None:
    """What Sidestep has stopped was no message, and where none went nothing was answered."""
    world = new_world(text(new_world, domain="1/hour", service=GENEROUS))
    sent(world, 1)
    assert 0 == approved(sent(world, 20, "stopped"))
    assert slowed(world) is None
    world.intent("x", to="x@example.org", mx="no")
    world.feedback("bounce", to="x@example.org", **BLOCKED)
    assert slowed(world, b"example.org") is None


def test_with_the_rule_off_nobody_listens(new_world: type[World]) -> None:
    """Neither to a domain's server nor to what Watch has found; and what was heard before counts no more."""
    world = new_world(text(new_world, **FREE))
    sent(world, 5)
    world.feedback("bounce", id="heard", **BLOCKED)
    world.append(new_world.policy_record(text(new_world, {"slow-down": "off"}, **FREE), world.now))
    world.append(PaceRecord(at=world.now, providers={"google": slow_pace(world)}))
    assert 20 == approved(sent(world, 20, "after", mx=hosted(world)))


def hosted(world: World) -> MxFinding:
    """A domain whose mail Google runs."""
    return MxFinding("yes", "mx", world.now, 300, ("mx.google.com",), "google")


def slow_pace(world: World, **fields: Any) -> Pace:
    """Half of sixty a minute for an hour."""
    given: dict[str, Any] = {"speed": 500, "per_minute": 60, "until": world.now + HOUR, "double_after": 900}
    return Pace(**given | {"reason": "has answered"} | fields)


def test_a_provider_is_slowed_down_for_all_its_domains(new_world: type[World]) -> None:
    """Those with a limit of their own among them: it is the provider that has said so."""
    world = new_world(text(new_world, **FREE))
    reason = "has answered that we send too fast at 07:59 UTC"
    world.append(PaceRecord(at=world.now, providers={"google": slow_pace(world, reason=reason)}))
    names = ["one.example", "gmail.com", "two.example"]
    verdicts = [world.intent(name, to=f"jane@{name}", mx=hosted(world)) for name in names]
    assert ["send", "defer", "defer"] == [verdict.action for verdict in verdicts]
    assert "slow-down" == verdicts[1].rules[0].id
    assert verdicts[1].rules[0].text == (
        "google has answered that we send too fast at 07:59 UTC; its limit is at 50 %, 30 a minute, until 09:00 UTC; "
        "there is room again in 2.0 s."
    )
    assert "send" == world.intent("other", to="jane@three.example").action
    assert [2, 4] == [round(verdict.retry_at - world.now / 1000) for verdict in verdicts if verdict.retry_at]
    world.wait(HOUR)
    assert 60 == a_minute(world, "whole", 1000, mx=hosted(world))


def test_the_pace_holds_for_who_opens_the_partition_next(new_world: type[World]) -> None:
    """It stands in the ledger; the next record takes the place of the whole of it."""
    world = new_world(text(new_world, **FREE))
    world.append(PaceRecord(at=world.now, providers={"google": slow_pace(world)}))
    world.judge = type(world.judge)(world.ledger, 4)
    assert 1 == approved(sent(world, 9, mx=hosted(world)))
    world.append(PaceRecord(at=world.now))
    assert 9 == approved(sent(world, 9, "free", mx=hosted(world)))


def test_a_partition_gets_the_part_that_the_pace_gives_it(new_world: type[World]) -> None:
    """Of four partitions an equal part would be one message of four."""
    world = new_world(None)
    world.append(new_world.policy_record(text(new_world, provider="400/min,max_burst=8"), partitions=4))
    assert 2 == approved(sent(world, 9, "equal", mx=hosted(world)))
    world.wait(MINUTE)
    world.append(PaceRecord(at=world.now, providers={"google": Pace(share=750_000)}))
    assert 6 == approved(sent(world, 9, "most", mx=hosted(world)))
    assert 300 == pytest.approx(a_minute(world, "on", 100, mx=hosted(world)), abs=1)


@given(st.integers(1, WHOLE), st.integers(0, 10**5), st.integers(1, 5000), st.integers(0, 2 * 10**5))
def test_a_speed_only_climbs_and_says_when(lowered: int, until: int, step: int, now: int) -> None:
    """By itself it never falls; between two steps it stays."""
    here, there = speed(lowered, until, step, now), faster_at(until, step, now)
    assert lowered <= here <= WHOLE
    assert here == speed(lowered, until, step, there - 1)
    assert min(WHOLE, 2 * here) == speed(lowered, until, step, there) or now < until
    assert there > now
