"""Files of records, as `sidestep replay` writes and reads them: every octet of a record survives both forms. Pure.

JSON lines: an object a line, printable ASCII. Octets are text where they are UTF-8, otherwise {"base64": "…"}. Each
line says all of its record, so that lines may be picked with grep, jq or head before they are read back.

Binary: MAGIC, then for each record its length and its CRC-32 (four octets each, big-endian) and as many octets of
MessagePack; then a length of 0 and the number of records (eight octets). A file that was cut off lacks that end.
"""

import json
import struct
from base64 import b64encode
from binascii import Error, a2b_base64
from collections.abc import Callable, Iterable, Iterator
from zlib import crc32

import msgspec

from sidestep.topics.errors import ReplayError
from sidestep.topics.headers import Header

MAGIC = b"sidestep-records 1\n"
FRAME_MAX = 256 * 1024 * 1024
"""Octets of one record in a file: far more than a broker takes; a length beyond it is no length."""

_FRAME = struct.Struct(">II")
_COUNT = struct.Struct(">Q")

Octets = bytes | None


class StoredRecord(msgspec.Struct, frozen=True, array_like=True):
    """One record as a broker had it; in binary files in this order."""

    topic: str
    partition: int
    offset: int
    timestamp: int | None
    """Milliseconds since 1970; None: it has none."""
    key: Octets
    value: Octets
    headers: tuple[Header, ...] = ()
    cluster: str = ""
    """Id of the cluster that it was read from; empty: not known."""
    partitions: int = 0
    """How many its topic had; 0: not known."""


class _Base64(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Octets that are no UTF-8."""

    base64: str


_Said = str | _Base64 | None


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line of JSON; what a person leaves out is not known."""

    value: _Said
    key: _Said = None
    headers: tuple[tuple[str, _Said], ...] = ()
    topic: str = ""
    partition: int = -1
    offset: int = -1
    timestamp: int | None = None
    cluster: str = ""
    partitions: int = 0


_read_line = msgspec.json.Decoder(_Line).decode
_read_stored = msgspec.msgpack.Decoder(StoredRecord).decode


# -- JSON lines --------------------------------------------------------------------------------------------------------


def to_json_line(record: StoredRecord) -> bytes:
    """A record -> its line, with the line's end."""
    line = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "key": said_octets(record.key),
        "value": said_octets(record.value),
        "headers": [[name, said_octets(value)] for name, value in record.headers],
        "cluster": record.cluster,
        "partitions": record.partitions,
    }
    return json.dumps(line).replace("\x7f", "\\u007f").encode() + b"\n"


def from_json_line(line: bytes) -> StoredRecord:
    """A line -> its record. Raises ValueError, which says what is wrong with it and quotes nothing."""
    try:
        read = _read_line(line)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from None
    headers = tuple((name, _octets(value)) for name, value in read.headers)
    return StoredRecord(
        read.topic,
        read.partition,
        read.offset,
        read.timestamp,
        _octets(read.key),
        _octets(read.value),
        headers,
        read.cluster,
        read.partitions,
    )


def said_octets(octets: Octets) -> str | dict[str, str] | None:
    """Octets as JSON has them: text where they are UTF-8."""
    if octets is None:
        return None
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return {"base64": b64encode(octets).decode()}


def _octets(said: _Said) -> Octets:
    if isinstance(said, _Base64):
        try:
            return a2b_base64(said.base64, strict_mode=True)
        except (Error, ValueError):
            raise ValueError('what stands behind "base64" is not base64 (RFC 4648, section 4)') from None
    return None if said is None else said.encode()


# -- binary ------------------------------------------------------------------------------------------------------------


def to_frame(record: StoredRecord) -> bytes:
    """A record -> its length, its CRC and its octets."""
    octets = msgspec.msgpack.encode(record)
    return _FRAME.pack(len(octets), crc32(octets)) + octets


def end_frame(count: int) -> bytes:
    """What stands behind the last record."""
    return _FRAME.pack(0, 0) + _COUNT.pack(count)


# -- both --------------------------------------------------------------------------------------------------------------


def read_lines(lines: Iterable[bytes], name: str) -> Iterator[StoredRecord]:
    """The records of a file of JSON lines; blank lines are passed over. Raises ReplayError with the line's number."""
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield from_json_line(line)
            except ValueError as error:
                raise ReplayError(
                    f"{name}, line {number}: {error}. What stands before it is copied; mend or remove the line"
                ) from None


def read_frames(read: Callable[[int], bytes], name: str) -> Iterator[StoredRecord]:
    """The records of a binary file, from its beginning on; `read` gives so many octets, fewer at its end. Raises
    ReplayError."""
    if read(len(MAGIC)) != MAGIC:
        raise ReplayError(
            f"{name} does not begin as a file of records does: sidestep replay TOPIC --to {name} makes one"
        )
    count = 0
    while True:
        length, check = _FRAME.unpack(_all(read, _FRAME.size, name, count))
        if not length and not check:
            break
        if not 0 < length <= FRAME_MAX:
            raise _spoilt(name, count)
        octets = _all(read, length, name, count)
        if crc32(octets) != check:
            raise _spoilt(name, count)
        try:
            yield _read_stored(octets)
        except msgspec.MsgspecError:
            raise _spoilt(name, count) from None
        count += 1
    if count != _COUNT.unpack(_all(read, _COUNT.size, name, count))[0] or read(1):
        raise _spoilt(name, count)


def _all(read: Callable[[int], bytes], size: int, name: str, count: int) -> bytes:
    octets = read(size)
    if len(octets) < size:
        raise ReplayError(f"{name} ends in the middle, behind record {count}: it was cut off. Copy or make it again")
    return octets


def _spoilt(name: str, count: int) -> ReplayError:
    return ReplayError(
        f"{name} is spoilt behind record {count}: these are not the octets that were written. Copy it again"
    )
