"""The keys that records had before: named while they may be needed, and then no more."""

import hashlib
import time

import pytest

from sidestep.schemas import Bounce, EmailIntent, Engagement, FormerKeys
from sidestep.streams.screen.address.parse import parse
from sidestep.streams.screen.evidence import event_key, feedback_evidence, intent_keys
from sidestep.streams.screen.feedback.reasons import load_reasons
from sidestep.streams.screen.formers import UNKEYED_SECONDS, Formers
from sidestep.streams.screen.key_note import KeyNote
from sidestep.streams.screen.keys import Keys
from sidestep.streams.screen.moved_notes import left_behind
from sidestep.streams.screen.provenance import NOWHERE
from sidestep.streams.screen.tokens import UNTIED, make_token
from sidestep.streams.screen.unkeyed import unkeyed_event, unkeyed_intent

OLD, NEW = hashlib.sha256(b"old").digest(), hashlib.sha256(b"new").digest()
KEYS = Keys(NEW, OLD)
BEFORE = Keys(OLD)
NOW = 1_800_000_000.0
JANE = "jane@example.com"
INTENT = EmailIntent(id="1", service="shop", to=JANE, stream="news")
BOUNCE = Bounce(recipient=JANE, id="b1", service="shop")


def _by_hand(person: bytes, octets: bytes) -> bytes:
    return hashlib.blake2b(octets, digest_size=16, person=person).digest()


def test_nobody_is_named_where_nothing_was_changed() -> None:
    """The usual case: it costs nothing."""
    formers = Formers(Keys(NEW))
    formers.heard(KeyNote("new", 0, int(NOW * 1000), keyed=0))
    assert not formers.in_use(NOW)
    assert () == formers.of_intent(INTENT, JANE, b"key", NOW)


def test_while_two_secrets_are_set_both_are_named() -> None:
    """As a worker that had the former one alone would have made them."""
    formers = Formers(KEYS)
    assert formers.in_use(NOW)
    expected = FormerKeys(BEFORE.recipient(JANE), *intent_keys(INTENT, BEFORE))
    assert (expected,) == formers.of_intent(INTENT, JANE, KEYS.recipient(JANE), NOW)
    unreadable = FormerKeys(b"", *intent_keys(INTENT, BEFORE))
    assert (unreadable,) == formers.of_intent(INTENT, "", b"", NOW)
    evidence = feedback_evidence(BOUNCE, parse(JANE), load_reasons(), KEYS, NOW, "bounces/0/1")
    before = feedback_evidence(BOUNCE, parse(JANE), load_reasons(), BEFORE, NOW, "bounces/0/1")
    assert before.event_key == event_key(BOUNCE, before.recipient_key, BEFORE, NOWHERE, UNTIED)
    named = FormerKeys(before.recipient_key, before.event_key)
    assert (named,) == formers.of_event(BOUNCE, JANE, evidence, NOWHERE, NOW)


def test_after_an_upgrade_ids_are_named_as_they_were() -> None:
    """For nine days: by then Decide has forgotten those of before."""
    formers = Formers(Keys(NEW))
    formers.heard(KeyNote("new", 0, 0, keyed=int(NOW * 1000)))
    until = NOW + UNKEYED_SECONDS
    assert formers.in_use(NOW) and formers.in_use(until - 1) and not formers.in_use(until)
    (former,) = formers.of_intent(INTENT, JANE, b"key", NOW)
    assert FormerKeys(b"", *unkeyed_intent(INTENT)) == former


def test_what_is_proved_has_ids_of_its_own_under_the_former_secret_too() -> None:
    """And none of before the upgrade: nothing was proved then, so nothing of it can come again."""
    formers = Formers(KEYS)
    formers.heard(KeyNote("new", 0, 0, keyed=int(NOW * 1000)))
    (former,) = formers.of_intent(INTENT, JANE, KEYS.recipient(JANE), NOW, proved=True)
    assert FormerKeys(BEFORE.recipient(JANE), *intent_keys(INTENT, BEFORE, True)) == former


def test_ids_of_before_are_those_of_0_1_0() -> None:
    """Made by hashlib alone."""
    id_key = _by_hand(b"id", b"shop\x1f1")
    assert (id_key, _by_hand(b"content", id_key + b"news\x1fjane@example.com")) == unkeyed_intent(INTENT)
    test = EmailIntent(id="1", service="shop", to=JANE, stream="news", test=True)
    assert _by_hand(b"content", id_key + b"news\x1fjane@example.com\x1ftest") == unkeyed_intent(test)[1]
    assert _by_hand(b"event", b"bounce\x1fshop\x1fb1") == unkeyed_event(BOUNCE)
    opened = Engagement(kind="opened", recipient=JANE, service="shop", intent_id="1")
    assert _by_hand(
        b"event", b"engagement-content\x1fshop\x1f1\x1fjane@example.com\x1fopened\x1fNone"
    ) == unkeyed_event(opened)


@pytest.mark.parametrize(("keys", "tied"), [(KEYS, "token"), (Keys(NEW), "wrong-token")])
def test_a_token_of_before_is_one_while_two_secrets_are_set(keys: Keys, tied: str) -> None:
    """A bounce may come days after the message."""
    token = make_token(BEFORE, "shop", BEFORE.recipient(JANE), b"content!", time.time())
    bounce = Bounce(recipient=JANE, id="b1", service="shop", token=token)
    evidence = feedback_evidence(bounce, parse(JANE), load_reasons(), keys, time.time(), "bounces/0/1")
    assert tied == evidence.tied


def test_notes_move_when_their_people_are_met() -> None:
    """Suppressions and traps of addresses, once; what is about a domain, or moved already, stays."""
    old, new = BEFORE.recipient(JANE).hex(), KEYS.recipient(JANE).hex()
    notes = {
        f"suppress/hash:{old}@example.com": b'{"subject":"hash:%s@example.com","at":1}' % old.encode(),
        f"trap/hash:{old}": b'{"subject":"hash:%s","by":"ops","secret":"%s"}' % (old.encode(), b"00"),
        "suppress/example.org": b'{"subject":"example.org"}',
        f"suppress/hash:{'ab' * 16}@example.com": b'{"secret":"%s"}' % KEYS.fingerprint.encode(),
        "hold/shop": b"{}",
    }
    assert 2 == len(left_behind(notes, KEYS.fingerprint))
    over = {f"suppress/hash:{old}@example.com": b'{"subject":"hash:%s@example.com","until":7}' % old.encode()}
    assert ({}, over) == (left_behind(over, KEYS.fingerprint, 7), left_behind(over, KEYS.fingerprint, 6))
    formers = Formers(KEYS)
    formers.heard_notes(notes | {f"trap/hash:{'cd' * 16}": b"\xff"})
    assert not formers.notes.due
    formers.of_intent(INTENT, JANE, KEYS.recipient(JANE), NOW)
    moved = {record["key"]: record["value"] for record in formers.notes.take()}
    assert {f"suppress/hash:{old}@example.com", f"trap/hash:{old}"} == {
        key for key, value in moved.items() if not value
    }
    value = moved[f"suppress/hash:{new}@example.com"]
    assert value is not None
    assert f"hash:{new}@example.com".encode() in value and KEYS.fingerprint.encode() in value
    assert f"trap/hash:{new}" in moved
    assert [] == formers.notes.take(), "once"
