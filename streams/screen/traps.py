"""Spam traps that somebody knows: how people and providers name them, their records in the log, and the notes that are
kept of them. Pure.

As for suppressions no address is kept: an address stands in records and notes as the keyed hash of its mailbox.
"""

import re
from collections.abc import Mapping

import msgspec

from sidestep.schemas import TrapRecord
from sidestep.schemas.reading import read_time
from sidestep.streams.screen.holds import rfc3339
from sidestep.streams.screen.keys import Keys
from sidestep.streams.screen.log_layout import LogLayout
from sidestep.streams.screen.notes import notes_below
from sidestep.streams.screen.suppressions import (
    BASE64,
    HASH,
    Target,
    own_key,
    partitions_of,
    read_subject,
    said_line,
    said_reason,
)
from sidestep.streams.terminal import json_line

KEY = "trap/"
"""Of a note in email-control, before the subject."""

_DIGITS = re.compile(r"[0-9A-Fa-f]{32,128}")
_NUMBER = re.compile(r"\d{1,12}(?:\.\d{1,9})?")


class KnownTrap(msgspec.Struct, frozen=True):
    """The note of one known trap in email-control. Times are milliseconds since 1970; `hit_at` 0: nobody knows."""

    subject: str
    by: str
    at: int
    reason: str = ""
    hit_at: int = 0
    secret: str = ""
    """Fingerprint of the secret that the subject is keyed with; empty: nobody says."""


def read_trap(text: str, keys: Keys | None) -> Target:
    """ADDRESS, DOMAIN, hash:KEY@DOMAIN, hash:KEY or the key in base64 -> what is a trap; of a bare key no domain is
    known. Raises ValueError for anything else."""
    text = text.strip()
    said = text.removeprefix(HASH)
    if "@" not in said and (text != said or BASE64.fullmatch(said)):
        return Target("", own_key(said))
    if _DIGITS.fullmatch(said):
        raise ValueError(
            f"{text!r} looks like a hash of an address (MD5, SHA-256, …). Sidestep keeps no addresses to compare it "
            "with: put it into a feed of hashes, see docs/feeds.md. If it is Sidestep's own key of a mailbox, write "
            "hash:KEY"
        )
    return read_subject(text, keys)


def places_of(trap: Target, layout: LogLayout, count: int) -> list[int]:
    """The partitions where intents to it are judged: all of them where no domain is known."""
    return partitions_of(trap, layout, count) if trap.domain else list(range(count))


def hit_ms(text: str, now_ms: int) -> int:
    """When a message hit it: 2026-10-01, 2026-10-01T08:00:00Z or Unix seconds -> milliseconds. Raises ValueError."""
    text = text.strip()
    moment = float(text) if _NUMBER.fullmatch(text) else text
    return min(read_time("hit_at", moment, now_ms / 1000), now_ms) if text else 0


def trap_record(trap: Target, by: str, reason: str, hit_at: int, now_ms: int) -> TrapRecord:
    """The control record that makes it a known trap. Raises ValueError for texts that cannot be."""
    reason = said_reason(reason) if reason.strip() else ""
    by = said_line("who says so", by)
    return TrapRecord(trap.domain, by, now_ms, trap.recipient_key, reason, hit_at, former=trap.former_keys)


def no_trap_record(trap: Target, by: str, now_ms: int) -> TrapRecord:
    """The control record that takes it back: it was a mistake. Raises ValueError."""
    by = said_line("who says so", by)
    return TrapRecord(trap.domain, by, now_ms, trap.recipient_key, "removed", lifted=True, former=trap.former_keys)


def target_of(record: TrapRecord) -> Target:
    """What a record is about."""
    return Target(record.domain, record.recipient_key)


def note(record: TrapRecord, secret: str = "") -> tuple[str, bytes | None]:
    """Key and value for email-control; what is taken back leaves nothing there. `secret`: the fingerprint of that which
    an address is keyed with."""
    subject = target_of(record).text
    if record.lifted:
        return KEY + subject, None
    secret = secret if record.recipient_key else ""
    kept = KnownTrap(subject, record.by, record.at, record.reason, record.hit_at, secret)
    return KEY + subject, msgspec.json.encode(kept)


def other_notes(record: TrapRecord) -> list[str]:
    """Keys of notes of the same mailbox, by another of its domains or under a former secret, in place of which this
    one's comes."""
    former = next((former.recipient_key for former in record.former), b"")
    return [KEY + text for text in Target(record.domain, record.recipient_key, former).texts[1:]]


def as_json(found: KnownTrap) -> str:
    """A line of a list that can be read again."""
    fields = {"subject": found.subject, "reason": found.reason, "by": found.by, "since": rfc3339(found.at)}
    hit = {"hit_at": rfc3339(found.hit_at)} if found.hit_at else {}
    return json_line(fields | hit)


def known_traps(notes: Mapping[str, bytes]) -> list[KnownTrap]:
    """What email-control's notes (value by key) say of known traps, the latest first."""
    return sorted(notes_below(KEY, notes, KnownTrap), key=lambda it: (-it.at, it.subject))
