"""When rows end: 24 months of log time after the last thing that happened to what they are about; 100 days after it
where that was only named. Pure.

From then on a row counts for nothing. It leaves the ledger, and by a tombstone its changelog, when the log's time next
enters an hour in which its part of the keys is gone through: recipients' keys have 1,024 parts, names of domains,
services and sources 256. So all are gone through within 43 days, and no batch ever goes through the whole ledger.

Whoever may write intents can name as many as he likes that do not exist. Of these no mail, no answer and nobody's word
is remembered: what their rows say is true of every stranger, or will be found out again. docs/decisions/076 says of
each table why, and what makes a row more than that.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from sidestep.streams.decide.policy import DAY
from sidestep.streams.decide.tables import (
    BOUNCE_HISTORY,
    DOMAIN_RATES,
    SERVICES,
    SOURCES,
    DomainRow,
    RecipientRow,
    ServiceRow,
    SourceRow,
)
from sidestep.streams.runtime.tables import Table

KEPT_SECONDS = 731 * DAY
"""24 months, one of the years a leap year."""
NAMED_SECONDS = 100 * DAY
"""Of what was only named: a list that is used once in a quarter names it again in time."""
OFFERED = 10
"""Addresses that a source has offered, from which on bad ones among them are a mark of its own."""
HOUR_MS = 3_600_000
PARTS = 1024
"""Hours after which every part of every table has been gone through."""

Aging = RecipientRow | DomainRow | ServiceRow | SourceRow


class Stretch(NamedTuple):
    """Keys of a table from `start` on; `stop`, where there is one, is in the next part."""

    table: Table[Any]
    start: bytes
    stop: bytes | None

    def __contains__(self, key: object) -> bool:
        return isinstance(key, bytes) and self.start <= key and (self.stop is None or key < self.stop)


def ended(row: Aging, now: int) -> bool:
    """Nothing has happened for so long that it counts no more. `now`: seconds."""
    touched = row.touched
    return 0 < touched < now - NAMED_SECONDS and (touched < now - KEPT_SECONDS or not has_story(row))


def has_story(row: Aging) -> bool:
    """Whether more is remembered than that somebody has named it: mail that went out, what came back, what somebody
    has said, or a mark."""
    if isinstance(row, RecipientRow):
        return _recipient_has(row)
    if isinstance(row, DomainRow):
        return _domain_has(row)
    if isinstance(row, ServiceRow):
        return bool(row.sends or row.hard_bounces or row.complaints or row.warm_up is not None)
    return _source_has(row)


def _recipient_has(row: RecipientRow) -> bool:
    """A stray report is none: it stops no mail, and anybody can make one about anybody."""
    return bool(
        row.last_approved
        or row.last_delivered
        or row.last_engaged
        or row.hard_bounced_at
        or row.suspended_at
        or row.complained_at
        or row.unsubscribed_at
        or row.subscribed_at
        or row.suppressed is not None
        or row.trap is not None
        or row.taken_back is not None
    )


def _domain_has(row: DomainRow) -> bool:
    """Of a domain, and of a host of mail. One that has never taken mail is a made-up name, until it does."""
    return bool(
        row.sends
        or row.hard_bounces
        or row.complaints
        or row.suppressed is not None
        or row.trap is not None
        or row.slowed is not None
        or row.back_at
        or (row.dark_since and row.exchange)
        or row.settled_at
        or row.silent
        or row.alive
        or row.gone
        or row.slips
        or row.domains > 1
    )


def _source_has(row: SourceRow) -> bool:
    return bool(
        row.last_sent
        or row.hard_bounces
        or row.complaints
        or row.engaged
        or row.held_at
        or row.traps
        or row.proved_at
        or (row.offered >= OFFERED and (row.unknown or row.suspicious))
    )


def stretches(hour: int) -> Iterator[Stretch]:
    """What is gone through as the log's time enters an hour (since 1970)."""
    yield _stretch(BOUNCE_HISTORY, hour, PARTS, 2)
    for table in (DOMAIN_RATES, SERVICES, SOURCES):
        yield _stretch(table, hour, 256, 1)


def hours(before_ms: int, after_ms: int) -> range:
    """The hours that the log's time enters; after a long silence as many as go through everything once."""
    last = after_ms // HOUR_MS
    return range(max(before_ms // HOUR_MS, last - PARTS) + 1, last + 1)


def due(before_ms: int, after_ms: int) -> list[Stretch]:
    """What is gone through as the log's time goes on so far, each stretch once."""
    return list(dict.fromkeys(stretch for hour in hours(before_ms, after_ms) for stretch in stretches(hour)))


def _stretch(table: Table[Any], hour: int, count: int, octets: int) -> Stretch:
    """Of `count` equal parts of the keys, by their first octets."""
    number, size = hour % count, 256**octets // count
    start = (number * size).to_bytes(octets, "big") if number else b""
    stop = ((number + 1) * size).to_bytes(octets, "big") if number + 1 < count else None
    return Stretch(table, start, stop)
