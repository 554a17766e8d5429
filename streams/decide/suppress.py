"""What somebody has said by hand about an address or a domain, into its row. Pure."""

from sidestep.schemas import SuppressRecord
from sidestep.streams.decide.state import State
from sidestep.streams.decide.tables import DomainRow, RecipientRow, Suppressed


def suppress(state: State, record: SuppressRecord) -> None:
    """What was said last holds. Taking back what nobody has said changes nothing."""
    now = state.controls.clock_ms // 1000
    if record.lifted and not _known(state, record, now):
        return
    state.long = state.long or record.lifted  # what the row was kept for may be gone
    row: DomainRow | RecipientRow
    if record.recipient_key:
        row = state.recipient(record.recipient_key, now)
    else:
        row = state.domain(record.domain.encode(), now)
    since, until = record.at // 1000, -(-record.until // 1000)
    row.suppressed = None if record.lifted else Suppressed(since, until, record.reason, record.by)


def _known(state: State, record: SuppressRecord, now: int) -> bool:
    if record.recipient_key:
        return state.known(record.recipient_key, now) is not None
    return record.domain.encode() in state.domains
