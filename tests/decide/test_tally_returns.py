"""What came back: by whose source, campaign and provider it is counted, what is learnt from it, which ids are named."""

from typing import Any

import msgspec
import pytest

from sidestep.schemas import Outcomes, Tally, TrapRecord
from sidestep.schemas.tallies import Learnt, Returns, ReturnsByName
from sidestep.streams.decide.policy_text import parse
from sidestep.streams.decide.risk import PARTS, SIGNALS, SPEAKS_FOR
from sidestep.streams.decide.tables import BOUNCE_HISTORY, OPEN_TALLIES
from sidestep.streams.decide.tally_counts import SAMPLES
from sidestep.streams.decide.tally_returns import REFUSED, TOO_FAST, UNUSUAL_RATE
from sidestep.streams.decide.tally_rows import OpenBreakdown, TallyRow
from sidestep.streams.screen.feedback.reasons import load_reasons
from tests.decide.world import GOOGLE, World

YEAR = 366 * 86_400_000


def last(world: World) -> tuple[Tally, Tally]:
    """The second is over: the last tally of a service, and that of all together."""
    world.tick()
    return world.tallies()[-1], world.totals()[-1]


def test_feedback_counts_for_the_source_of_the_last_message(world: World) -> None:
    """Of the same service; the provider is the domain's, whoever wrote."""
    world.intent("1", source="form", campaign="may", mx=GOOGLE)
    world.intent("2", source="import", campaign="june", mx=GOOGLE)
    world.feedback("bounce", id="1", service="shop", hard=True, scope="recipient", intent_id="2")
    shops, _ = last(world)
    one = Returns(hard_bounces=1)
    assert one == shops.returns
    assert ReturnsByName({"import": one}) == shops.returns_by_source
    assert ReturnsByName({"june": one}) == shops.returns_by_campaign
    assert ReturnsByName({"google": one}) == shops.returns_by_provider
    assert ["2"] == shops.samples["hard-bounce"]


def test_feedback_of_another_service_is_of_no_known_source(world: World) -> None:
    """Its own messages to the mailbox were earlier ones."""
    world.intent("1", source="form", service="bank")
    world.feedback("complaint", service="shop")
    world.tick()
    shops = world.tallies()[-1]
    assert ("shop", Returns(complaints=1), {}) == (shops.service, shops.returns, shops.returns_by_source.named)


def test_feedback_without_a_service_counts_for_whoever_wrote_last(world: World) -> None:
    """Few complaints name a service; as an event it stays nobody's."""
    world.intent("1", source="form", service="bank")
    world.feedback("complaint", intent_id="1")
    banks, everybodys = last(world)
    assert ReturnsByName({"form": Returns(complaints=1)}) == banks.returns_by_source
    assert ({}, {"complaint": 1}) == (banks.events, everybodys.events)
    assert ["1"] == everybodys.samples["complaint"]


@pytest.mark.parametrize(
    ("event", "fields", "wanted"),
    [
        ("delivered", {}, Returns(delivered=1)),
        ("opened", {}, Returns(engaged=1)),
        ("replied", {}, Returns(engaged=1)),
        ("unsubscribed", {}, Returns()),
        ("not-spam", {}, Returns()),
        ("complaint", {}, Returns(complaints=1)),
        ("bounce", {"hard": True, "scope": "recipient"}, Returns(hard_bounces=1)),
        ("bounce", {"scope": "us", "reason": "blocked"}, Returns(soft_bounces=1, blocks=1, refusals=1)),
        ("bounce", {"scope": "us", "reason": "authfailure"}, Returns(soft_bounces=1, blocks=1)),
        (
            "bounce",
            {"scope": "us", "reason": "blocked", "status": "4.7.28"},
            Returns(soft_bounces=1, blocks=1, slow_downs=1),
        ),
        ("bounce", {"scope": "us", "reason": "speeding", "status": "4.2.1"}, Returns(soft_bounces=1, blocks=1)),
        ("bounce", {"scope": "us", "reason": "speeding"}, Returns(soft_bounces=1, blocks=1, slow_downs=1)),
        ("bounce", {"scope": "transient", "reason": "expired"}, Returns(soft_bounces=1)),
    ],
)
def test_each_event_counts_as_what_it_is(world: World, event: str, fields: dict[str, Any], wanted: Returns) -> None:
    """Also of somebody who was never written to."""
    world.feedback(event, service="shop", **fields)
    shops, _ = last(world)
    assert wanted == shops.returns


def test_blocks_are_shown_by_messages(world: World) -> None:
    """Of all services, too: what a provider thinks of the company is looked at there."""
    world.feedback("bounce", service="shop", intent_id="7", scope="us", reason="blocked")
    world.feedback("bounce", service="shop", intent_id="8", scope="recipient", reason="full")
    shops, everybodys = last(world)
    assert {"block": ["7"]} == shops.samples == everybodys.samples


def test_reasons_that_say_too_fast_are_of_the_vocabulary() -> None:
    """Screen's, which Decide can't import; and the same that slow a domain down in the policy that ships."""
    assert TOO_FAST | REFUSED <= load_reasons().names()
    rules = parse(World.policy_text()).slow_down
    assert (sorted([*TOO_FAST, f"x.{UNUSUAL_RATE}"]), sorted(REFUSED)) == (
        sorted(rules.too_fast),
        sorted(rules.blocked),
    )


LEARNT = [
    ("bounce", {"hard": True, "scope": "recipient"}, Learnt(bad=1, expected=193)),
    ("bounce", {"hard": True, "scope": "us"}, None),
    ("bounce", {"scope": "recipient", "reason": "mailboxfull"}, None),
    ("delivered", {}, None),
    ("not-spam", {}, None),
    ("opened", {}, Learnt(good=1, expected=193)),
    ("complaint", {}, Learnt(good=1, expected=193)),
    ("unsubscribed", {}, Learnt(good=1, expected=193)),
]


@pytest.mark.parametrize(("event", "fields", "wanted"), LEARNT, ids=[str(event) for event, _, _ in LEARNT])
def test_an_outcome_is_learnt_from_once(
    world: World, event: str, fields: dict[str, Any], wanted: Learnt | None
) -> None:
    """By the signals that the last message was sent with, in the tally of all services alone."""
    world.intent("1", classes=("role",))
    world.feedback(event, service="shop", id="a", **fields)
    world.feedback(event, service="shop", id="b", **fields)
    shops, everybodys = last(world)
    assert {} == shops.learnt
    assert ({"never-mailed+role-address": wanted} if wanted else {}) == everybodys.learnt


def test_a_message_without_signals_is_learnt_from_too(world: World) -> None:
    """What has none is what the others are compared with."""
    world.intent("1")
    world.intent("2")
    world.feedback("opened")
    _, everybodys = last(world)
    assert {"": Learnt(good=1, expected=5)} == everybodys.learnt


def test_a_trap_is_the_outcome_of_the_last_message(world: World) -> None:
    """Told twice by hand it is one; what is told of a stranger, of a whole domain, or taken back, is nobody's message.
    What a provider reports is a hit each time."""
    world.intent("1", source="import", mx=GOOGLE)
    key = world.keys.recipient("jane@example.com")
    told = TrapRecord("example.com", "ops", world.now, key)
    world.append(
        TrapRecord("example.com", "ops", world.now),
        TrapRecord("example.com", "ops", world.now, world.keys.recipient("nobody@example.com")),
        TrapRecord("example.com", "ops", world.now, key, lifted=True),
    )
    world.append(told)
    world.append(told)
    world.append(msgspec.structs.replace(told, event_key=b"1"))
    world.append(msgspec.structs.replace(told, event_key=b"1"))
    shops, everybodys = last(world)
    assert ReturnsByName({"import": Returns(traps=2)}) == shops.returns_by_source
    assert ReturnsByName({"google": Returns(traps=2)}) == everybodys.returns_by_provider
    assert {"never-mailed": Learnt(bad=1, traps=1, expected=50)} == everybodys.learnt
    assert 0 == world.row(BOUNCE_HISTORY, key).awaiting


def test_a_mailbox_that_is_filled_up_is_named(world: World) -> None:
    """From the policy's figure on, by whom ever; an hour later it is none any more, and a second attempt never."""
    for number in range(8):
        world.intent(str(number), service=f"shop-{number % 7}")
    world.tick()
    assert not any(tally.bombed for tally in world.totals())
    world.intent("20", service="bank")
    world.intent("21", service="shop", mx="no")
    world.intent("21", service="shop", mx="no", attempt=2)
    world.tick()
    (key,) = world.totals()[-1].bombed
    assert [{key: 9}, {key: 10}] == [tally.bombed for tally in world.tallies()[-2:]]
    assert {key: 10} == world.totals()[-1].bombed
    assert ["20", "21"] == world.totals()[-1].samples["bombed"]
    world.wait(3_600_000)
    world.intent("22", service="bank")
    assert {} == last(world)[0].bombed


def test_a_mailbox_on_call_is_not_filled_up(world: World) -> None:
    """It has a bad hour: many messages from who always writes to it, and one or two others."""
    world.intent("first", service="alerts")
    world.wait(2 * 86_400_000)
    for number in range(40):
        world.intent(str(number), service="alerts")
    world.intent("news", service="news")
    assert {} == last(world)[0].bombed
    world.intent("sign-up", service="shop", source="form")
    assert 1 == len(last(world)[0].bombed)


def test_the_dead_and_the_dormant_are_counted(world: World) -> None:
    """Whether they are stopped or not: they say what a list is worth."""
    world.intent("1")
    world.intent("2", to="gone@example.com")
    world.feedback("bounce", to="gone@example.com", hard=True, scope="recipient")
    world.wait(YEAR)
    world.intent("3")
    world.intent("4", to="gone@example.com")
    world.intent("5", to="jane@nowhere.example", mx="no")
    shops, _ = last(world)
    assert Outcomes(approved=1, dropped=2, unknown=2, dormant=2, risk=300) == shops.intents
    assert {"unknown": ["4", "5"], "dormant": ["3", "4"], "risky": ["3", "4"]} == shops.samples
    assert {"dormant": 2, "never-mailed": 1, "old-bounce": 1} == shops.signals


def test_few_ids_are_kept_as_examples(world: World) -> None:
    """The first ones of a second."""
    for number in range(9):
        world.intent(str(number), to=f"u{number}@example.com")
    shops, everybodys = last(world)
    assert {"never-mailed": ["0", "1", "2"]} == shops.samples == everybodys.samples
    assert SAMPLES == 3


def test_one_tally_adds_up_all_services(world: World) -> None:
    """Whatever a service's tally says, but for what is each one's own."""
    world.intent("1", source="form", classes=("role",))
    world.intent("2", source="form", service="bank", to="x@example.org", mx="no")
    world.feedback("complaint", service="shop")
    world.tick()
    (total,) = world.totals()
    assert Outcomes(1, 1, never_mailed=1, unknown=1, risk=193) == total.intents
    assert Outcomes(1, 1, never_mailed=1, unknown=1, risk=193) == total.sources.named["form"]
    assert {"role": 1} == total.classes
    assert {"never-mailed": 2, "role-address": 1} == total.signals
    assert Returns(complaints=1) == total.returns


def test_a_second_that_an_earlier_version_began_goes_on(world: World) -> None:
    """It counted less."""
    world.intent("1", source="form")
    row = TallyRow(world.start // 1000, [1, 0, 0, 1], sources=OpenBreakdown({"form": [1, 0, 0, 1]}, [0, 0, 0, 0]))
    world.ledger.stored["open_tallies"] = {b"shop": OPEN_TALLIES.encode(row)}
    world.judge = type(world.judge)(world.ledger, 4)
    world.intent("2", source="form")
    shops, _ = last(world)
    assert Outcomes(2, never_mailed=1) == shops.intents == shops.sources.named["form"]


def test_a_signal_keeps_its_place() -> None:
    """Rows know it by that: the order up to here must never change."""
    assert {*PARTS, *SPEAKS_FOR} == set(SIGNALS)
    assert (
        "never-mailed", "machine-made-address", "dormant", "old-bounce", "accepted-again", "unanswered",
        "domain-came-back", "parked-domain", "typo-suspected", "role-address", "honeypot-address",
        "disposable-address", "listed-doubtful", "engaged", "consented", "known-trap",
    ) == SIGNALS[:16]  # fmt: skip
