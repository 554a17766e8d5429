"""Named, typed tables of the ledger, and their form in RocksDB and in the changelogs.

A *keyed* table has one record in the compacted changelog for each key written. A *windowed* table remembers keys for
a while: its rows go to a changelog kept by time, all rows of a batch in one record, because compacting what expires
anyway is waste.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

Row = TypeVar("Row")

_encode = msgspec.msgpack.Encoder().encode
_decode_pairs = msgspec.msgpack.Decoder(list[bytes]).decode


@dataclass(frozen=True, eq=False)
class Table(Generic[Row]):
    """A table of rows of one msgspec Struct. `prefix` is one octet, unique in its store and never reused for another
    meaning."""

    name: str
    prefix: bytes
    row: type[Row]
    windowed: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "encode", _encode)
        object.__setattr__(self, "decode", msgspec.msgpack.Decoder(self.row).decode)

    def encode(self, row: Row) -> bytes:
        """A row -> octets (MessagePack; replaced by a bound encoder, this is its signature)."""
        raise AssertionError

    def decode(self, value: bytes) -> Row:
        """Octets -> a row."""
        raise AssertionError


def pack_pairs(pairs: Iterable[tuple[bytes, bytes]]) -> bytes:
    """All rows of a windowed batch in one changelog value."""
    flat: list[bytes] = []
    for pair in pairs:
        flat.extend(pair)
    return _encode(flat)


def unpack_pairs(value: bytes) -> Iterable[tuple[bytes, bytes]]:
    """The rows again, as (key, row) in the order written."""
    flat = _decode_pairs(value)
    return zip(flat[::2], flat[1::2], strict=True)


class Writes:
    """Rows that a batch has written, by table: what goes into the transaction and then into RocksDB."""

    def __init__(self) -> None:
        self.rows: dict[Table[Any], dict[bytes, Any]] = {}

    def of(self, table: Table[Row]) -> dict[bytes, Row | None]:
        """The table's rows by key, to be filled in; None for one that is gone. Windowed tables forget by themselves."""
        return self.rows.setdefault(table, {})
