"""What comes back marks somebody only where it is of a message of ours: tied by a token, or by what the ledger has
approved. Each attack here worked before there was [feedback]."""

import re
from typing import Any

import pytest

from sidestep.schemas import TrapRecord
from sidestep.streams.decide.policy_text import parse, problems
from sidestep.streams.decide.tables import BOUNCE_HISTORY, DOMAIN_RATES, RecipientRow
from tests.decide.world import DAY, SHIPPED_TEXT, World

JANE = World.keys.recipient("jane@example.com")
HARD: dict[str, Any] = {"hard": True, "scope": "recipient", "reason": "userunknown"}
ATTACKS: dict[str, tuple[str, dict[str, Any]]] = {
    "hard bounce": ("bounce", HARD),
    "suspension": ("bounce", {"scope": "recipient", "reason": "suspend"}),
    "complaint": ("complaint", {}),
    "opt-out": ("unsubscribed", {}),
}
NEED = 'needs = "approval"'
OLD = re.sub(r"(?ms)^\[feedback\].*?(?=^# -)", "", SHIPPED_TEXT)
"""A policy from before there was the section."""


def needing(need: str, **lists: str) -> str:
    """The shipped policy with another `needs`, and somebody named in lists."""
    text = SHIPPED_TEXT.replace(NEED, f'needs = "{need}"')
    for name, whom in lists.items():
        text, count = re.subn(rf"(?m)^{name} = \[.*?\]", f'{name} = ["{whom}"]', text)
        assert count == 1, name
    return text


def reports(world: World, event: str, **fields: Any) -> None:
    """Somebody says something, without a token."""
    world.feedback(event, **{"tied": "", "tied_at": 0} | fields)


def marked(world: World) -> bool:
    """Whether the next newsletter is stopped."""
    world.wait(1000)
    return world.intent(f"after-{world.now}", stream="newsletter").action == "drop"


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("service", ["", "shop"])
def test_nobody_can_block_an_address_that_was_never_mailed(world: World, attack: str, service: str) -> None:
    """Whoever can write to the topic, or send mail to the bounce mailbox; it used to be blocked for 730 days. The
    verdict says what was tried."""
    event, fields = ATTACKS[attack]
    reports(world, event, service=service, **fields)
    verdict = world.intent(stream="newsletter")
    assert ("send", ["stray-report"]) == (verdict.action, [rule.id for rule in verdict.rules])
    assert "stops no mail" in verdict.rules[0].text
    assert 0.05 == verdict.risk, "as of any other stranger"


@pytest.mark.parametrize("attack", ATTACKS)
def test_by_an_old_policy_all_are_believed_as_ever(new_world: type[World], attack: str) -> None:
    """Old logs fold to the same verdicts: their policies say nothing about it."""
    event, fields = ATTACKS[attack]
    assert problems(OLD) == ["[feedback]: the section is missing"]
    world = new_world(OLD)
    reports(world, event, **fields)
    assert marked(world)


def test_a_hundred_victims_in_one_mail(world: World) -> None:
    """From: MAILER-DAEMON@attacker, a line for each: nobody is blocked, no domain and no service looks worse."""
    for number in range(100):
        reports(world, "bounce", id=str(number), to=f"u{number}@example.com", **HARD)
    world.tick()
    assert {"send"} == {world.intent(f"{number}", to=f"u{number}@example.com").action for number in range(100)}
    assert 0 == world.row(DOMAIN_RATES, b"example.com").hard_bounces
    assert [] == [tally for tally in world.totals() if tally.hard_bounces or tally.returns.hard_bounces]


def test_bursts_are_counted_by_who_tells_them(world: World) -> None:
    """For Watch, which reports them: once each, in the tally of all services."""
    ways: list[dict[str, Any]] = [{}, {"service": "shop"}, {"door": "lmtp"}, {"proved": "receiver", "door": "lmtp"}]
    for number, way in enumerate(ways * 2):
        reports(world, "complaint", id=str(number % 5), **way)
    reports(world, "bounce", id="trap", **HARD)
    world.tick()
    assert {"nobody": 3, "shop": 1, "door:lmtp": 1, "key:receiver": 1} == world.totals()[-1].stray
    assert [] == [tally for tally in world.tallies() if tally.stray]


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("service", ["", "shop"])
def test_a_set_up_without_tokens_learns_from_its_own_bounces(world: World, attack: str, service: str) -> None:
    """The ledger knows what it has approved."""
    event, fields = ATTACKS[attack]
    world.intent()
    world.wait(DAY)
    reports(world, event, service=service, **fields)
    assert marked(world)


def test_a_service_speaks_of_its_own_messages_alone(world: World) -> None:
    """Of every service that has mailed somebody lately, not of the last one only."""
    for service in ("shop", "billing", "shop", "club"):
        world.intent(f"{service}-{world.now}", service=service)
        world.wait(DAY)
    reports(world, "complaint", service="stranger")
    assert not marked(world)
    reports(world, "complaint", service="billing", id="2")
    assert marked(world)


@pytest.mark.parametrize(
    ("event", "fields", "days"), [("bounce", HARD, 7), ("complaint", {}, 365), ("unsubscribed", {}, 365)]
)
def test_an_old_message_bounces_no_more(new_world: type[World], event: str, fields: Any, days: int) -> None:
    """Servers give up after days; what people do takes longer, but not for ever."""
    for late, stopped in ((days * DAY, True), (days * DAY + 2000, False)):
        world = new_world()
        world.intent()
        world.wait(late)
        reports(world, event, **fields)
        assert stopped is marked(world)


def test_what_happened_before_the_first_message_is_of_none(world: World) -> None:
    """A report can be told late, but not of what was never sent."""
    world.intent()
    world.wait(DAY)
    reports(world, "complaint", occurred_at=world.now - 3 * DAY)
    assert not marked(world)


def test_a_test_is_no_message(world: World) -> None:
    """Nobody gets an address approved by asking."""
    world.intent(test=True)
    reports(world, "complaint", service="shop")
    assert not marked(world)


def test_a_token_ties_even_where_the_ledger_has_forgotten(world: World) -> None:
    """It tells its day: within so many days of that."""
    world.feedback("bounce", tied_at=world.now // DAY * DAY - 6 * DAY, **HARD)
    assert marked(world)


def test_an_old_token_and_another_ones_token_tie_to_nothing(new_world: type[World]) -> None:
    """Also where the ledger knows of a message: whoever sends such a thing plays an old one again, or forges."""
    for tie in (
        {"tied_at": World.start - 10 * DAY},
        {"tied": "wrong-token", "tied_at": 0},
        {"tied_at": World.start + DAY},
    ):
        world = new_world()
        world.intent()
        world.feedback("bounce", **HARD | tie)
        assert not marked(world)


def test_a_bounce_that_is_played_again_after_eight_days_counts_no_more(world: World) -> None:
    """Its id is forgotten by then, and it says no time: it used to count as of now, for two years more."""
    made = world.now // DAY * DAY
    world.intent()
    world.feedback("bounce", id="dsn", tied_at=made, **HARD)
    before = _row(world)
    world.wait(8 * DAY + 2000)
    world.feedback("bounce", id="dsn", tied_at=made, **HARD)
    reports(world, "bounce", id="dsn-without-token", **HARD)
    assert before.hard_bounces_at == _row(world).hard_bounces_at


def test_who_only_claims_something_does_not_use_up_its_id(world: World) -> None:
    """A stray report may be told first: the real one, under the same id, still counts, and once."""
    reports(world, "complaint", id="fb-77")
    reports(world, "complaint", id="fb-77")
    assert [1] == [stray.times for stray in [_row(world).stray] if stray is not None]
    world.intent()
    for _ in range(2):
        reports(world, "complaint", id="fb-77")
    assert marked(world)
    assert 1 == world.row(DOMAIN_RATES, b"example.com").complaints


def test_a_complaint_is_taken_back_by_who_could_make_it(new_world: type[World]) -> None:
    """A forged `not-spam` is nothing."""
    for tied, stopped in (("", True), ("wrong-token", True), ("token", False)):
        world = new_world(needing("token"))
        world.feedback("complaint")
        world.feedback("not-spam", tied=tied)
        assert stopped is marked(world)


def _hit(world: World, **fields: Any) -> None:
    key = world.keys.event("hit", str(world.now))
    world.append(TrapRecord("example.com", "email-bounces/0/1", world.now, JANE, event_key=key, **fields))


def test_a_trap_hit_has_to_be_of_a_message_of_ours_too(world: World) -> None:
    """As a provider reports it; what a person says is believed."""
    _hit(world)
    verdict = world.intent()
    assert ("send", ["stray-report"]) == (verdict.action, [rule.id for rule in verdict.rules])
    world.wait(1000)
    _hit(world)
    assert "known-trap" == world.intent("2").rules[0].id


@pytest.mark.parametrize(
    ("need", "counts"),
    [
        ("nothing", [True, True, True, True, True]),
        ("approval", [False, True, False, True, True]),
        ("proof", [False, False, False, True, True]),
        ("token", [False, False, False, False, True]),
    ],
)
def test_the_policy_says_what_a_report_needs(new_world: type[World], need: str, counts: list[bool]) -> None:
    """Nothing at all; a message; nothing but a signature; both; a token."""
    ways: list[tuple[bool, dict[str, Any]]] = [
        (False, {"tied": ""}),
        (True, {"tied": ""}),
        (False, {"tied": "", "proved": "receiver"}),
        (True, {"tied": "", "proved": "receiver"}),
        (False, {}),
    ]
    found = []
    for mailed, fields in ways:
        world = new_world(needing(need))
        if mailed:
            world.intent()
        world.feedback("complaint", **fields)
        found.append(marked(world))
    assert counts == found


@pytest.mark.parametrize(
    ("text", "fields", "counts"),
    [
        (SHIPPED_TEXT, {"door": "lmtp"}, False),
        (SHIPPED_TEXT, {"door": "lmtp", "proved": "receiver"}, False),
        (SHIPPED_TEXT, {"door": "shop-ses"}, True),
        (needing("token", needs_approval="door:shop-ses"), {"door": "shop-ses"}, False),
        (needing("token", needs_approval="door:shop-ses"), {"door": "shop-ses", "proved": "receiver"}, True),
        (needing("token", needs_approval="key:mailer"), {"proved": "mailer"}, True),
        (needing("token", needs_approval="key:mailer"), {"proved": "other"}, False),
        (needing("approval", needs_token="shop"), {"service": "shop"}, False),
        (needing("approval", needs_token="shop"), {"service": ""}, True),
    ],
)
def test_some_need_more_or_less(new_world: type[World], text: str, fields: dict[str, Any], counts: bool) -> None:
    """By service, door and key. A name without a signature is a claim: nobody needs less for it."""
    world = new_world(text)
    world.intent()
    reports(world, "complaint", **fields)
    assert counts is marked(world)


def test_who_stands_in_two_lists_needs_more() -> None:
    """Whatever their order."""
    text = needing("approval", needs_nothing="shop", needs_token="shop")
    assert {"shop": "token"} == parse(text).believing.of


def test_signs_of_life_need_nothing(world: World) -> None:
    """They stop no mail; a forged one makes nobody a victim."""
    reports(world, "opened")
    assert _row(world).last_engaged


def _row(world: World) -> RecipientRow:
    return world.row(BOUNCE_HISTORY, JANE)
