"""Warm-up: a service that is new to an MX provider sends it so many messages a day, more from day to day."""

from itertools import pairwise
from typing import Any

import pytest

from sidestep.schemas import MxFinding, Verdict
from sidestep.streams.decide.keys import service_provider_key
from sidestep.streams.decide.tables import SERVICES
from tests.decide.world import GENEROUS, World, approved

HOUR, DAY = 3_600_000, 86_400_000
RAMP = "caps = [4, 8]\ngrowth = 2.0\ndays = 4\nused = 0.5\nidle_days = 30\n"


def text(new_world: type[World], services: str = '["shop"]', modes: dict[str, str] | None = None) -> str:
    """A policy that has nobody wait but for a ramp of 4, 8, 16 and 32 messages."""
    shipped = new_world.policy_text(modes, domain=GENEROUS, service=GENEROUS)
    head, _, tail = shipped.partition("\n[warm-up]")
    return f"{head}\n[warm-up]\nservices = {services}\n{RAMP}\n# ---{tail.partition('# ---')[2]}"


def google(world: World) -> MxFinding:
    """Google runs the domain's mail."""
    return MxFinding("yes", "mx", world.now, 300, ("mx.google.com",), "google")


def offer(world: World, count: int, name: str, **fields: Any) -> list[Verdict]:
    """So many intents at this moment, each to a domain of its own that Google hosts."""
    return [
        world.intent(f"{name}{n}", **{"to": f"jane@{name}{n}.example", "mx": google(world)} | fields)
        for n in range(count)
    ]


def test_the_cap_grows_with_each_day_of_sending_until_there_is_none(new_world: type[World]) -> None:
    """4, 8, and from there twice as many each day; the day after the last one is free."""
    world = new_world(text(new_world))
    days = []
    for day in range(6):
        days.append(approved(offer(world, 40, f"day{day}-")))
        world.wait(DAY)
    assert [4, 8, 16, 32, 40, 40] == days


def test_the_sentence_names_service_provider_cap_and_day(new_world: type[World]) -> None:
    """And retry_at is tomorrow, by UTC."""
    world = new_world(text(new_world))
    fifth = offer(world, 5, "a")[-1]
    assert ("defer", "warm-up") == (fifth.action, fifth.rules[0].id)
    assert fifth.rules[0].text == (
        "shop is new at google and sends 4 messages on day 1 of its warm-up; there is room again tomorrow."
    )
    assert (world.now // DAY + 1) * DAY == (fifth.retry_at or 0) * 1000


def test_what_waits_comes_back_spread_over_the_next_day(new_world: type[World]) -> None:
    """Each at a time of its own, as far apart as that day's cap has them; and with nobody else about it goes out."""
    world = new_world(text(new_world))
    deferred = [verdict for verdict in offer(world, 12, "a") if verdict.retry_at]
    assert 8 == len(deferred)
    times = [verdict.retry_at or 0 for verdict in deferred]
    assert {86_400 / 8} == {after - before for before, after in pairwise(times)}
    for verdict in deferred:
        world.now = round((verdict.retry_at or 0) * 1000)
        assert "send" == world.intent(verdict.id, to=verdict.to, attempt=2, mx=google(world)).action


def test_a_day_counts_if_enough_went_out(new_world: type[World]) -> None:
    """Half of its cap; who sends three of eight has eight on the next day, too."""
    world = new_world(text(new_world))
    for day, (count, sent) in enumerate([(4, 4), (3, 3), (3, 3), (9, 8), (40, 16)]):
        assert sent == approved(offer(world, count, f"day{day}-"))
        world.wait(DAY)


@pytest.mark.parametrize(("idle", "sent"), [(30, 8), (31, 4)])
def test_who_was_idle_for_long_begins_again(new_world: type[World], idle: int, sent: int) -> None:
    """Until then it goes on where it was."""
    world = new_world(text(new_world))
    assert 4 == approved(offer(world, 9, "a"))
    world.wait(idle * DAY)
    assert sent == approved(offer(world, 9, "b"))


def test_who_is_through_and_idle_begins_again_too(new_world: type[World]) -> None:
    """Providers forget."""
    world = new_world(text(new_world))
    for day in range(5):
        offer(world, 40, f"day{day}-")
        world.wait(DAY)
    world.wait(40 * DAY)
    assert 4 == approved(offer(world, 40, "again"))


@pytest.mark.parametrize(
    ("services", "sent"),
    [
        ("[]", (9, 9, 9)),
        ('["shop"]', (4, 4, 9)),
        ('["shop@google"]', (4, 9, 9)),
        ('["shop@microsoft"]', (9, 9, 9)),
        ('["bank"]', (9, 9, 4)),
    ],
)
def test_only_who_is_named_warms_up(new_world: type[World], services: str, sent: tuple[int, ...]) -> None:
    """A service everywhere, or at one provider; by default nobody: who has sent for years must not be held back."""
    world = new_world(text(new_world, services))
    other = MxFinding("yes", "mx", world.now, 300, ("mx.zoho.com",), "zoho")
    counts = offer(world, 9, "g"), offer(world, 9, "z", mx=other), offer(world, 9, "b", service="bank")
    assert sent == tuple(map(approved, counts))


def test_the_shipped_policy_warms_up_nobody(new_world: type[World]) -> None:
    """Whoever installs it has sent mail before."""
    world = new_world(new_world.policy_text(domain=GENEROUS, service=GENEROUS))
    assert 600 == approved(world.append(*(
        world.intent_record(str(n), to=f"jane@d{n}.example", mx=google(world), at=world.now) for n in range(600)
    )))  # fmt: skip


def test_a_domain_without_a_known_provider_is_its_own(new_world: type[World]) -> None:
    """Its own cap, as has one with a limit of its own."""
    mine = text(new_world).replace(
        f'default = "{GENEROUS}"', f'default = "{GENEROUS}"\n"big.example" = "{GENEROUS}"', 1
    )
    world = new_world(mine)
    assert 4 == approved(offer(world, 9, "a", to="jane@one.example", mx="yes"))
    assert 4 == approved(offer(world, 9, "b", to="jane@two.example", mx="yes"))
    assert 4 == approved(offer(world, 9, "c"))
    assert 4 == approved(offer(world, 9, "d", to="jane@big.example"))


def test_partitions_share_the_cap_in_equal_parts(new_world: type[World]) -> None:
    """A message at least for each; but a domain that is its own lies in one of them as a whole."""
    world = new_world(None)
    world.append(new_world.policy_record(text(new_world), partitions=2))
    verdicts = offer(world, 9, "a")
    assert 2 == approved(verdicts)
    assert (
        "sends 4 messages on day 1 of its warm-up, 2 of them in this partition of the log" in verdicts[-1].rules[0].text
    )
    assert 4 == approved(offer(world, 9, "b", to="jane@one.example", mx="yes"))


def test_what_does_not_go_out_and_tests_take_nothing_of_the_cap(new_world: type[World]) -> None:
    """Neither what another limit stops."""
    world = new_world(text(new_world).replace(GENEROUS, "1/hour", 1))
    for name in "abc":
        assert 1 == approved(offer(world, 3, name, to="jane@one.example"))
        world.wait(HOUR)
    offer(world, 3, "test", test=True)
    offer(world, 3, "dropped", classes=("disposable",))
    assert 1 == approved(offer(world, 1, "fourth"))
    assert "warm-up" == offer(world, 1, "fifth")[0].rules[0].id


def test_it_is_kept_in_the_ledger_as_long_as_other_rows(new_world: type[World]) -> None:
    """The next judge goes on with it; a rule that is off keeps nothing."""
    world = new_world(text(new_world))
    offer(world, 3, "a")
    world.judge = type(world.judge)(world.ledger, 4)
    assert 1 == approved(offer(world, 3, "b"))
    key = service_provider_key("shop", "google")
    assert 4 == world.row(SERVICES, key).warm_up.sent  # type: ignore[union-attr]
    off = new_world(text(new_world, modes={"warm-up": "off"}))
    assert 9 == approved(offer(off, 9, "a"))
    assert not off.knows(SERVICES, key)
