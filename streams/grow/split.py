"""What becomes of an old partition: which new ones come from it, what of its ledger they begin with, what providers may
take from each. Pure."""

from collections.abc import Iterable

from msgspec.structs import replace

from sidestep.schemas import PaceRecord
from sidestep.schemas.controls import Pace
from sidestep.schemas.typed import json_as
from sidestep.streams.chain import CHAIN
from sidestep.streams.decide.partition_rows import ControlRow
from sidestep.streams.decide.tables import CONTROL, ENGINES, OPEN_TALLIES

POLICY, PACE = (CONTROL.prefix + name for name in (b"policy", b"pace"))
COPIED = b"\0copied"
"""Key of the row by which a new partition's changelog says how far it is a copy, in each transaction."""
LEFT_BEHIND = (CHAIN.prefix, ENGINES.prefix, OPEN_TALLIES.prefix)
"""First octets of keys whose rows are about the old partition's offsets, or are counted there: the marker and the
chain, by which engine what was folded, the second that lasts."""


def fault(before: int, wanted: int) -> str:
    """Why the log can't be grown to so many partitions; empty: it can."""
    if wanted > before and wanted % before == 0:
        return ""
    some = ", ".join(str(before * times) for times in (2, 3, 4))
    return (
        f"--partitions {wanted}: the log has {before}, and can grow to a multiple of that: {some}, … So each "
        "new partition takes over from one old one, whose ledger it begins with; Kafka takes no partitions away"
    )


def children(parent: int, before: int, after: int) -> range:
    """The new partitions that take over from an old one: a key that was in it is in it still, or in one of them."""
    return range(parent + before, after, before)


def is_copied(key: bytes | None) -> bool:
    """Whether a new partition begins with the row of this key."""
    return key is not None and key[:1] not in LEFT_BEHIND


def control_row(value: bytes | None) -> ControlRow | None:
    """A control record in force, as the changelog has it."""
    return CONTROL.decode(value) if value else None


def split_pace(row: ControlRow | None, parts: int, at: int) -> PaceRecord | None:
    """What one partition may take of what providers allow, for each of the `parts` that it becomes; None: nothing is
    said of it. `at`: milliseconds since 1970."""
    if row is None or not row.text:
        return None
    paces = json_as(row.text, dict[str, Pace])
    return PaceRecord(at, {provider: _part(pace, parts) for provider, pace in paces.items()})


def _part(pace: Pace, parts: int) -> Pace:
    """Rounded down: together they never take more than the one did."""
    least = 1 if pace.per_minute else 0  # 0 would say that nobody has slowed us down
    return replace(pace, share=pace.share // parts, per_minute=max(least, pace.per_minute // parts))


def newest(rows: Iterable[ControlRow | None]) -> ControlRow | None:
    """The policy in force: every partition has the same one, or has not met it yet."""
    return next((row for row in rows if row is not None), None)
