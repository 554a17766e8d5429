"""What a compressed batch unpacks to: at the most, told without unpacking it, and itself, within a bound. Pure.

The formats: gzip RFC 1952; LZ4 https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md; zstd RFC 8878; snappy
https://github.com/google/snappy/blob/main/format_description.txt, alone or in the frame of Java's clients (xerial).
"""

import struct
import zlib
from collections.abc import Iterator

import cramjam

NONE, GZIP, SNAPPY, LZ4, ZSTD = range(5)
"""Codecs, as a batch's attributes number them."""

GZIP_RATIO, LZ4_RATIO = 1032, 255
"""Octets of one, unpacked, at the most: what the formats are able to."""
PIECE = 1024 * 1024
"""Octets that are unpacked at a time where they are only counted."""

XERIAL = b"\x82SNAPPY\x00"
_XERIAL_HEAD = 16
_LZ4_MAGIC, _ZSTD_MAGIC = 0x184D2204, 0xFD2FB528
_SKIPPED = range(0x184D2A50, 0x184D2A60)
"""Frames of LZ4 and of zstd that are passed over."""
_ZSTD_BLOCK = 128 * 1024
_ZSTD_SIZES, _ZSTD_NAMES = (0, 2, 4, 8), (0, 1, 2, 4)
"""Octets of a frame's content size and of its dictionary's name, by the two bits that say so."""
_FULL = "failed to write whole buffer"
"""Says cramjam of what does not fit."""


class Overfull(ValueError):
    """More octets than may be unpacked."""


def most(codec: int, packed: bytes, enough: int) -> int:
    """Octets that it unpacks to, at the most; where that is more than `enough`, any number that is. Of gzip they are
    counted where they could be more, of others the blocks' heads tell. For what is in none of the formats: 0, as who
    unpacks it finds nothing to unpack."""
    if codec == GZIP:
        bound = len(packed) * GZIP_RATIO
        return bound if bound <= enough else _sum(map(len, _inflated(packed)), enough)
    if codec in _SIZES:
        return _sum(_SIZES[codec](packed), enough)
    return len(packed)


def unpack(codec: int, packed: bytes, limit: int) -> bytes | bytearray:
    """The octets; never more than `limit` in memory. Raises Overfull, and ValueError where they are in none of the
    formats."""
    try:
        if codec == GZIP:
            return _joined(_inflated(packed), limit)
        if codec == SNAPPY:
            return _joined(_unsnapped(packed, limit), limit)
        if codec in (LZ4, ZSTD):
            return _into(cramjam.lz4 if codec == LZ4 else cramjam.zstd, packed, _room(codec, packed, limit))
    except (zlib.error, struct.error, cramjam.DecompressionError) as error:
        raise ValueError(f"can't be unpacked: {error}") from None
    if codec != NONE:
        raise ValueError(f"no codec has the number {codec}")
    return packed


def _sum(sizes: Iterator[int], enough: int) -> int:
    total = 0
    try:
        for size in sizes:
            total += size
            if total > enough:
                break
    except (zlib.error, struct.error, IndexError):
        pass  # cut short or none of the format: nobody unpacks more than what stands before
    return total


def _joined(pieces: Iterator[bytes], limit: int) -> bytearray:
    whole = bytearray()
    for piece in pieces:
        if len(whole) + len(piece) > limit:
            raise Overfull(f"more than {limit} octets")
        whole += piece
    return whole


def _room(codec: int, packed: bytes, limit: int) -> int:
    return min(most(codec, packed, limit), limit)


def _into(library: object, packed: bytes, room: int) -> bytearray:
    whole = bytearray(room)
    try:
        length = library.decompress_into(packed, whole)  # type: ignore[attr-defined]  # modules of one form
    except cramjam.DecompressionError as error:
        if _FULL in str(error):
            raise Overfull(f"more than {room} octets") from None
        raise
    del whole[length:]
    return whole


def _inflated(packed: bytes) -> Iterator[bytes]:
    """All members, a piece at a time."""
    while packed:
        member = zlib.decompressobj(zlib.MAX_WBITS | 16)
        left = packed
        while not member.eof:
            piece = member.decompress(left, PIECE)
            left = member.unconsumed_tail
            if not (piece or left or member.eof):
                return  # cut short
            yield piece
        packed = member.unused_data


def _snappy_blocks(packed: bytes) -> Iterator[bytes]:
    if not packed.startswith(XERIAL):
        yield packed
        return
    at = _XERIAL_HEAD
    while at < len(packed):
        (length,) = struct.unpack_from(">I", packed, at)
        yield packed[at + 4 : at + 4 + length]
        at += 4 + length


def _snappy_sizes(packed: bytes) -> Iterator[int]:
    return map(_preamble, _snappy_blocks(packed))


def _preamble(block: bytes) -> int:
    """What a block of snappy says that it unpacks to. Raises IndexError."""
    size = 0
    for place in range(5):
        size |= (block[place] & 0x7F) << 7 * place
        if block[place] < 0x80:
            break
    return size


def _unsnapped(packed: bytes, limit: int) -> Iterator[bytes]:
    if _sum(_snappy_sizes(packed), limit) > limit:
        raise Overfull(f"more than {limit} octets")
    for block in _snappy_blocks(packed):
        yield bytes(cramjam.snappy.decompress_raw(block))


def _lz4_sizes(packed: bytes) -> Iterator[int]:
    """Of each block at the most. Where a frame says how much is in it, that first: who unpacks it makes room."""
    at = 0
    while at < len(packed):
        magic, flags, form = struct.unpack_from("<IBB", packed, at)
        if magic in _SKIPPED:
            at += 8 + struct.unpack_from("<I", packed, at + 4)[0]
            continue
        if magic != _LZ4_MAGIC:
            return
        at += 6
        block_most = 1 << 8 + 2 * (form >> 4 & 7)
        if flags & 8:
            (said,) = struct.unpack_from("<Q", packed, at)
            yield said if said <= len(packed) * LZ4_RATIO else 0
            at += 8
        at += 5 if flags & 1 else 1
        while size := struct.unpack_from("<I", packed, at)[0]:
            length = size & 0x7FFFFFFF
            yield length if size >> 31 else min(block_most, length * LZ4_RATIO)
            at += 4 + length + (4 if flags & 16 else 0)
        at += 8 if flags & 4 else 4


def _zstd_sizes(packed: bytes) -> Iterator[int]:
    """Of each block at the most."""
    at = 0
    while at < len(packed):
        (magic,) = struct.unpack_from("<I", packed, at)
        if magic in _SKIPPED:
            at += 8 + struct.unpack_from("<I", packed, at + 4)[0]
            continue
        if magic != _ZSTD_MAGIC:
            return
        form = packed[at + 4]
        single = form >> 5 & 1
        at += 5 + (1 - single) + _ZSTD_NAMES[form & 3] + (_ZSTD_SIZES[form >> 6] or single)
        last = 0
        while not last:
            head = int.from_bytes(packed[at : at + 3], "little")
            last, kind, size = head & 1, head >> 1 & 3, head >> 3
            if at + 3 > len(packed):
                return
            yield size if kind < 2 else _ZSTD_BLOCK
            at += 3 + (1 if kind == 1 else size)
        at += 4 if form & 4 else 0


_SIZES = {SNAPPY: _snappy_sizes, LZ4: _lz4_sizes, ZSTD: _zstd_sizes}
