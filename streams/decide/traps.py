"""Spam traps that somebody knows, into the rows of mailboxes and domains, and of the sources that brought them. Pure.

Only who has said so by mistake can take it back: no later success does, for a trap takes mail as long as it is one.
"""

from sidestep.schemas import TrapRecord
from sidestep.streams.decide.counted import TrapHit
from sidestep.streams.decide.id_rows import COUNTED, IdRow
from sidestep.streams.decide.outcomes import take_lesson, whose
from sidestep.streams.decide.sources import brought_by
from sidestep.streams.decide.state import State
from sidestep.streams.decide.tables import RecipientRow, Trapped
from sidestep.streams.decide.ties import is_ours, recurrence, set_aside


def mark_trap(state: State, record: TrapRecord) -> None:
    """Who reported it first stays; a later hit is noted. Of a provider's report that comes again, nothing, and of one
    that is not of a message of ours hardly anything."""
    now = state.controls.clock_ms // 1000
    if record.event_key:
        again, stray_again = recurrence(state, record.event_key, now)
        if again:
            return
        when = min(record.hit_at // 1000, now) if record.hit_at else now
        if not is_ours(state, record, when):
            set_aside(state, record, stray_again, when, now)
            return
        state.remember(record.event_key, IdRow(now, action=COUNTED))
    if record.lifted:
        _take_back(state, record, now)
    elif record.recipient_key:
        _mark_mailbox(state, record, now)
    else:
        domain = state.domain(record.domain.encode(), now)
        state.marked += [_reporter(record)] if domain.trap is None else []
        domain.trap = _said(domain.trap, record, now)


def _mark_mailbox(state: State, record: TrapRecord, now: int) -> None:
    """A bare key stands in every partition: where nobody has heard of the mailbox it is marked, but not counted."""
    heard_of = record.domain or state.known(record.recipient_key, now) is not None
    row = state.recipient(record.recipient_key, now)
    known, row.trap = row.trap, _said(row.trap, record, now)
    if known is None:
        _count(state, row, 1)
        state.marked += [_reporter(record)] if heard_of else []
    # a record that stands in every partition meets the mailbox that was mailed in one of them
    if row.last_approved and (known is None or record.event_key or row.trap.hit_at > known.hit_at):
        state.others.append(TrapHit(whose(state, row, record.domain, ""), take_lesson(state, row, bad=True)))


def _said(known: Trapped | None, record: TrapRecord, now: int) -> Trapped:
    hit_at = min(record.hit_at // 1000, now)
    if known is None:
        return Trapped(record.at // 1000, record.by, record.reason, hit_at)
    return Trapped(known.since, known.by, known.reason, max(known.hit_at, hit_at))


def _count(state: State, row: RecipientRow, one: int) -> None:
    for source in brought_by(state, row):
        source.traps = max(0, source.traps + one)


def _take_back(state: State, record: TrapRecord, now: int) -> None:
    """Of what nobody has said, nothing."""
    state.long = True  # what a row was kept for may be gone
    domain = None if record.recipient_key else state.domains.get(record.domain.encode())
    if domain is not None:  # always counts as written
        domain.trap = None
    row = state.known(record.recipient_key, now) if record.recipient_key else None
    if row is not None and row.trap is not None:
        row.trap = None
        state.written_recipients[record.recipient_key] = row
        _count(state, row, -1)


def _reporter(record: TrapRecord) -> str:
    """Only a provider's report has an event of its own."""
    return "provider" if record.event_key else "person"
