"""What the addresses of a source are worth, and what becomes of the rest of it."""

from typing import Any

import pytest

from sidestep.schemas import IntentEvidence, SourceHoldRecord, Verdict
from sidestep.streams.decide.hygiene import REPRESENTATIVE, bad_share, bad_share_tried, offered
from sidestep.streams.decide.keys import source_key
from sidestep.streams.decide.policy_text import parse
from sidestep.streams.decide.risk import Scales
from sidestep.streams.decide.rules.case import NEVER, Finding
from sidestep.streams.decide.tables import SOURCES, DomainRow, RecipientRow, SourceRow
from tests.decide.world import World

NOW = 1_800_000_000
DAY = 86_400
LIST = source_key("shop", "import-2017")
WIDE = {"domain": "1000000/min,max_burst=10000", "service": "1000000/min,max_burst=10000"}
BROUGHT = {"service": "shop", "source": "import-2017", "last_approved": NOW - DAY}


@pytest.fixture
def world(new_world: type[World]) -> World:
    """Limits and probation hold nothing back."""
    return new_world(new_world.policy_text({"source-probation": "off", "source-held": "off"}, **WIDE))


def offer(world: World, count: int, kind: str, **fields: Any) -> None:
    """Intents to so many addresses of the list, of one kind."""
    given: dict[str, Any] = {"source": "import-2017", "at": world.now} | fields
    name = given.pop("id", kind)
    domain = "gone.example" if fields.get("mx") == "no" else "example.com"
    records = [world.intent_record(f"{name}-{n}", f"{kind}{n}@{domain}", **given) for n in range(count)]
    if records:
        world.append(*records)


def after(world: World, **fields: Any) -> Verdict:
    """Of one more intent to an address that nobody has heard of."""
    return world.intent("after", **{"to": "jane@example.com", "source": "import-2017"} | fields)


@pytest.mark.parametrize(
    ("dead", "action", "part"),
    [
        *[(0, "send", None), (7, "send", None), (8, "send", 0.4), (19, "send", 0.4)],
        *[(20, "defer", 0.06), (60, "defer", 0.06)],
    ],
)
def test_the_share_of_addresses_that_do_not_exist_tells(
    world: World, dead: int, action: str, part: float | None
) -> None:
    """Before anything is sent to them: a clean list has next to none, a bought one has many."""
    offer(world, 100 - dead, "live")
    offer(world, dead, "dead", mx="no")
    verdict = after(world)
    assert (action, part) == (verdict.action, verdict.risk_parts.get("source"))


def test_the_sentence_has_the_figures(world: World) -> None:
    """So that whoever brought the list can mend it."""
    offer(world, 940, "live")
    offer(world, 200, "dead", mx="no")
    offer(world, 61, "slip", classes=("typo",), suggestion="jane@example.org")
    world.trap("live7@example.com")
    verdict = after(world)
    assert ("defer", "trap-risk") == (verdict.action, verdict.rules[0].id)
    assert "is 0.64, from 0 to 1 (source 0.62, pristine 0.05)" in verdict.rules[0].text
    assert (
        "Of the last 1,202 addresses of import-2017: 200 do not exist, 61 are suspicious, 1 is a known trap. "
        "Ask the person to confirm the address"
    ) in verdict.rules[0].text


def test_a_person_who_has_consented_gets_the_message(world: World) -> None:
    """What a harvested address never does."""
    offer(world, 100, "dead", mx="no")
    assert "send" == after(world, consent_at=world.now - 1000).action


@pytest.mark.parametrize("other", [{"source": "form"}, {"source": ""}, {"service": "bank"}, {"test": True}])
def test_another_source_is_not_judged_by_it(world: World, other: dict[str, Any]) -> None:
    """Nor one of the same name of another service, nor a test."""
    offer(world, 100, "dead", mx="no")
    assert "source" not in after(world, **other).risk_parts


@pytest.mark.parametrize(
    ("fields", "counts"), [({"test": True}, 0), ({"source": "form"}, 0), ({}, 50)], ids=["test", "other", "offered"]
)
def test_what_counts_of_a_source(world: World, fields: dict[str, Any], counts: int) -> None:
    """Its own addresses, and no test."""
    offer(world, 1, "live")
    offer(world, 50, "dead", mx="no", **fields)
    row = world.row(SOURCES, LIST)
    assert (1 + counts, counts) == (row.offered, row.unknown)


def test_an_address_counts_once(world: World) -> None:
    """However often a list is written to: dead ones stay on it, and nobody takes them off."""
    for month in range(5):
        offer(world, 95, "live", id=f"live-{month}")
        offer(world, 5, "dead", mx="no", id=f"dead-{month}")
        world.wait(30 * DAY * 1000)
    row = world.row(SOURCES, LIST)
    assert (100, 5) == (row.offered, row.unknown)


@pytest.mark.parametrize(("source", "counts"), [("import-2017", 0), ("spring", 1)])
def test_one_that_is_known_to_be_dead_speaks_against_who_brings_it_next(world: World, source: str, counts: int) -> None:
    """Once, and not against those whose list it died on: people change their addresses."""
    world.intent("1", source="import-2017")
    world.feedback("delivered")
    world.feedback("bounce", hard=True, scope="recipient")
    for number in range(3):
        world.intent(f"again-{number}", source=source)
    row = world.row(SOURCES, source_key("shop", source))
    assert (counts, counts) == (row.offered - (source == "import-2017"), row.unknown)


@pytest.mark.parametrize(
    ("recipient", "applies"),
    [
        ({}, True),
        (BROUGHT, True),
        (BROUGHT | {"last_engaged": NOW - 700 * DAY}, False),
        (BROUGHT | {"source": "form"}, False),
        (BROUGHT | {"service": "bank"}, False),
    ],
    ids=["stranger", "brought by it", "somebody is there", "known from elsewhere", "known to another service"],
)
def test_a_customer_who_is_imported_again_does_not_suffer(
    new_world: type[World], recipient: dict[str, Any], applies: bool
) -> None:
    """Only who is known from nowhere else, and has never shown a sign of a person."""
    policy, bad = parse(new_world.policy_text()), SourceRow(offered=1000, unknown=900)
    evidence: IntentEvidence = new_world.intent_record(source="import-2017")
    risk = Scales(policy).weigh(evidence, [], RecipientRow(**recipient), DomainRow(), "", bad, NOW)
    assert applies == ("source" in risk.parts)


def test_a_trap_is_traced_back_to_who_brought_it(world: World) -> None:
    """At first and last, once for each trap; a mistake is taken back there, too."""
    world.intent("1", source="import-2017")
    world.wait(1000)
    world.intent("2", source="spring", service="club")
    for _ in range(2):
        world.trap("jane@example.com")
    world.trap("nobody@example.com")
    ways = LIST, source_key("club", "spring")
    assert [1, 1] == [world.row(SOURCES, way).traps for way in ways]
    said = world.intent("3").rules[0].text
    assert said.endswith("First mailed by shop (source import-2017), last by club (source spring).")
    world.trap("jane@example.com", lifted=True)
    world.trap("jane@example.com", lifted=True)
    assert [0, 0] == [world.row(SOURCES, way).traps for way in ways]


@pytest.mark.parametrize(("offers", "signals"), [(1000, {"pristine": 0.05, "source": 0.6}), (3000, {"pristine": 0.05})])
def test_where_one_trap_was_reported_there_are_more(world: World, offers: int, signals: dict[str, float]) -> None:
    """Of few addresses: a sign-up form of years has one some day, too."""
    offer(world, offers, "live")
    world.trap("live0@example.com")
    assert signals == after(world).risk_parts


def test_a_known_trap_from_elsewhere_speaks_against_whoever_offers_it(world: World) -> None:
    """Whoever sells lists sells the same one often."""
    world.trap("trap0@example.com")
    offer(world, 1, "trap")
    assert (1, 0) == (world.row(SOURCES, LIST).suspicious, world.row(SOURCES, LIST).traps)


@pytest.mark.parametrize(
    ("before", "counts"), [((), 1), (("delivered",), 0), (("opened",), 0), (("bounce",), 1)], ids=str
)
def test_an_address_that_bounces_at_once_never_was_one(world: World, before: tuple[str, ...], counts: int) -> None:
    """What dies later says nothing about where it came from; and it counts once."""
    world.intent("1", source="import-2017")
    for event in before:
        world.feedback(event, id=event, hard=True, scope="recipient")
    world.feedback("bounce", id="last", hard=True, scope="recipient")
    row = world.row(SOURCES, LIST)
    assert (1, counts) == (row.offered, row.unknown)


def test_an_address_that_was_written_to_for_long_dies_a_natural_death(world: World) -> None:
    """Where nobody reports what was delivered, the number of messages tells."""
    for number in range(3):
        world.intent(str(number), source="import-2017")
    world.feedback("bounce", hard=True, scope="recipient")
    assert 0 == world.row(SOURCES, LIST).unknown


def test_of_few_addresses_nothing_can_be_said() -> None:
    """Nor of none."""
    assert 0.3 == bad_share(SourceRow(offered=100, unknown=20, suspicious=10), 100)
    assert 0.0 == bad_share(SourceRow(offered=99, unknown=99), 100) == bad_share(SourceRow(), 100)


@pytest.mark.parametrize(
    ("tried", "share"), [(99, 0.0), (100, 0.51), (5000, 0.02)], ids=["too few to tell", "the first ones", "all"]
)
def test_what_has_bounced_is_a_share_of_what_was_written_to(tried: int, share: float) -> None:
    """Of a list that was held after its first hundred, all others are offered as well, and none of them can bounce."""
    row = SourceRow(offered=5000, unknown=90, suspicious=10, tried=tried, bounced=50)
    assert share == pytest.approx(bad_share_tried(row, 100))
    assert 0.02 == bad_share(row, 100)


def test_the_rest_of_a_dead_list_is_at_risk_while_it_is_held(world: World) -> None:
    """And when the hold ends: until then thousands were offered that could not bounce."""
    offer(world, 100, "dead")
    for number in range(30):
        world.feedback("bounce", to=f"dead{number}@example.com", hard=True, scope="recipient")
    world.append(SourceHoldRecord("shop", "import-2017", world.now + DAY * 1000, "a dead list", world.now))
    offer(world, 500, "held")
    row = world.row(SOURCES, LIST)
    assert (600, 30, 100, 30) == (row.offered, row.unknown, row.tried, row.bounced)
    world.wait(2 * DAY * 1000)
    verdict = after(world)
    assert ("defer", "dirty-source") == (verdict.action, verdict.rules[0].id)
    assert (
        "30 % of the addresses that import-2017 of shop has brought are bad, 20 % and more is a dirty list. Of the "
        "last 601 addresses of import-2017: 30 do not exist. 30 of the 100 that were written to bounced. "
        "This one is known from nowhere else: ask the person" in verdict.rules[0].text
    )


def test_the_shares_are_those_of_late(new_world: type[World]) -> None:
    """A list that was cleaned is clean some day."""
    row = SourceRow(traps=2)
    evidence = new_world.intent_record(source="import-2017")
    for _ in range(REPRESENTATIVE // 2):
        offered(row, evidence, NEVER, nobody=True, fired=())
    for _ in range(3 * REPRESENTATIVE):
        offered(row, evidence, NEVER, nobody=False, fired=[Finding("role-address", "")])
    assert bad_share(row, 100) < 0.05
    assert (0, 0) == (row.suspicious, row.traps)
