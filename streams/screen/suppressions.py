"""Addresses and domains to which no more mail is to go, because somebody says so: how they are written, their records
in the log, and the notes that are kept of them. Pure.

No address is kept anywhere: an address stands in records and notes as the keyed hash of its mailbox, with its domain.
"""

import binascii
import re
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from sidestep.schemas import FormerKeys, SuppressRecord
from sidestep.streams.masking import without_local_parts
from sidestep.streams.screen.address.domain import read_domain
from sidestep.streams.screen.address.mailbox import domains_of
from sidestep.streams.screen.address.parse import parse
from sidestep.streams.screen.holds import rfc3339
from sidestep.streams.screen.keys import SIZE, Keys
from sidestep.streams.screen.log_layout import LogLayout
from sidestep.streams.screen.notes import notes_below
from sidestep.streams.terminal import json_line

BASE64 = re.compile(r"[0-9A-Za-z+/]{22}==")
"""A key of ours as the log's JSON has it."""
KEY = "suppress/"
"""Of a note in email-control, before the subject."""
TEXT_MAX = 200
"""Characters of a reason, and of who says so: both stand in every verdict."""


HASH = "hash:"
"""Begins a subject whose address nobody knows any more: hash:HEX@DOMAIN."""


class Target(NamedTuple):
    """What mail is stopped to: a mailbox at a domain, or where there is no key the whole domain."""

    domain: str
    recipient_key: bytes = b""
    former_key: bytes = b""
    """Of the same mailbox under the former secret, while there are two."""

    @property
    def former_keys(self) -> tuple[FormerKeys, ...]:
        """As records have them."""
        return (FormerKeys(self.former_key),) if self.former_key else ()

    @property
    def texts(self) -> list[str]:
        """As its note has it, and as another one of the same mailbox may: by another of its domains, or under the
        former secret."""
        if not self.recipient_key:
            return [self.text]
        domains = [self.domain, *sorted(domains_of(self.domain) - {self.domain})]
        keys = [key for key in (self.recipient_key, self.former_key) if key]
        return [Target(domain, key).text for key in keys for domain in domains]

    @property
    def text(self) -> str:
        """As notes, lists and exports have it, and as it can be read again."""
        if not self.recipient_key:
            return self.domain
        return f"{HASH}{self.recipient_key.hex()}" + (f"@{self.domain}" if self.domain else "")


class Suppression(msgspec.Struct, frozen=True):
    """The note of one suppression in email-control. Times are milliseconds since 1970; `until` 0: for good."""

    subject: str
    reason: str
    by: str
    at: int
    until: int = 0
    secret: str = ""
    """Fingerprint of the secret that the subject is keyed with; empty: nobody says."""


def read_subject(text: str, keys: Keys | None) -> Target:
    """ADDRESS, DOMAIN or hash:HEX@DOMAIN. Raises ValueError for anything else; `keys` None: for an address, too."""
    text = text.strip()
    if text.startswith(HASH):
        return _of_hash(text.removeprefix(HASH))
    if "@" not in text:
        return Target(_domain(text))
    address = parse(text)
    if address.reason:
        raise ValueError(f"{text!r} is no address: {address.reason}")
    if keys is None:
        raise ValueError(f"{text!r} is an address: the hash key of the Screen workers is needed, see SIDESTEP_HASH_KEY")
    former = keys.former.recipient(address.identity) if keys.former is not None else b""
    return Target(address.domain, keys.recipient(address.identity), former)


def own_key(text: str) -> bytes:
    """A mailbox's key in hexadecimal digits, as lists have it, or in base64, as the log has it. Raises ValueError."""
    try:
        key = binascii.a2b_base64(text, strict_mode=True) if BASE64.fullmatch(text) else bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != SIZE:
        raise ValueError(f"{HASH}{text}: expected {2 * SIZE} hex digits, or recipient_key as email-evidence has it")
    return key


def partitions_of(subject: Target, layout: LogLayout, count: int) -> list[int]:
    """Where intents to it are judged, in a log of so many partitions. A mailbox has one such place, but in a log that
    is laid out by domains as they are written (gmail.com and googlemail.com)."""
    domains = domains_of(subject.domain) if subject.recipient_key else (subject.domain,)
    return sorted({layout.partition(domain, count) for domain in domains})


def suppress_record(subject: Target, until: int, reason: str, by: str, now_ms: int) -> SuppressRecord:
    """The control record that stops all mail to it; `until` 0: for good. Raises ValueError for texts that cannot be."""
    reason, by = said_reason(reason), said_line("who says so", by)
    key, former = subject.recipient_key, subject.former_keys
    return SuppressRecord(subject.domain, reason, by, now_ms, key, until, former=former)


def lift_record(subject: Target, by: str, now_ms: int) -> SuppressRecord:
    """The control record that lets mail through again. Raises ValueError."""
    by = said_line("who says so", by)
    key, former = subject.recipient_key, subject.former_keys
    return SuppressRecord(subject.domain, "removed", by, now_ms, key, lifted=True, former=former)


def note(subject: Target, record: SuppressRecord, secret: str = "") -> tuple[str, bytes | None]:
    """Key and value for email-control; what is taken back leaves nothing there. `secret`: the fingerprint of that which
    an address is keyed with."""
    key = KEY + subject.text
    if record.lifted:
        return key, None
    secret = secret if subject.recipient_key else ""
    kept = Suppression(subject.text, record.reason, record.by, record.at, record.until, secret)
    return key, msgspec.json.encode(kept)


def as_json(found: Suppression) -> str:
    """A line of a list that can be read again."""
    fields = {"subject": found.subject, "reason": found.reason, "by": found.by, "since": rfc3339(found.at)}
    return json_line(fields | ({"until": rfc3339(found.until)} if found.until else {}))


def in_force(notes: Mapping[str, bytes], now_ms: int) -> list[Suppression]:
    """What email-control's notes (value by key) say of suppressions that have not ended, the latest first."""
    found = [it for it in notes_below(KEY, notes, Suppression) if not it.until or it.until > now_ms]
    return sorted(found, key=lambda it: (-it.at, it.subject))


def _of_hash(text: str) -> Target:
    digits, at, domain = text.partition("@")
    key = own_key(digits)
    if not at:
        raise ValueError(f"{HASH}{text}: @ and the domain are missing")
    return Target(_domain(domain), key)


def _domain(text: str) -> str:
    found = read_domain(text)
    if found.reason:
        raise ValueError(f"{text!r} is neither an address nor a domain: {found.reason}")
    return found.name


def said_line(what: str, text: str) -> str:
    """A reason, or who says so, as verdicts can have it. Raises ValueError."""
    text = text.strip()
    if not text:
        raise ValueError(f"{what} is empty; it stands in every verdict")
    if len(text) > TEXT_MAX or not text.isprintable():
        raise ValueError(f"{what} must be at most {TEXT_MAX} characters on one line, all of them printable")
    return text


def said_reason(text: str) -> str:
    """A reason likewise, without the local parts of the addresses in it: it is kept for as long as what it is the
    reason of. Raises ValueError."""
    return said_line("the reason", without_local_parts(text))
