"""Which records a stage can fold: what its judge makes dead letters of, and what an audit passes over. Pure.

A record is left out because it can't be read, or because the fold of it alone fails, after all that stand before it.
Both follow from the log, so that a judge and an audit come to the same, however they cut it.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from sidestep.topics.errors import SidestepError

MOST = 253_402_300_799_999
"""The last millisecond of the year 9999: no clock shows a later one."""
UNREADABLE = (ValueError, RecursionError, TypeError)
"""What a decoder raises of a record that can't be read."""

RecordT = TypeVar("RecordT")


class Unfoldable(Exception):
    """One of these records, or several, can't be folded: the error is told by `__cause__`."""


@contextmanager
def folding() -> Iterator[None]:
    """Around what is made of records before anything of it counts: whatever fails is their fault, and is raised as
    Unfoldable. Errors that say what to do are no records' fault, nor is a want of memory."""
    try:
        yield
    except (SidestepError, MemoryError):
        raise
    except Exception as error:
        raise Unfoldable from error


def halves(records: Sequence[RecordT]) -> tuple[Sequence[RecordT], Sequence[RecordT]]:
    """Records that can't be folded together, as two lots to be folded one after the other: at the end of that each that
    fails is alone."""
    middle = len(records) // 2
    return records[:middle], records[middle:]


def check_stamps(stamps: Iterable[int], most: int = MOST) -> None:
    """Raises OverflowError for a stamp that no clock shows: a partition's clock would never go back from there."""
    if max(stamps, default=0) > most:
        raise OverflowError(f"a stamp is beyond {most}")
