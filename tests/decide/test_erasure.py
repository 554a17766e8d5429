"""A person who is forgotten: no row says anything of the mailbox but what stops mail to it."""

from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from sidestep.schemas import ErasureRecord, Evidence, FormerKeys
from sidestep.schemas.codec import encode
from sidestep.streams.decide.keys import erased_key
from sidestep.streams.decide.tables import BOUNCE_HISTORY, CLOCK, IDS, OPEN_TALLIES, RecipientRow
from tests.decide.test_former import new_key
from tests.decide.test_properties import Entry, _judged, _log, addresses, logs
from tests.decide.world import DAY, World

JANE = World.keys.recipient("jane@example.com")
OBJECTIONS: dict[str, dict[str, Any]] = {"complaint": {}, "unsubscribed": {}}


def _rules(world: World, **fields: Any) -> list[str]:
    world.wait(1000)
    return [rule.id for rule in world.intent(f"{world.now}", **fields).rules]


def _known(world: World) -> bool:
    return world.knows(BOUNCE_HISTORY, JANE)


def test_of_a_mailbox_nothing_is_left(world: World) -> None:
    """Nor does it ever come to anything: the next message is the first one."""
    world.intent("1")
    world.feedback("bounce", hard=True, scope="recipient")
    assert _known(world)
    world.erase("jane@example.com")
    assert not _known(world)
    assert [] == _rules(world)
    assert world.now // 1000 == world.row(BOUNCE_HISTORY, JANE).first_seen


def test_nobody_else_is_forgotten(world: World) -> None:
    """Of the same domain and service."""
    world.intent("1", to="tom@example.com")
    world.erase("jane@example.com")
    assert world.knows(BOUNCE_HISTORY, world.keys.recipient("tom@example.com"))


def test_of_whom_nobody_knows_there_is_no_row_afterwards(world: World) -> None:
    """Nor is Watch told of it."""
    world.erase("jane@example.com")
    assert not _known(world)
    assert [] == _told(world)


def test_a_suppression_survives_with_its_reason(world: World) -> None:
    """And nothing besides."""
    world.intent("1")
    world.suppress("jane@example.com", reason="asked for it")
    before = world.row(BOUNCE_HISTORY, JANE).suppressed
    world.wait(1000)
    world.erase("jane@example.com")
    assert RecipientRow(first_seen=world.now // 1000, suppressed=before) == world.row(BOUNCE_HISTORY, JANE)
    assert ["suppressed"] == _rules(world)


def test_a_known_trap_stays_one(world: World) -> None:
    """It is nobody's mailbox."""
    world.trap("jane@example.com")
    world.erase("jane@example.com")
    assert ["known-trap"] == _rules(world)


@pytest.mark.parametrize("event", OBJECTIONS)
def test_what_the_person_has_said_against_mail_survives(world: World, event: str) -> None:
    """Who has asked for no more mail gets none because he has asked to be forgotten, too."""
    world.intent("1")
    world.feedback(event)
    said = _rules(world, stream="newsletter")
    world.feedback("delivered")
    world.erase("jane@example.com")
    assert said == _rules(world, stream="newsletter") != []
    assert 0 == world.row(BOUNCE_HISTORY, JANE).last_delivered


def test_all_of_it_goes_if_that_is_said(world: World) -> None:
    """No row is left."""
    world.intent("1")
    for event in OBJECTIONS:
        world.feedback(event)
    world.suppress("jane@example.com")
    world.trap("jane@example.com")
    world.erase("jane@example.com", drop_suppression=True)
    assert not _known(world)


@pytest.mark.parametrize("drop", [True, False])
def test_both_keys_are_forgotten_while_there_are_two(world: World, drop: bool) -> None:
    """What is kept stands under the present one."""
    world.intent("1")
    world.suppress("jane@example.com")
    old, new = JANE, new_key(JANE)
    world.append(ErasureRecord(new, "ops", world.now, "", drop, (FormerKeys(old),)))
    assert not world.knows(BOUNCE_HISTORY, old)
    assert drop != world.knows(BOUNCE_HISTORY, new)


@pytest.mark.parametrize("event", ["bounce", "delivered", "opened", "not-spam"])
@pytest.mark.parametrize("tied", ["token", ""])
def test_what_was_under_way_makes_no_row(world: World, event: str, tied: str) -> None:
    """However it comes back; nor does it count for anybody's numbers."""
    world.intent("1")
    world.erase("jane@example.com")
    before = world.totals()
    world.feedback(event, hard=True, scope="recipient", tied=tied)
    world.feedback(event, hard=True, scope="recipient", tied=tied)
    assert not _known(world)
    world.tick()
    assert all(not tally.events for tally in world.totals()[len(before) :])


@pytest.mark.parametrize("tied", ["token", ""])
def test_what_a_person_says_against_mail_counts_late_as_well(world: World, tied: str) -> None:
    """Of a message of ours; what anybody can say of anybody makes no row."""
    world.intent("1")
    world.erase("jane@example.com")
    world.feedback("complaint", tied=tied)
    assert _known(world) == bool(tied)


def test_what_comes_of_a_message_since_then_counts(world: World) -> None:
    """A new story has begun."""
    world.intent("1")
    world.erase("jane@example.com")
    world.intent("2")
    world.wait(1000)
    world.feedback("delivered")
    assert world.now // 1000 == world.row(BOUNCE_HISTORY, JANE).last_delivered


def test_who_was_forgotten_is_forgotten_as_well(world: World) -> None:
    """After eight days nothing tells that there was an erasure, but when the last one was."""
    world.erase("jane@example.com")
    assert world.knows(IDS, erased_key(JANE))
    world.wait(9 * DAY)
    world.feedback("delivered", tied_at=world.now)
    assert _known(world)


def test_a_mailbox_that_is_bombed_leaves_the_tallies_of_the_second(world: World) -> None:
    """Those that came out before stand in their topic; Watch is told, in all partitions."""
    world.append(*(world.intent_record(f"{number}", source=f"s{number}", at=world.now) for number in range(20)))
    assert any(row.bombed for _, row in world.ledger.rows(OPEN_TALLIES))
    world.erase("jane@example.com")
    assert not any(row.bombed for _, row in world.ledger.rows(OPEN_TALLIES))
    assert 4 == len(_told(world))


@pytest.mark.parametrize("later", [0, 1000])
def test_so_it_does_within_a_batch(new_world: type[World], later: int) -> None:
    """However the log is cut, in the same second or the next: the same tallies come out, and the same rows are left."""
    at = new_world.start
    records = [new_world.intent_record(f"{number}", source=f"s{number}", at=at) for number in range(20)]
    whole, one_by_one = new_world(), new_world()
    log: list[Evidence] = [*records, ErasureRecord(JANE, "ops", at + later)]
    whole.append(*log)
    for record in log:
        one_by_one.append(record)
    assert not any(row.bombed for _, row in whole.ledger.rows(OPEN_TALLIES))
    assert whole.tally_values() == one_by_one.tally_values()
    assert whole.contents() == one_by_one.contents()


def test_the_clock_knows_of_the_last_erasure(world: World) -> None:
    """So that feedback costs no more where there was none."""
    world.wait(1000)
    world.erase("jane@example.com")
    assert world.now // 1000 == world.row(CLOCK, b"clock").erased_at


@given(logs, addresses, st.booleans(), st.lists(st.integers(0, 41), max_size=4))
def test_no_row_holds_the_hash_afterwards(
    new_world: type[World], made_up: list[Entry], address: str, drop: bool, cuts: list[int]
) -> None:
    """Whatever happened before: neither as a key nor in a value, but for the row that stops mail, and for those of the
    ids of its messages, which end by themselves."""
    log = _log(new_world, made_up)
    key = new_world.keys.recipient(address)
    log.append(encode(ErasureRecord(key, "ops", new_world.start, "", drop)))
    last = _judged(new_world, log, cuts)
    known = last.ledger.read(BOUNCE_HISTORY, [key])
    stops = [row for row in known.values() if row.suppressed or row.trap or row.complained_at or row.unsubscribed_at]
    assert stops == list(known.values())
    assert not (drop and known)
    ids = {id: IDS.encode(replace(row, sent_to=None)) for id, row in last.ledger.rows(IDS)}
    for name, rows in (last.ledger.stored | {IDS.name: ids}).items():
        assert not any(_holds(key, *item) for item in rows.items() if (name, item[0]) != (BOUNCE_HISTORY.name, key))


def _holds(key: bytes, *octets: bytes) -> bool:
    """In any of the forms that it has anywhere."""
    return any(form in each for form in (key, key.hex().encode(), b64encode(key)) for each in octets)


def _told(world: World) -> list[bytes]:
    values: list[bytes] = world.ledger.outputs.get("email-tallies", [])
    return [value for value in values if b'"erased"' in value]
