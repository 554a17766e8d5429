"""People who are forgotten: the record for the log, and what becomes of the notes about them. Pure."""

from collections.abc import Mapping

from sidestep.schemas import ErasureRecord
from sidestep.streams.screen.moved_notes import MovedNotes, mailbox_of
from sidestep.streams.screen.suppressions import Target, said_line, said_reason

NOTE_KEY = "erasure"
"""Of the note in email-control, where nothing is kept of it: not whose it was either."""


def erasure_record(mailbox: Target, by: str, reason: str, drop_suppression: bool, now_ms: int) -> ErasureRecord:
    """The control record, for every partition. Raises ValueError for texts that cannot be."""
    by, reason = said_line("who says so", by), said_reason(reason) if reason else ""
    return ErasureRecord(mailbox.recipient_key, by, now_ms, reason, drop_suppression, mailbox.former_keys)


def notes_about(mailbox: Target, notes: Mapping[str, bytes]) -> list[str]:
    """Keys of suppressions and known traps that people have said of the mailbox, under either secret."""
    keys = {key for key in (mailbox.recipient_key, mailbox.former_key) if key}
    return sorted(key for key in notes if mailbox_of(key) in keys)


def moved_notes(mailbox: Target, notes: Mapping[str, bytes], secret: str) -> tuple[list[str], list[tuple[str, bytes]]]:
    """Of notes under the former secret: keys that go, and the same notes under the present one. `secret`: its
    fingerprint."""
    moving = MovedNotes(secret)
    moving.hear({key: notes[key] for key in notes_about(mailbox, notes)})
    if mailbox.former_key:
        moving.met(mailbox.former_key, mailbox.recipient_key)
    taken = [(str(each["key"]), each["value"]) for each in moving.take()]
    return [key for key, value in taken if value is None], [(key, value) for key, value in taken if value is not None]
