"""What somebody takes back of what feedback has left in the history of a mailbox. Pure."""

from typing import get_args

from sidestep.schemas import MarksRecord
from sidestep.schemas.controls import MarkKind
from sidestep.streams.decide.mark_rows import TakenBack
from sidestep.streams.decide.state import State
from sidestep.streams.decide.tables import RecipientRow


def take_marks_back(state: State, record: MarksRecord) -> None:
    """Marks as if they had not been made. Of a mailbox that nobody knows, nothing; the row tells who has done it."""
    now = state.controls.clock_ms // 1000
    if state.known(record.recipient_key, now) is None:
        return
    state.long = True  # what it was kept for may be gone
    row = state.recipient(record.recipient_key, now)
    kinds = record.kinds or get_args(MarkKind)
    domain = state.domain(record.domain.encode(), now)
    if "hard-bounce" in kinds:
        domain.hard_bounces = max(0, domain.hard_bounces - row.hard_bounces)
        row.hard_bounces, row.hard_bounced_at, row.hard_bounces_at = 0, 0, ()
    if "suspension" in kinds:
        row.suspended_at, row.suspensions_at = 0, ()
    if "complaint" in kinds:
        domain.complaints = max(0, domain.complaints - bool(row.complained_at))
        row.complained_at = 0
    if "opt-out" in kinds:
        row.unsubscribed_at = 0
    if "stray-report" in kinds:
        row.stray = None
    _forget_return(row)
    row.taken_back = TakenBack(record.at // 1000, record.by, record.reason, kinds)


def _forget_return(row: RecipientRow) -> None:
    """Where there is no mark any more, it has not come back after one."""
    if not (row.hard_bounced_at or row.suspended_at):
        row.accepted_at = 0
