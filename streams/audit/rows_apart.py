"""A row of the fold and what a changelog says of it last: whether that is the same, and in what it isn't. Pure."""

from typing import Any, NamedTuple

import msgspec

from sidestep.streams.audit.findings import Kind, Outcome, difference_of_rows
from sidestep.streams.audit.kept import KeptPartition
from sidestep.streams.audit.standing import StandingRow
from sidestep.streams.decide.tables import IDS, TABLES
from sidestep.streams.runtime.tables import Table
from sidestep.streams.watch.tables import WATCH_TABLES

TABLE_OF: dict[tuple[Kind, bytes], Table[Any]] = {
    **{("id" if table.windowed else "row", table.prefix): table for table in TABLES},
    **{("watch-row", table.prefix): table for table in WATCH_TABLES},
}


class Apart(NamedTuple):
    """What is compared."""

    kind: Kind
    kept: KeptPartition
    first_at: int
    """Of ids, the time of the first one that is still there, seconds: what is older may be gone."""
    forgotten: int = 0
    """Of ids, those of a time before this second may be gone from the state that the fold has begun with."""


def apart(key: bytes, value: bytes | None, row: StandingRow | None, of: Apart) -> tuple[Outcome | None, str]:
    """What to say of a row of the fold, None where it has none, and of the last record of its key. No outcome: neither
    has a row."""
    stands = row.value if row is not None else None
    if value is not None and value == stands:
        return "proved", ""
    if value is None and stands is None:
        return None, ""  # a row that has ended, and its tombstone
    if of.kind == "id" and row is not None and row.offset >= of.kept.sure:
        return "later", ""
    if value is None and of.kind == "id" and id_at(stands or b"") < of.forgotten:
        return "not-kept", ""
    if value is None:
        return "extra", "the fold has no such row"
    if stands is None:
        if of.kind == "id" and row is None and of.kept.start > 0 and id_at(value) <= of.first_at:
            return "not-kept", ""
        return "missing", "nothing of it is there" if row is None else "it ends with a tombstone, the fold has it"
    return _apart_by_fields(key, value, stands, of.kind)


def _apart_by_fields(key: bytes, value: bytes, stands: bytes, kind: Kind) -> tuple[Outcome, str]:
    table = TABLE_OF[kind, key[:1]]
    try:
        one, other = table.decode(value), table.decode(stands)
    except msgspec.MsgspecError:
        return "differs", "it can't be read"
    # an older version has written it with fewer fields; each rewrites it with all
    return ("proved", "") if one == other else ("differs", difference_of_rows(one, other))


def id_at(value: bytes) -> int:
    """When an id was counted, seconds; 0: it can't be read."""
    try:
        return IDS.decode(value).at
    except msgspec.MsgspecError:
        return 0


def row_name(kind: Kind, key: bytes) -> str:
    """A row's table and key, for people."""
    table = TABLE_OF.get((kind, key[:1]))
    if table is None:
        return f"no table of a ledger has the key {key.hex()}"
    name = key[1:]
    try:
        text = name.decode().replace("\x1f", " / ") if table is not IDS and len(name) != 16 else name.hex()
    except UnicodeDecodeError:
        text = name.hex()
    return f"{table.name} {text}"
