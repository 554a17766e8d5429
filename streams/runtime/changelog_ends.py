"""Where reading a changelog back begins, and whether it still has what a ledger lacks. Pure."""

from sidestep.streams.errors import LedgerError

TOMBSTONE_SECONDS = 12 * 3600
"""Kafka keeps tombstones for a day, unless the topic says otherwise (delete.retention.ms), before compaction may take
them; half of it is for clocks that differ. A ledger on disk that is older may have rows whose end nothing in the
changelog tells of any more."""


def begins_anew(applied: int, start: int, recent: int, high: int) -> bool:
    """Whether a ledger on disk, read on from `start`, is too old to be brought up to date. `recent`: the first offset
    whose record is younger than tombstones last, -1: there is none."""
    return applied >= 0 and start + 1 < high and not 0 <= recent <= start


def first_offset(place: str, applied: int, low: int, high: int, *, compacted: bool) -> int:
    """The offset to read from. `applied`: the last one that the ledger on disk has, -1: none. `low`, `high`: where the
    changelog begins and ends now. Raises LedgerError.

    Compaction leaves holes and moves neither end. Retention moves the beginning of a changelog that is kept by time,
    past what nobody needs any more. A *compacted* one only begins later when somebody has deleted its records.
    """
    start = applied + 1
    if start > high:
        raise LedgerError(
            f"{place}: the ledger on disk has applied offset {applied}, but the changelog ends at {high}. This folder "
            "belongs to another cluster, or the broker has lost data. Remove the folder to rebuild it from the "
            "changelog."
        )
    # what is applied ends with a transaction, whose own end takes an offset and is no record
    complete = start + 1 if applied >= 0 else start
    if compacted and low > complete:
        has = f"ends at {applied}" if applied >= 0 else "is empty"
        raise LedgerError(
            f"{place}: records before {low} were deleted from the changelog, and the ledger on disk {has}: the rows "
            "between are gone. Start this worker with a data folder that has them: another worker's, or a backup. "
            "Without one, begin anew: delete both changelogs, run `sidestep topics create` and remove this folder; all "
            "history, limits, holds and known ids are forgotten by that."
        )
    return max(start, low)
