"""The record by which a person is forgotten, and the notes about him."""

import msgspec
import pytest

from sidestep.streams.screen.erasures import erasure_record, moved_notes, notes_about
from sidestep.streams.screen.keys import Keys
from sidestep.streams.screen.marks import read_mailbox
from sidestep.streams.screen.suppressions import Suppression, Target, note, suppress_record

OLD = Keys(bytes(31) + b"1")
KEYS = Keys(bytes(32), bytes(31) + b"1")
JANE = read_mailbox("jane@example.com", KEYS)
BEFORE = Target("example.com", JANE.former_key)


def _notes(*targets: Target) -> dict[str, bytes]:
    said = [note(each, suppress_record(each, 0, "asked", "ops", 1), OLD.fingerprint) for each in targets]
    return {key: value for key, value in said if value is not None}


def test_the_record_names_both_keys_and_no_address() -> None:
    """While there are two; a reason loses the address in it."""
    record = erasure_record(JANE, "ops", "jane@example.com asked", False, 5)
    assert (JANE.recipient_key, JANE.former_key) == (record.recipient_key, record.former[0].recipient_key)
    assert "***@example.com asked" == record.reason
    assert b"jane" not in msgspec.json.encode(record)


def test_who_says_so_has_a_name() -> None:
    """It stands in the log."""
    with pytest.raises(ValueError, match="empty"):
        erasure_record(JANE, " ", "", False, 5)


def test_notes_are_found_under_both_keys_and_move_to_the_present_one() -> None:
    """Others stay as they are."""
    notes = _notes(BEFORE, Target("example.com", bytes(16)), Target("example.com"))
    assert [f"suppress/{BEFORE.text}"] == notes_about(JANE, notes)
    gone, moved = moved_notes(JANE, notes, KEYS.fingerprint)
    assert [f"suppress/{BEFORE.text}"] == gone
    ((key, value),) = moved
    assert f"suppress/{JANE.text}" == key
    assert Suppression(JANE.text, "asked", "ops", 1, secret=KEYS.fingerprint) == msgspec.json.decode(
        value, type=Suppression
    )
