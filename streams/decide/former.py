"""Rows that stand under keys of before the secret was changed: each moves to its present key with the first record that
names both. Pure.

From then on it is found as if it had always been there: the same verdicts, the same rows. What nobody meets stays under
its old key, until it ends there.
"""

from msgspec.structs import replace

from sidestep.schemas import (
    ErasureRecord,
    FeedbackEvidence,
    FormerKeys,
    IntentEvidence,
    MarksRecord,
    SuppressRecord,
    TrapRecord,
)
from sidestep.streams.decide.id_rows import DEDUPLICATION_SECONDS, IdRow
from sidestep.streams.decide.keys import attempt_key
from sidestep.streams.decide.merge import merged
from sidestep.streams.decide.state import State
from sidestep.streams.decide.tables import BOUNCE_HISTORY

Moving = IntentEvidence | FeedbackEvidence | SuppressRecord | TrapRecord | MarksRecord | ErasureRecord
"""What may name keys of before."""


def move(state: State, record: Moving) -> None:
    """Everything that this record is about, to the keys that it has now."""
    for former in record.former:
        if former.recipient_key and record.recipient_key != former.recipient_key:
            _move_recipient(state, former.recipient_key, record.recipient_key)
        if isinstance(record, IntentEvidence):
            _move_intent(state, former, record)
        elif isinstance(record, FeedbackEvidence | TrapRecord) and former.id_key:
            _move_id(state, former.id_key, record.event_key)


def _move_recipient(state: State, old_key: bytes, key: bytes) -> None:
    now = state.controls.clock_ms // 1000
    old = state.known(old_key, now)
    if old is None:
        return
    row = state.known(key, now)
    state.forget(BOUNCE_HISTORY, old_key)
    state.recipients[key] = state.written_recipients[key] = old if row is None else merged(old, row)
    state.long = True  # it has come to another part of the keys, where this very batch may end it


def _move_intent(state: State, former: FormerKeys, evidence: IntentEvidence) -> None:
    """The row of its id, whatever content that has, and those of its content."""
    moved = evidence.id_key not in state.ids and _move_id(state, former.id_key, evidence.id_key)
    row = state.ids.get(evidence.id_key)
    if row is not None and row.content[:8] == former.content_key[:8]:
        content, sent_to = evidence.content_key[:8] + evidence.parts, row.sent_to
        if sent_to is not None and sent_to.recipient_key == former.recipient_key:
            sent_to = replace(sent_to, recipient_key=evidence.recipient_key)
        state.remember(evidence.id_key, replace(row, content=content, sent_to=sent_to))
    elif row is not None and moved:
        # its parts were made with the other secret: there is nothing to compare them with
        state.remember(evidence.id_key, replace(row, content=row.content[:8]))
    if evidence.content_key not in state.ids:
        _move_id(state, former.content_key, evidence.content_key)
    if evidence.attempt != 1:
        attempt, before = (attempt_key(key, evidence.attempt) for key in (evidence.content_key, former.content_key))
        if attempt not in state.ids:
            _move_id(state, before, attempt)


def _move_id(state: State, old_key: bytes, key: bytes) -> bool:
    """A copy: rows of ids end by themselves. Whether there was anything to move."""
    row: IdRow | None = state.ids.get(old_key)
    if row is not None and state.controls.clock_ms // 1000 - row.at <= DEDUPLICATION_SECONDS:
        state.remember(key, row)
        return True
    return False
