"""What rows of mailboxes keep of marks that were not believed, or were taken back. Plain values only.

As in tables.py, times are seconds and fields are stored by position.
"""

from msgspec import Struct


class StrayReport(Struct, array_like=True, frozen=True, gc=False):
    """Somebody has said something of a mailbox that is not of a message of ours."""

    at: int
    """When it happened, of the last one."""
    what: str
    """hard-bounce, suspension, complaint, opt-out or trap."""
    service: str
    """Whose message it is said to be about; empty: nobody says."""
    times: int = 1


class TakenBack(Struct, array_like=True, frozen=True, gc=False):
    """Somebody has taken marks of a mailbox back."""

    at: int
    by: str
    reason: str
    kinds: tuple[str, ...]
    """hard-bounce, suspension, complaint, opt-out, stray-report."""
