"""Records of the log that are larger than what is made of them may be. Pure.

Screen reads no more than 64 KiB of an intent. Whoever else can write into the log must not be able to make a verdict or
a row that no topic takes: it would be committed never, and stop its partition for ever.
"""

from collections.abc import Iterable

from sidestep.schemas import ListsRecord, ModelRecord, PolicyRecord
from sidestep.schemas.codec import MAX_RECORD, decode_evidence
from sidestep.streams.runtime.readable import UNREADABLE

OCTETS_MAX = 2 * MAX_RECORD
"""Of a record: twice what an intent may have, for what was found out about it. A verdict says some of it several times,
and must fit into a million octets."""
WHOLE = (PolicyRecord, ListsRecord, ModelRecord)
"""Records that are kept as they are, and quoted nowhere: as large as the topic takes them."""


def check_sizes(values: Iterable[bytes | None]) -> None:
    """Raises OverflowError where one of these records is too large to be folded. What can't be read is let pass."""
    for value in filter(None, values):
        if len(value) > OCTETS_MAX and not _is_whole(value):
            raise OverflowError(f"{len(value)} octets, more than {OCTETS_MAX}")


def _is_whole(value: bytes) -> bool:
    try:
        return isinstance(decode_evidence(value), WHOLE)
    except UNREADABLE:
        return True  # a dead letter anyway
