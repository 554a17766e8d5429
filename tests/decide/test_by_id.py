"""Feedback that names its message by the intent's id alone marks whom the message went to, where the ledger knows; all
other partitions pass it over."""

import re
from typing import Any

import pytest

from sidestep.schemas import FormerKeys
from sidestep.schemas.codec import decode_evidence, encode
from sidestep.streams.decide.tables import BOUNCE_HISTORY, DOMAIN_RATES, IDS, RecipientRow
from tests.decide.world import DAY, SHIPPED_TEXT, World, intent, sought

JANE = World.keys.recipient("jane@example.com")
HARD: dict[str, Any] = {"hard": True, "scope": "recipient", "reason": "userunknown", "service": "shop"}
TOKEN = "4b1f" + "0123" + "4567" + "89abcdef0123456789"
OTHER = "4b1f" + "0123" + "4567" + "fedcba9876543210fe"
NEEDS_TOKEN = re.sub(r"(?m)^needs = \"approval\"", 'needs = "token"', SHIPPED_TEXT)


def jane(world: World) -> RecipientRow:
    """The row of whom the intent went to."""
    return world.row(BOUNCE_HISTORY, JANE)


def found(world: World) -> list[str | bytes | None]:
    """Origins of the dead letters that have ended."""
    return [value for each in world.dead_letters() for name, value in each.get("headers", ()) if name == "found"]


@pytest.mark.parametrize(
    ("event", "fields"), [("bounce", HARD), ("complaint", {}), ("unsubscribed", {}), ("bounce", HARD | {"hard": False})]
)
def test_it_is_as_if_the_address_had_been_named(event: str, fields: dict[str, Any]) -> None:
    """Row for row, tally for tally: the recipient's, the domain's, the service's."""
    fields = {"service": "shop", "event_key": b"e" * 16} | fields
    worlds = World(), World()
    for world in worlds:
        world.intent(campaign="spring", source="import")
        world.wait(60_000)
    by_name, by_id = worlds
    by_name.feedback(event, **{"tied": "", "tied_at": 0, "intent_id": "1"} | fields)
    by_id.sought(event, **fields)
    for world in worlds:
        world.tick()
    assert by_name.contents() == by_id.contents()
    assert by_name.tally_values() == by_id.tally_values()


def test_a_partition_that_does_not_know_the_id_changes_nothing(world: World) -> None:
    """Nor does it say that it has found anybody."""
    world.intent("another")
    world.wait(1000)
    world.tick()
    before = world.contents()
    world.sought("bounce", at=world.now, **HARD)
    assert before == world.contents()
    assert [] == world.dead_letters()


def test_who_is_found_ends_the_dead_letter(world: World) -> None:
    """By the origin of the report, in the same transaction; each time that it is read, and it counts once."""
    world.intent()
    for _ in range(2):
        world.sought("bounce", origin="email-bounces/3/77", event_key=b"e" * 16, **HARD)
    assert [b"email-bounces/3/77 " + b"65" * 16] * 2 == found(world)
    assert 1 == jane(world).hard_bounces


def test_the_message_may_be_in_the_same_batch(world: World) -> None:
    """How the log is cut into batches makes no difference."""
    records = intent(at=world.now), sought("bounce", event_key=b"e" * 16, **HARD)
    world.append(*records)
    other = World()
    for record in records:
        other.append(record)
    assert 1 == jane(world).hard_bounces
    assert other.contents() == world.contents()


@pytest.mark.parametrize("action", ["drop", "defer"])
def test_what_was_not_approved_has_no_message(world: World, action: str) -> None:
    """So nothing can come back of it."""
    if action == "defer":
        world.hold("shop", world.now + DAY)
    assert action == world.intent(mx="no" if action == "drop" else "yes").action
    assert world.row(IDS, World.keys.intent("shop", "1")).sent_to is None
    world.sought("bounce", **HARD)
    assert [] == found(world)
    assert not world.knows(BOUNCE_HISTORY, JANE)


def test_who_only_claims_to_be_a_service_takes_no_bounce_from_it(world: World) -> None:
    """Both have used the same id: that of the proved one is meant."""
    world.intent(to="mallory@example.com", claimed=True)
    world.intent(to="jane@example.com", proved="shop-2026")
    world.sought("bounce", **HARD)
    assert 1 == jane(world).hard_bounces


@pytest.mark.parametrize(("token", "bounces"), [(TOKEN, 1), (OTHER, 0), ("", 0)])
def test_a_token_ties_it_where_one_is_needed(token: str, bounces: int) -> None:
    """Ids can be guessed. What is not tied is a stray report."""
    world = World(NEEDS_TOKEN)
    world.intent(token=TOKEN)
    world.wait(60_000)
    world.sought("bounce", token=token, occurred_at=world.now, **HARD)
    assert (bounces, not bounces) == (jane(world).hard_bounces, jane(world).stray is not None)


def test_a_wrong_token_never_counts(world: World) -> None:
    """Where approval is enough, too."""
    world.intent(token=TOKEN)
    world.sought("bounce", token=OTHER, **HARD)
    assert 0 == jane(world).hard_bounces
    world.sought("bounce", token="", event_key=b"f" * 16, **HARD)
    assert 1 == jane(world).hard_bounces


def test_an_id_is_known_for_eight_days(world: World) -> None:
    """Like all ids; later nobody is found."""
    world.intent()
    world.wait(8 * DAY + 1000)
    world.sought("complaint")
    assert [] == found(world)
    assert 0 == jane(world).complained_at


def test_of_a_person_who_was_forgotten_nothing_is_made(world: World) -> None:
    """The report is found to be hers, and makes no row."""
    world.intent()
    world.erase("jane@example.com")
    world.sought("bounce", origin="email-bounces/0/1", **HARD)
    assert not world.knows(BOUNCE_HISTORY, JANE)
    assert 1 == len(found(world))


def test_an_intent_that_comes_again_under_a_new_secret_takes_its_recipient_along(world: World) -> None:
    """The row of the id moves, and whom it went to with it."""
    world.intent(id_key=b"i" * 16, content_key=b"c" * 16, recipient_key=b"r" * 16)
    moved = FormerKeys(b"r" * 16, b"i" * 16, b"c" * 16)
    assert world.passes_over(former=(moved,))
    world.sought("bounce", **HARD)
    assert 1 == jane(world).hard_bounces


def test_one_whose_rows_have_moved_without_it_is_not_found(world: World) -> None:
    """Its dead letter stays, instead of a row under a key that nobody reads."""
    world.intent(id_key=b"i" * 16, content_key=b"c" * 16, recipient_key=b"r" * 16)
    world.intent("2", former=(FormerKeys(b"r" * 16, b"j" * 16, b"d" * 16),))
    record = sought("bounce", **HARD)
    record.id_keys += (b"i" * 16,)
    world.append(record)
    assert [] == found(world)
    assert not world.knows(BOUNCE_HISTORY, b"r" * 16)


def test_a_token_in_the_log_that_is_none_stops_nothing(world: World) -> None:
    """Whoever has written that."""
    assert "send" == world.intent(token="none of ours").action
    assert b"" == world.row(IDS, World.keys.intent("shop", "1")).sent_to.token  # type: ignore[union-attr]


def test_it_says_no_more_than_the_record(world: World) -> None:
    """What stands in the log can be read again."""
    record = sought("bounce", token=TOKEN, **HARD)
    assert record == decode_evidence(encode(record))
    assert ("", b"") == (record.said.domain, record.said.recipient_key)
    world.append(record)
    assert not world.knows(DOMAIN_RATES, b"")
