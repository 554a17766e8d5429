"""Marks that feedback has left in histories and that somebody takes back: the record for the log. Pure."""

from typing import get_args

from sidestep.schemas import MarksRecord
from sidestep.schemas.controls import MarkKind
from sidestep.streams.screen.keys import Keys
from sidestep.streams.screen.suppressions import Target, read_subject, said_line, said_reason

KEY = "marks/"
"""Of a note in email-control, before the subject."""
KINDS: tuple[MarkKind, ...] = get_args(MarkKind)


def read_mailbox(text: str, keys: Keys | None) -> Target:
    """ADDRESS or hash:HEX@DOMAIN. Raises ValueError for anything else; `keys` None: for an address, too."""
    found = read_subject(text, keys)
    if not found.recipient_key:
        raise ValueError(f"{text!r} is a domain: marks are those of a mailbox")
    return found


def marks_record(mailbox: Target, kinds: tuple[MarkKind, ...], reason: str, by: str, now_ms: int) -> MarksRecord:
    """The control record that takes marks back; no kinds: all. Raises ValueError for texts that cannot be."""
    said = said_reason(reason), said_line("who says so", by)
    return MarksRecord(mailbox.domain, mailbox.recipient_key, *said, now_ms, kinds, mailbox.former_keys)


def note(record: MarksRecord) -> tuple[str, None]:
    """Key for email-control, where nothing is kept of it: the ledger's row says who has done it."""
    return KEY + Target(record.domain, record.recipient_key).text, None
