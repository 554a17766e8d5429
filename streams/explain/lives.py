"""What the ledger's rows say of an address, a domain, a source, as pairs of a name and words. Pure."""

from collections.abc import Iterator

from sidestep.streams.decide.hosts import SILENT_AFTER
from sidestep.streams.decide.rules.case import span
from sidestep.streams.decide.tables import DomainRow, RecipientRow, SourceRow, Suppressed
from sidestep.streams.screen.holds import rfc3339

Fact = tuple[str, str]
"""What it is about, and what is known."""


def recipient_fields(row: RecipientRow) -> dict[str, object]:
    """What is known of a mailbox by name, times as RFC 3339; nothing that is not known."""
    stray, undone, trap, stopped = row.stray, row.taken_back, row.trap, row.suppressed
    every: dict[str, object] = {
        "first seen": _time(row.first_seen),
        "first mailed by": row.service,
        "last mailed": _time(row.last_approved),
        "last mailed by": row.last_service if row.last_approved else "",
        "last delivered": _time(row.last_delivered),
        "last engaged": _time(row.last_engaged),
        "hard bounces": row.hard_bounces,
        "hard bounced": [_time(at) for at in row.hard_bounces_at],
        "suspended": [_time(at) for at in row.suspensions_at],
        "complained": _time(row.complained_at),
        "opted out": _time(row.unsubscribed_at),
        "stray report": stray and f"{stray.what}, {stray.times} times, last of {_time(stray.at)}, {stray.service}",
        "suppressed": stopped and f"by {stopped.by}: {stopped.reason}",
        "known trap": trap and f"by {trap.by}: {trap.reason}",
        "taken back": undone and f"{', '.join(undone.kinds)} by {undone.by} on {_time(undone.at)}: {undone.reason}",
    }
    return {name: value for name, value in every.items() if value}


def recipient_facts(row: RecipientRow | None) -> Iterator[Fact]:
    """The life of a mailbox; one line says so where there is none."""
    if row is None or row == RecipientRow():
        yield "history", "none: nobody has written to it, as far as the ledger knows"
        return
    for name, value in recipient_fields(row).items():
        yield name, ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    if row.source:
        yield "first source", row.source
    if row.accepted_at:
        yield "takes mail again", f"since {_time(row.accepted_at)}"
    if row.silence:
        yield "longest silence", f"{span(row.silence)}, until {_time(row.woken_at)}"
    if row.unanswered:
        yield "unanswered", f"{row.unanswered:,} messages since the last sign of a person"


def domain_facts(row: DomainRow | None, now: int = 0) -> Iterator[Fact]:
    """The life of a domain, likewise. `now`: one that was first seen then was never met before."""
    if row is None or not row.first_seen or (row.first_seen == now and not row.sends):
        yield "history", "none: it was never met before"
        return
    yield "first seen", _time(row.first_seen)
    yield "traffic", f"{row.sends:,} messages of late, {row.hard_bounces:,} bounced, {row.complaints:,} complained of"
    if row.provider or row.exchange:
        yield "mail servers", f"{row.exchange or 'unknown'}{f', run by {row.provider}' if row.provider else ''}"
    if row.dark_since:
        yield "takes no mail", f"since {_time(row.dark_since)}: {row.dark_reason}"
    if row.back_at:
        yield "came back", f"{_time(row.back_at)}, after a time without mail ({row.dark_reason or 'no reason known'})"
    if row.moved_at:
        yield "changed servers", f"{_time(row.moved_at)}, after a dark time: its owner may have changed"
    if row.silent or row.alive or row.gone:
        silent = f"{row.silent:,} silent after {SILENT_AFTER} messages"
        yield "mailboxes", f"{silent}, {row.alive:,} where a person was seen, {row.gone:,} gone"
    if row.slowed is not None and row.slowed.said:
        yield "slowed down", f"it has answered {row.slowed.said} on {_time(row.slowed.answered)}"
    yield from _said(row.suppressed)
    if row.trap is not None:
        yield "known trap", f"by {row.trap.by} on {_time(row.trap.since)}: {row.trap.reason}"


def source_facts(row: SourceRow) -> Iterator[Fact]:
    """What became of what a source brought."""
    yield "new since", _time(row.began)
    yield "messages", f"{row.sent:,} of late, {row.hard_bounces:,} bounced, {row.complaints:,} complained of"
    if row.offered:
        counts = f"{row.unknown:,} do not exist, {row.suspicious:,} are suspicious, {row.traps:,} are traps"
        yield "addresses", f"{row.offered:,} of late: {counts}"
    if row.held_at:
        yield "held", f"since {_time(row.held_at)}"


def _said(stopped: Suppressed | None) -> Iterator[Fact]:
    if stopped is not None:
        lasting = f"until {_time(stopped.until)}" if stopped.until else "for good"
        yield "suppressed", f"by {stopped.by} on {_time(stopped.since)}, {lasting}: {stopped.reason}"


def _time(seconds: int) -> str:
    return rfc3339(seconds * 1000) if seconds else ""
