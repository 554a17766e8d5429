"""Rows of the partition itself: its clock, the control records in force, the fold. Plain values only.

As in tables.py, a row's fields are stored by position.
"""

from msgspec import Struct


class ClockRow(Struct, array_like=True, gc=False):
    """The partition's clock: the greatest stamp seen, milliseconds."""

    at_ms: int = 0
    sources_since: int = 0
    """Since when the ledger has stories of sources, seconds: in its first days none of them is new."""
    erased_at: int = 0
    """When a person was forgotten last, seconds: for a while feedback about him may still come."""


class ControlRow(Struct, array_like=True, gc=False):
    """A control record in force: `version` and its text (the policy's TOML, JSON of model and pace; else empty)."""

    version: str
    text: str = ""
    partitions: int = 1
    """Of the policy: how many partitions the log had when it was written, for limits that they share."""


class EngineRow(Struct, array_like=True, gc=False):
    """The fold that began with the record of this offset, which is the key: eight octets. Another one folded what came
    before, or none."""

    engine: str
