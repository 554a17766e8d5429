"""Rows of the ledger's ids: what has been counted, and what has had which verdict. Plain values only.

As in tables.py, times are seconds and a row's fields are stored by position.
"""

from msgspec import Struct

DEDUPLICATION_SECONDS = 8 * 86400
"""An id is known for a day longer than intents are retained: a replay of the whole topic repeats nothing."""


class SentTo(Struct, array_like=True, frozen=True, gc=False):
    """To whom an approved message goes, for feedback that names the intent's id alone (by_id.py)."""

    recipient_key: bytes
    domain: str
    token: bytes = b""
    """The end of the token that the verdict hands on (TOKEN_END in schemas/evidence.py)."""


class IdRow(Struct, array_like=True, gc=False):
    """An intent (or feedback) that has been counted; or one attempt of a content that has had its verdict (content: the
    last record of each partition in which it came, with spaces between them)."""

    at: int
    content: bytes = b""
    """Of an intent: the first eight octets of its content's key, and the evidence's `parts`."""
    attempt: int = 1
    """The last one that was judged, …"""
    action: int = 0
    began: int = 1
    """… and the first: 1, unless the ledger knew nothing of its id any more."""
    sent_to: SentTo | None = None
    """Of an approved intent."""


SEND, DROP, DEFER, COUNTED, STRAY, ERASED = 0, 1, 2, 3, 4, 5
"""IdRow.action. COUNTED: feedback. STRAY: feedback that was not of a message of ours; it may turn out to be.
ERASED: a mailbox that was forgotten."""
