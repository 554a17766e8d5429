"""How much a batch unpacks to is told without unpacking it, and never too little."""

import gzip
import struct
import tracemalloc
import zlib
from collections.abc import Callable

import cramjam
import pytest
from aiokafka.codec import snappy_encode
from hypothesis import given
from hypothesis import strategies as st

from sidestep.streams.runtime.unpacking import GZIP, LZ4, NONE, SNAPPY, ZSTD, Overfull, most, unpack

PACK: dict[int, Callable[[bytes], bytes]] = {
    NONE: bytes,
    GZIP: lambda octets: gzip.compress(octets, 6, mtime=0),
    SNAPPY: lambda octets: bytes(cramjam.snappy.compress_raw(octets)),
    LZ4: lambda octets: bytes(cramjam.lz4.compress(octets)),
    ZSTD: lambda octets: bytes(cramjam.zstd.compress(octets)),
}
ENOUGH = 10**9
MUCH = 50_000_000

octets = st.builds(lambda some, times: some * times, st.binary(max_size=200), st.integers(1, 3_000))
codecs = st.sampled_from(sorted(PACK))
numbers = st.integers(0, 2**32)


@given(codecs, octets)
def test_what_was_packed_is_unpacked_and_never_more_than_was_told(codec: int, some: bytes) -> None:
    """Whatever it is; one octet less than there are is too few."""
    packed = PACK[codec](some)
    assert most(codec, packed, ENOUGH) >= len(some)
    assert unpack(codec, packed, len(some) + 1) == some
    if codec != NONE and some:
        with pytest.raises(Overfull):
            unpack(codec, packed, len(some) - 1)


@given(st.sampled_from([GZIP, LZ4, ZSTD]), octets, octets)
def test_frames_behind_one_another_count_together(codec: int, some: bytes, others: bytes) -> None:
    """Members of gzip, frames of the others."""
    packed = PACK[codec](some) + PACK[codec](others)
    assert most(codec, packed, 0) > 0 or not some + others
    assert most(codec, packed, ENOUGH) >= len(some + others)
    assert unpack(codec, packed, len(some + others) + 1) == some + others


@given(octets)
def test_the_frame_of_java_clients_is_read(some: bytes) -> None:
    """Of snappy, in blocks."""
    packed = snappy_encode(some, xerial_compatible=True, xerial_blocksize=1_000)
    assert most(SNAPPY, packed, ENOUGH) == len(some)
    assert unpack(SNAPPY, packed, len(some)) == some


@given(st.sampled_from([GZIP, SNAPPY, LZ4, ZSTD]), octets, numbers)
def test_what_is_cut_short_or_damaged_is_refused_or_read(codec: int, some: bytes, at: int) -> None:
    """It ends, with no other error, and within the bound."""
    whole = PACK[codec](some)
    damaged = bytearray(whole)
    damaged[at % len(whole)] ^= 1 + at % 255
    for packed in (whole[: at % len(whole)], bytes(damaged), whole + b"x" * (at % 7)):
        assert most(codec, packed, ENOUGH) >= 0
        try:
            assert len(unpack(codec, packed, 10_000)) <= 10_000
        except ValueError:
            pass


@given(codecs, st.binary(max_size=300))
def test_octets_in_no_format_harm_nobody(codec: int, some: bytes) -> None:
    """They are refused."""
    assert most(codec, some, ENOUGH) >= 0
    try:
        unpack(codec, some, 1_000)
    except ValueError:
        pass


@pytest.mark.parametrize("codec", [GZIP, LZ4, ZSTD, SNAPPY])
def test_much_is_told_and_refused_in_little_memory(codec: int) -> None:
    """Of what would be fifty megabytes no more than a few are in memory, which tracemalloc sees of gzip; the others'
    library is only given as much room as is allowed."""
    packed = PACK[codec](bytes(MUCH))
    tracemalloc.start()
    try:
        assert most(codec, packed, MUCH // 2) > MUCH // 2
        with pytest.raises(Overfull):
            unpack(codec, packed, 1_000_000)
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()


def test_a_size_that_lies_counts_where_a_client_would_believe_it() -> None:
    """librdkafka makes room for what a frame of LZ4 says that it has, up to 255 times its length."""
    block = struct.pack("<I", 0x80000000 | 5) + b"hello" + bytes(4)
    for said, told in ((5, 10), (3_000, 3_005), (10**12, 5)):
        packed = struct.pack("<IBBQB", 0x184D2204, 0x68, 0x40, said, 0) + block
        assert most(LZ4, packed, ENOUGH) == told


def test_what_is_skipped_counts_nothing() -> None:
    """Frames for other purposes, which both formats have."""
    skipped = struct.pack("<II", 0x184D2A53, 3) + b"abc"
    for codec in (LZ4, ZSTD):
        assert 5 <= most(codec, skipped + PACK[codec](b"hello"), ENOUGH) < 200_000
        assert unpack(codec, skipped + PACK[codec](b"hello"), 5) == b"hello"


def test_an_unknown_codec_is_refused() -> None:
    """And zlib's own form is none of gzip."""
    for codec, packed in ((5, b"x"), (GZIP, zlib.compress(b"x"))):
        with pytest.raises(ValueError, match=r"can't be unpacked|no codec"):
            unpack(codec, packed, 10)
