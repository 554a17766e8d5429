"""A service on hold, or one source of it: what may be asked for, its record in the log, the note kept of it. Pure."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from sidestep.schemas import HoldRecord, SourceHoldRecord
from sidestep.schemas.intents import CLAIMED, Label, ServiceName
from sidestep.schemas.typed import as_type
from sidestep.streams.masking import without_local_parts
from sidestep.streams.screen.notes import notes_below
from sidestep.streams.written_times import UNITS, moment_ms, span_ms

LONGEST_DAYS = 366
LAST_MS = 253_402_300_799_000
"""The end of the year 9999."""
REASON_MAX = 200
"""Characters. The reason stands in every verdict of the service."""
KEY = "hold/"
"""Of a note in email-control, before the service's name; U+001F and the source may follow."""

_NUMBER = re.compile(r"\d{1,15}(?:\.\d{1,9})?")


class Hold(msgspec.Struct, frozen=True):
    """The note of one hold in email-control. Times are milliseconds since 1970."""

    service: str
    until: int
    reason: str
    at: int
    partitions: int
    """Of email-evidence, that it was written to."""
    source: str = ""
    """Of the service; empty: all of it."""


def until_ms(text: str, now_ms: int) -> int:
    """The end of a hold as people write it -> milliseconds since 1970.

    RFC 3339 with an offset, a span from now (90min, 2h, 3d, 1w) or Unix seconds. Raises ValueError for anything else,
    for what is past and for what is more than LONGEST_DAYS away.
    """
    until = later_ms(text, now_ms)
    if until - now_ms > LONGEST_DAYS * UNITS["d"] * 1000:
        raise ValueError(f"{text!r} is more than {LONGEST_DAYS} days away")
    return until


def later_ms(text: str, now_ms: int) -> int:
    """A time as people write it, see until_ms, however far away -> milliseconds since 1970. Raises ValueError."""
    later = _read(text.strip(), now_ms)
    if later <= now_ms:
        when = rfc3339(later) if later >= 0 else "before 1970"
        raise ValueError(f"{text!r} is past ({when}); for a span from now give a unit, such as 2h or 3d")
    return later


def hold_record(
    service: str, until: int, reason: str, now_ms: int, source: str = "", by: str = ""
) -> HoldRecord | SourceHoldRecord:
    """The control record that puts `service`, or one source of it, on hold. Raises ValueError for a name or a reason
    that cannot be."""
    reason = without_local_parts(reason).strip()
    if not reason:
        raise ValueError("the reason is empty; it stands in every verdict of the service")
    if len(reason) > REASON_MAX or not reason.isprintable():
        raise ValueError(f"the reason must be at most {REASON_MAX} characters on one line, all of them printable")
    return _record(service, source, until, reason, now_ms, by)


def release_record(service: str, now_ms: int, source: str = "") -> HoldRecord | SourceHoldRecord:
    """The control record that lifts a hold. Raises ValueError for a name that no service, or no source, can have."""
    return _record(service, source, 0, "released", now_ms, "")


def _record(service: str, source: str, until: int, reason: str, now_ms: int, by: str) -> HoldRecord | SourceHoldRecord:
    service = service_name(service)
    if not source:
        return HoldRecord(service=service, until=until, reason=reason, at=now_ms)
    source = _allowed(source, Label, "source")
    return SourceHoldRecord(service=service, source=source, until=until, reason=reason, at=now_ms, by=by)


def service_name(name: str) -> str:
    """The name, if the contract allows it in an intent, or those have it who claim such a name. Raises ValueError."""
    _allowed(name.removesuffix(CLAIMED), ServiceName, "service")
    return name


def _allowed(name: str, kind: Any, what: str) -> str:
    try:
        as_type(name, kind)
    except msgspec.ValidationError as error:
        raise ValueError(f"no {what} can have this name: {error}") from None
    if not name.isprintable():
        raise ValueError(f"no {what} can have this name: it has characters that can't be printed")
    return name


def note(record: HoldRecord | SourceHoldRecord, partitions: int) -> tuple[str, bytes | None]:
    """Key and value for email-control; a hold that is lifted leaves nothing there."""
    source = record.source if isinstance(record, SourceHoldRecord) else ""
    key = KEY + record.service + (f"\x1f{source}" if source else "")
    if not record.until:
        return key, None
    hold = Hold(record.service, record.until, record.reason, record.at, partitions, source)
    return key, msgspec.json.encode(hold)


def in_force(notes: Mapping[str, bytes], now_ms: int) -> list[Hold]:
    """What email-control's notes (value by key) say of holds that have not ended, by service and source."""
    found = (hold for hold in notes_below(KEY, notes, Hold) if hold.until > now_ms)
    return sorted(found, key=lambda hold: (hold.service, hold.source))


def _read(text: str, now_ms: int) -> int:
    if (span := span_ms(text)) is not None:
        return now_ms + span
    if _NUMBER.fullmatch(text):
        return round(float(text) * 1000)
    return moment_ms(text, "neither a time (2026-10-01T08:00:00Z) nor a span (90min, 2h, 3d, 1w)")


def rfc3339(ms: int) -> str:
    """Milliseconds since 1970 -> UTC to the second, such as 2026-10-01T08:00:00Z. Of what no calendar has, the nearest
    that one has: a note with an absurd time must not hide the others."""
    within = min(max(ms, 0), LAST_MS)
    return datetime.fromtimestamp(within / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
