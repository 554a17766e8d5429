"""A person who is forgotten: what is known of a mailbox goes, and comes back with no report that was under way. Pure.

What stops mail to it stays, unless the record says otherwise: that somebody has said so, and that the person has.
"""

from base64 import b64encode
from collections.abc import Iterable

from sidestep.schemas import ErasureRecord, Evidence, FeedbackEvidence, Tally
from sidestep.streams.decide.controls import Controls
from sidestep.streams.decide.id_rows import DEDUPLICATION_SECONDS, ERASED, IdRow
from sidestep.streams.decide.keys import erased_key
from sidestep.streams.decide.state import State
from sidestep.streams.decide.tables import BOUNCE_HISTORY, RecipientRow

OBJECTIONS = ("complaint", "unsubscribed")
"""What a person says against mail: of a message of ours it counts whenever it comes. All else that comes late makes no
row."""


def erase(state: State, record: ErasureRecord) -> None:
    """Of a mailbox that nobody knows, nothing but that late reports about it make no row."""
    now = state.controls.clock_ms // 1000
    keys = _keys(record)
    state.controls.erased_at = now
    for key in keys:
        state.remember(erased_key(key), IdRow(now, action=ERASED))
    state.tallies.erase([_text(key) for key in keys])
    row = state.known(record.recipient_key, now)
    if row is None:
        return
    state.forget(BOUNCE_HISTORY, record.recipient_key)
    kept = None if record.drop_suppression else _kept(row, now)
    if kept is not None:
        state.written_recipient(record.recipient_key, kept, now)
    state.announced.append(record)


def comes_late(state: State, feedback: FeedbackEvidence, now: int) -> bool:
    """Whether it is about a mailbox that was forgotten of late and not written to since."""
    if not _may_be_late(state.controls, now):
        return False
    rows = (state.ids.get(erased_key(key)) for key in _keys(feedback))
    if not any(row is not None and now - row.at <= DEDUPLICATION_SECONDS for row in rows):
        return False
    known = state.known(feedback.recipient_key, now)
    return known is None or not known.last_approved


def late_keys(others: Iterable[Evidence], controls: Controls) -> list[bytes]:
    """Keys in IDS by which feedback is known to be late; none where nobody was forgotten of late."""
    records = list(others)
    erasures = any(type(record) is ErasureRecord for record in records)
    if not erasures and not _may_be_late(controls, controls.clock_ms // 1000):
        return []
    return [erased_key(key) for record in records if type(record) is FeedbackEvidence for key in _keys(record)]


def erasure_tally(record: ErasureRecord, partition: int) -> Tally:
    """What Watch must know, for every partition of email-tallies. `partition`: of the evidence."""
    erased = [_text(key) for key in _keys(record)]
    return Tally(service="", partition=partition, second=record.at // 1000, erased=erased)


def stops_mail_alone(row: RecipientRow) -> bool:
    """Whether a row says no more than what an erasure leaves."""
    return row == _kept(row, row.first_seen)


def _keys(record: ErasureRecord | FeedbackEvidence) -> list[bytes]:
    return [key for key in (record.recipient_key, *(it.recipient_key for it in record.former)) if key]


def _may_be_late(controls: Controls, now: int) -> bool:
    return bool(controls.erased_at) and now - controls.erased_at <= DEDUPLICATION_SECONDS


def _kept(row: RecipientRow, now: int) -> RecipientRow | None:
    """A row that says no more than that no mail is to go there, and why."""
    kept = RecipientRow(
        first_seen=now,
        complained_at=row.complained_at,
        unsubscribed_at=row.unsubscribed_at,
        suppressed=row.suppressed,
        trap=row.trap,
    )
    return kept if kept != RecipientRow(first_seen=now) else None


def _text(key: bytes) -> str:
    """As tallies and anomalies have it."""
    return b64encode(key).decode()
