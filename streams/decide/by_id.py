"""Feedback that names its message by the intent's id alone: whose it is, as the ledger of the intent knows. Pure.

Every partition of the log has the record; the one that has approved the intent finds the recipient, all others pass it
over. docs/decisions/078-recipient-by-an-id.md says why, and how it is told that nobody knows an id.
"""

from collections.abc import Callable, Iterable, Sequence

from msgspec.structs import replace

from sidestep.schemas import Evidence, FeedbackEvidence, IntentEvidence, SoughtFeedback
from sidestep.schemas.evidence import TOKEN_END
from sidestep.streams.decide.erasure import comes_late
from sidestep.streams.decide.id_rows import DEDUPLICATION_SECONDS, IdRow, SentTo
from sidestep.streams.decide.policy import DAY
from sidestep.streams.decide.state import State
from sidestep.streams.decide.tables import IDS
from sidestep.streams.runtime.tables import Table

ReadIds = Callable[[Table[IdRow], Iterable[bytes]], dict[bytes, IdRow]]


def sent_to_of(evidence: IntentEvidence) -> SentTo | None:
    """What is kept of an intent that is approved; None: of a test, or of what has no recipient."""
    if evidence.test or not evidence.recipient_key:
        return None
    return SentTo(evidence.recipient_key, evidence.domain, _end_of(evidence.token))


def find_recipient(state: State, sought: SoughtFeedback) -> FeedbackEvidence | None:
    """The feedback, of the recipient of the message that it names; None: this ledger knows no such message, or nothing
    of its recipient any more."""
    now = state.controls.clock_ms // 1000
    for key in sought.id_keys:
        row = state.ids.get(key)
        if row is not None and row.sent_to is not None and now - row.at <= DEDUPLICATION_SECONDS:
            found = _told(sought, row.sent_to, row.at)
            known = state.known(found.recipient_key, now) is not None or comes_late(state, found, now)
            return found if known else None
    return None


def candidates(others: Sequence[Evidence], intents: Sequence[IntentEvidence], read: ReadIds) -> list[FeedbackEvidence]:
    """What the feedback of a batch that names ids alone may come to: by the ledger, and by intents of the batch."""
    sought = [record for record in others if type(record) is SoughtFeedback]
    if not sought:
        return []
    keys = {key for record in sought for key in record.id_keys}
    places = {key: [row.sent_to] for key, row in read(IDS, keys).items() if row.sent_to is not None}
    for intent in intents:
        if intent.id_key in keys and (sent_to := sent_to_of(intent)) is not None:
            places.setdefault(intent.id_key, []).append(sent_to)
    return [
        _told(record, sent_to, 0)
        for record in sought
        for key in record.id_keys
        for sent_to in places.get(key, ())
    ]  # fmt: skip


def _end_of(token: str) -> bytes:
    try:
        return bytes.fromhex(token[-2 * TOKEN_END :])
    except ValueError:  # whoever has written it: nothing can be tied by it
        return b""


def _told(sought: SoughtFeedback, sent_to: SentTo, at: int) -> FeedbackEvidence:
    """`at`: when the message was approved, seconds."""
    found = replace(sought.said, recipient_key=sent_to.recipient_key, domain=sent_to.domain)
    if sought.token:
        found.tied = "token" if sought.token == sent_to.token else "wrong-token"
        found.tied_at = at // DAY * DAY * 1000 if found.tied == "token" else 0
    return found
