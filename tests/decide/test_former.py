"""A secret that is changed: whatever stood under the old keys counts as before, and moves."""

import hashlib
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from sidestep.schemas import (
    ErasureRecord,
    FeedbackEvidence,
    FormerKeys,
    IntentEvidence,
    MarksRecord,
    SuppressRecord,
    TickRecord,
    TrapRecord,
    Verdict,
)
from sidestep.schemas.codec import decode_evidence, encode
from sidestep.streams.decide.expiry import ended
from sidestep.streams.decide.keys import attempt_key, erased_key
from sidestep.streams.decide.mark_rows import StrayReport, TakenBack
from sidestep.streams.decide.merge import merged
from sidestep.streams.decide.tables import BOUNCE_HISTORY, IDS, Mailed, RecipientRow, Suppressed, Trapped
from sidestep.streams.runtime.tables import Table
from tests.decide.test_properties import DAY, Entry, _judged, _log, logs
from tests.decide.world import World

Keyed = IntentEvidence | FeedbackEvidence | SuppressRecord | TrapRecord | MarksRecord | ErasureRecord
JANE = "jane@example.com"


def new_key(key: bytes) -> bytes:
    """Of what had this key before."""
    return hashlib.blake2b(key, digest_size=16, person=b"new secret").digest() if key else b""


def rekeyed(record: Any, names_former: bool = True) -> Any:
    """The same record by a worker that has the new secret, and the old one beside it."""
    if not isinstance(record, Keyed):
        return record
    former = FormerKeys(record.recipient_key)
    fields: dict[str, Any] = {"recipient_key": new_key(record.recipient_key)}
    if isinstance(record, IntentEvidence):
        former = FormerKeys(record.recipient_key, record.id_key, record.content_key)
        fields |= {"id_key": new_key(record.id_key), "content_key": new_key(record.content_key)}
    elif isinstance(record, FeedbackEvidence | TrapRecord):
        former = FormerKeys(record.recipient_key, record.event_key)
        fields["event_key"] = new_key(record.event_key)
    return replace(record, **fields, former=(former,) if names_former else ())


def _rotated(log: list[bytes], at: int) -> list[bytes]:
    return [record if n < at else encode(rekeyed(decode_evidence(record))) for n, record in enumerate(log)]


HELD = {"service-on-hold", "source-on-hold", "source-held"}
"""What these keep back has a time of its own to come again at, by the key of its id."""


def _said(world: World) -> list[dict[str, Any]]:
    said = [{name: getattr(v, name) for name in v.__struct_fields__} for v in world.verdicts()]
    return [one | {"retry_at": None} if HELD & {rule.id for rule in one["rules"]} else one for one in said]


def _old_names(log: list[bytes]) -> dict[bytes, bytes]:
    """The key of before, by the new one."""
    names: dict[bytes, bytes] = {}
    for record in map(decode_evidence, log):
        keys = [getattr(record, name, b"") for name in ("recipient_key", "id_key", "content_key", "event_key")]
        names |= {new_key(key): key for key in keys}
        names |= {erased_key(new_key(key)): erased_key(key) for key in keys[:1] if key}
        if isinstance(record, IntentEvidence):
            content, attempt = record.content_key, record.attempt
            names[attempt_key(new_key(content), attempt)] = attempt_key(content, attempt)
    return names


def _under_old_keys(world: World, names: dict[bytes, bytes]) -> dict[str, dict[bytes, Any]]:
    """All rows that count, keyed as if nothing had been changed; of an id the row under its present key."""
    clock = world.now // 1000
    contents: dict[str, dict[bytes, Any]] = {}
    beginnings = {key[:8]: old[:8] for key, old in names.items()}
    tables: tuple[Table[Any], ...] = (BOUNCE_HISTORY, IDS)
    for table in tables:
        rows = dict(world.ledger.rows(table))
        old = {key: row for key, row in rows.items() if key not in names}
        moved = {names[key]: row for key, row in rows.items() if key in names}
        assert table is IDS or not old.keys() & moved.keys(), "a row that has moved stands nowhere else"
        for row in moved.values() if table is IDS else ():
            row.content = beginnings.get(row.content, row.content)
        for row in rows.values() if table is IDS else ():
            if row.sent_to is not None:
                key = row.sent_to.recipient_key
                row.sent_to = replace(row.sent_to, recipient_key=names.get(key, key))
        contents[table.name] = old | moved
    history = contents[BOUNCE_HISTORY.name]
    contents[BOUNCE_HISTORY.name] = {key: row for key, row in history.items() if not ended(row, clock)}
    for name, stored in world.ledger.stored.items():
        if name not in contents and name not in ("open_tallies", "chain") and stored:
            contents[name] = dict(stored)
    return msgspec.to_builtins(contents)  # type: ignore[no-any-return]


def _tallies(world: World, names: dict[bytes, bytes]) -> list[str]:
    texts = []
    for value in world.tally_values():
        text = value.decode()
        for key, old in names.items():
            text = text.replace(msgspec.to_builtins(key), said := msgspec.to_builtins(old))
            text = text.replace(f'["{said}","{said}"]', f'["{said}"]')  # who was forgotten under both
        texts.append(text)
    return sorted(texts)


def _without_parts(record: bytes) -> bytes:
    evidence = decode_evidence(record)
    return encode(replace(evidence, parts=b"")) if isinstance(evidence, IntentEvidence) else record


@given(logs, st.integers(0, 41))
def test_a_change_of_the_secret_changes_nothing_but_keys(new_world: type[World], made_up: list[Entry], at: int) -> None:
    """Anywhere in any log: the same verdicts and tallies, and the same rows under their new keys. But what differs
    under an id can't be told across the change."""
    log = [_without_parts(record) for record in _log(new_world, made_up)]
    names = _old_names(log)
    before, after = _judged(new_world, log, []), _judged(new_world, _rotated(log, at), [])
    before.now = after.now = max(decode_evidence(record).at for record in log)
    assert _said(before) == _said(after)
    assert _tallies(before, names) == _tallies(after, names)
    assert _under_old_keys(before, names) == _under_old_keys(after, names)


@given(logs, st.lists(st.sampled_from(["old", "new", "both"]), min_size=41, max_size=41), st.lists(st.integers(0, 41)))
def test_batches_make_no_difference_while_workers_disagree(
    new_world: type[World], made_up: list[Entry], has: list[str], cuts: list[int]
) -> None:
    """Some workers have the old secret still, some the new one alone: octet by octet the same, however it is cut."""
    log = [
        record if secret == "old" else encode(rekeyed(decode_evidence(record), secret == "both"))
        for record, secret in zip(_log(new_world, made_up), has, strict=False)
    ]
    whole, one_by_one, anyhow = (_judged(new_world, log, c) for c in ([], list(range(len(log))), cuts))
    assert whole.values() == one_by_one.values() == anyhow.values()
    assert whole.tally_values() == one_by_one.tally_values() == anyhow.tally_values()
    assert whole.contents() == one_by_one.contents() == anyhow.contents()


def _new(world: World, to: str = JANE, id: str = "1", **fields: Any) -> list[Verdict]:
    """An intent, now, by a worker that has both secrets."""
    return world.append(rekeyed(world.intent_record(id, to=to, **{"at": world.now} | fields)))


MARKS: dict[str, tuple[Callable[[World], None], str]] = {
    "suppressed": (lambda world: world.suppress(JANE), "suppressed"),
    "a trap": (lambda world: world.trap(JANE), "known-trap"),
    "complaint": (lambda world: world.feedback("complaint", to=JANE), "complaint"),
    "bounce": (lambda world: world.feedback("bounce", to=JANE, hard=True, scope="recipient"), "hard-bounce"),
}


@pytest.mark.parametrize("mark", MARKS)
def test_what_was_said_under_the_old_key_holds(world: World, mark: str) -> None:
    """The row moves, and a tombstone reaches the changelog."""
    say, rule = MARKS[mark]
    say(world)
    old = world.keys.recipient(JANE)
    (verdict,) = _new(world)
    assert rule in verdict.rules[0].id or rule in str(verdict.rules)
    assert not world.knows(BOUNCE_HISTORY, old)
    assert world.knows(BOUNCE_HISTORY, new_key(old))


@pytest.mark.parametrize("mark", MARKS)
def test_what_is_said_under_the_old_key_later_holds_as_well(world: World, mark: str) -> None:
    """By a worker that did not have the new secret yet, although the row had moved: both are made one."""
    _new(world, id="first")
    say, rule = MARKS[mark]
    say(world)
    (verdict,) = _new(world, id="second")
    assert rule in str(verdict.rules)
    row = world.row(BOUNCE_HISTORY, new_key(world.keys.recipient(JANE)))
    assert row.last_approved, "and what stood there before"


def test_an_intent_that_comes_again_is_known(world: World) -> None:
    """Its verdict stands; so does what its id says of other contents, and its turn."""
    world.intent("1", to=JANE)
    world.intent("1", to="jim@example.com")
    assert [] == _new(world, id="1", to="jim@example.com"), "another under its id"
    assert [] == _new(world, id="1"), "the same intent"
    (other,) = _new(world, id="1", to="joe@example.com")
    assert "id-reused" == other.rules[0].id
    assert [] == _new(world, id="1", to="joe@example.com")
    assert [] == _new(world, id="1"), "though its id was used for another since"
    (again,) = _new(world, id="1", attempt=2)
    assert "already-decided" == again.rules[0].id


def test_an_event_that_comes_again_counts_once(world: World) -> None:
    """By its id under the old key."""
    bounce = world.feedback_record("bounce", to=JANE, id="b1", hard=True, scope="recipient", at=world.now)
    world.append(bounce)
    world.append(rekeyed(bounce))
    world.append(rekeyed(bounce))
    assert 1 == world.row(BOUNCE_HISTORY, new_key(bounce.recipient_key)).hard_bounces


def test_a_row_that_has_moved_ends_in_its_time(new_world: type[World]) -> None:
    """In the batch that has moved it, too, where that goes on until then."""
    worlds = [new_world(), new_world()]
    for number, world in enumerate(worlds):
        world.intent(to=JANE)
        world.tick(730 * DAY)
        late = world.feedback_record("bounce", to=JANE, at=world.now, scope="us", reason="blocked")
        records = [rekeyed(late), TickRecord(at=world.now + 50 * DAY)]
        world.append(*records) if number else [world.append(record) for record in records]
        assert {BOUNCE_HISTORY.name} & {name for name, rows in world.ledger.stored.items() if rows} == set()
    assert worlds[0].contents() == worlds[1].contents()


def test_without_the_old_secret_nobody_is_known(world: World) -> None:
    """That is what it is for."""
    world.suppress(JANE)
    (verdict,) = world.append(rekeyed(world.intent_record(to=JANE, at=world.now), names_former=False))
    assert "send" == verdict.action


OLD = RecipientRow(
    first_seen=100,
    last_approved=200,
    last_engaged=150,
    hard_bounces=1,
    hard_bounced_at=210,
    service="shop",
    source="form",
    hard_bounces_at=(210,),
    accepted_at=0,
    silence=5,
    woken_at=190,
    unanswered=2,
    suppressed=Suppressed(120, 130, "a while", "ops"),
    trap=Trapped(160, "ops", "seen", 170),
    awaiting=3,
    last_stopped=205,
    hour_began=50,
    hour_messages=4,
    hour_forms=1,
    unseen=1,
    alone=2,
    mailed=(Mailed("club", 180),),
    stray=StrayReport(190, "complaint", "shop"),
)
NEW = RecipientRow(
    first_seen=300,
    last_approved=320,
    last_delivered=310,
    complained_at=260,
    hard_bounces=2,
    hard_bounced_at=310,
    service="bank",
    source="import",
    hard_bounces_at=(305, 310),
    suspensions_at=(307,),
    suspended_at=307,
    accepted_at=315,
    silence=7,
    woken_at=320,
    unanswered=1,
    suppressed=Suppressed(311, 0, "for good", "ops"),
    trap=Trapped(155, "provider", "hit", 156),
    awaiting=8,
    unsubscribed_at=250,
    subscribed_at=252,
    hour_began=60,
    hour_messages=1,
    unseen=1,
    mailed=(Mailed("club", 315),),
    stray=StrayReport(310, "trap", "", 2),
    taken_back=TakenBack(316, "ops", "forged", ("opt-out",)),
)


def test_of_two_rows_nothing_bad_is_forgotten() -> None:
    """Whichever is which: marks of both, the longer suppression, the earlier trap; the life that began first."""
    both = merged(OLD, NEW)
    assert both == merged(NEW, OLD)
    assert (100, 320, 310, 150) == (both.first_seen, both.last_approved, both.last_delivered, both.last_engaged)
    assert (3, 310, (210, 305, 310)) == (both.hard_bounces, both.hard_bounced_at, both.hard_bounces_at)
    assert (307, (307,), 260) == (both.suspended_at, both.suspensions_at, both.complained_at)
    assert ("shop", "form") == (both.service, both.source)
    assert both.last is not None and ("bank", "import") == (both.last.service, both.last.source)
    assert both.suppressed is not None and "for good" == both.suppressed.reason
    assert Trapped(155, "provider", "hit", 170) == both.trap
    assert (315, 7, 320, 8) == (both.accepted_at, both.silence, both.woken_at, both.awaiting)
    assert (60, 1, 0) == (both.hour_began, both.hour_messages, both.hour_forms)
    assert 0 == both.alone, "of two services"
    assert (Mailed("club", 315), Mailed("shop", 200)) == both.mailed, "bank's message was the last one"
    assert (NEW.stray, NEW.taken_back) == (both.stray, both.taken_back)
    assert 2 == merged(OLD, replace(OLD, alone=1)).alone
    assert (1, 1) == (both.unanswered, both.unseen), "the complaint answered what went out before it"


def test_every_field_of_a_row_is_made_one() -> None:
    """With an empty one all of it is left: no field is passed over."""
    blank = RecipientRow(first_seen=1_000)
    for row in (OLD, NEW):
        assert row == merged(row, blank) == merged(blank, row)
    assert set(RecipientRow.__struct_fields__) == {
        name for row in (OLD, NEW) for name in row.__struct_fields__ if getattr(row, name) != getattr(blank, name)
    } | {"last"}
