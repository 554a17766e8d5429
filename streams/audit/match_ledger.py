"""The ledger of the fold beside its changelogs: a merge of two stores in key order. Pure.

Of a key the last record counts, as it does in recovery: what it says of the row must be what the fold has left there,
octet by octet; or, where another version has written it, field by field.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import msgspec

from sidestep.streams.audit.findings import AuditFinding, Kind, Outcome, PartitionAudit, difference_of_rows
from sidestep.streams.audit.kept import Kept, KeptPartition
from sidestep.streams.audit.key_values import KeyValues
from sidestep.streams.audit.standing import StandingRow
from sidestep.streams.decide.tables import IDS, TABLES
from sidestep.streams.runtime.manifest import MARKER
from sidestep.streams.runtime.tables import unpack_pairs

BATCH = 5_000
"""Records of a changelog taken together: of a key that several have, only the last is put by."""
TABLE_OF = {(table.windowed, table.prefix): table for table in TABLES}

Told = Callable[[int], None]
"""Hears how many records more have been read."""


@dataclass
class RowsKept:
    """What a changelog says, put by; and of the keyed one, how far it says that the log has been judged."""

    kind: Kind
    kept: KeptPartition
    values: KeyValues
    marker: int = -1
    records: int = 0
    first_at: int = 0
    """Of ids, the time of the first one that is still there, seconds: what is older may be gone."""


def put_by_rows(kept: KeptPartition, values: KeyValues, told: Told) -> RowsKept:
    """Of the changelog of keyed tables."""
    found = RowsKept("row", kept, values)
    for some in _some(kept.records):
        last = {record.key: record for record in some if record.key is not None}
        marker = last.pop(MARKER, None)
        if marker is not None and marker.value is not None and marker.value.isdigit():
            found.marker = int(marker.value)
        values.put((key, StandingRow(record.offset, record.value).packed()) for key, record in last.items() if key)
        found.records += len(some)
        told(len(some))
    return found


def put_by_ids(kept: KeptPartition, values: KeyValues, told: Told) -> RowsKept:
    """Of the changelog of the windowed table."""
    found = RowsKept("id", kept, values)
    for some in _some(kept.records):
        rows: dict[bytes, bytes] = {}
        for record in some:
            for key, value in pairs_of(record):
                rows[key] = StandingRow(record.offset, value).packed()
                found.first_at = found.first_at or _id_at(value)
        values.put(rows.items())
        told(len(some))
    return found


def pairs_of(record: Kept) -> Iterable[tuple[bytes, bytes]]:
    """Keys and rows; what can't be read has none."""
    try:
        return list(unpack_pairs(record.value or b"\x90"))
    except (msgspec.MsgspecError, ValueError):
        return []


def compare_rows(folded: KeyValues, found: RowsKept, audit: PartitionAudit) -> None:
    """All rows, into `audit`."""
    for key, value, standing in _merged(folded.items(b""), found.values.items(b"")):
        row = None if standing is None else StandingRow.unpacked(standing)
        outcome, text = _compared(key, value, row, found)
        if outcome in ("proved", "not-kept", "later"):
            audit.count(found.kind, outcome)
        elif outcome is not None:
            kept = found.kept
            place = f"{kept.topic}/{kept.partition}" if row is None else kept.place(row.offset)
            audit.find(AuditFinding(found.kind, outcome, place, "", f"{row_name(found.kind, key)}: {text}"))


def row_name(kind: Kind, key: bytes) -> str:
    """A row's table and key, for people."""
    table = TABLE_OF.get((kind == "id", key[:1]))
    if table is None:
        return f"no table of a ledger has the key {key.hex()}"
    name = key[1:]
    try:
        text = name.decode().replace("\x1f", " / ") if table is not IDS and len(name) != 16 else name.hex()
    except UnicodeDecodeError:
        text = name.hex()
    return f"{table.name} {text}"


def _compared(key: bytes, value: bytes | None, row: StandingRow | None, found: RowsKept) -> tuple[Outcome | None, str]:
    stands = row.value if row is not None else None
    if value is not None and value == stands:
        return "proved", ""
    if value is None and stands is None:
        return None, ""  # a row that has ended, and its tombstone
    if found.kind == "id" and row is not None and row.offset >= found.kept.sure:
        return "later", ""
    if value is None:
        return "extra", "the fold has no such row"
    if stands is None:
        if found.kind == "id" and row is None and found.kept.start > 0 and _id_at(value) <= found.first_at:
            return "not-kept", ""
        return "missing", "nothing of it is there" if row is None else "it ends with a tombstone, the fold has it"
    return _compared_fields(key, value, stands, found.kind)


def _compared_fields(key: bytes, value: bytes, stands: bytes, kind: Kind) -> tuple[Outcome, str]:
    table = TABLE_OF[kind == "id", key[:1]]
    try:
        one, other = table.decode(value), table.decode(stands)
    except msgspec.MsgspecError:
        return "differs", "it can't be read"
    # an older version has written it with fewer fields; each rewrites it with all
    return ("proved", "") if one == other else ("differs", difference_of_rows(one, other))


def _id_at(value: bytes) -> int:
    try:
        return IDS.decode(value).at
    except msgspec.MsgspecError:
        return 0


def _some(records: Iterable[Kept]) -> Iterator[list[Kept]]:
    left = iter(records)
    while some := list(islice(left, BATCH)):
        yield some


def _merged(
    one: Iterator[tuple[bytes, bytes]], other: Iterator[tuple[bytes, bytes]]
) -> Iterator[tuple[bytes, bytes | None, bytes | None]]:
    """Keys that either has, in order, with the values of both."""
    left, right = next(one, None), next(other, None)
    while left is not None or right is not None:
        if right is None or (left is not None and left[0] < right[0]):
            assert left is not None
            yield left[0], left[1], None
            left = next(one, None)
        elif left is None or right[0] < left[0]:
            yield right[0], None, right[1]
            right = next(other, None)
        else:
            yield left[0], left[1], right[1]
            left, right = next(one, None), next(other, None)
