"""Batches that we take apart ourselves give what was put into them."""

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from hypothesis import given
from hypothesis import strategies as st

from sidestep.streams.runtime.batches import Partition
from sidestep.streams.runtime.cut_record import LARGEST_HEADERS, LARGEST_PART, CutRecord, PackedBatch, cut
from sidestep.streams.runtime.raw_batch import COPIES, HEAVY, RECORD_COST, OldBatch, is_heavy, raw_batches, records_of
from sidestep.streams.runtime.unpacking import GZIP, LZ4, NONE, SNAPPY, ZSTD
from sidestep.topics.headers import UnreadableHeaders, headers_of

TP = Partition("email-intents", 3)
Content = tuple[int, bytes | None, bytes | None, list[tuple[str, bytes | None]]]
"""Timestamp, key, value, headers."""


def batch(content: list[Content], codec: int = NONE, first: int = 7, transactional: bool = False) -> bytes:
    """As a producer makes it and a broker numbers it."""
    builder = DefaultRecordBatchBuilder(2, codec, int(transactional), -1, -1, 0, 10**9)
    for number, (time, key, value, headers) in enumerate(content):
        builder.append(number, time, key, value, headers)
    return first.to_bytes(8, "big") + bytes(builder.build())[8:]


parts = st.none() | st.binary(max_size=300)
contents = st.lists(
    st.tuples(st.integers(0, 2**41), parts, parts, st.lists(st.tuples(st.text(max_size=5), parts), max_size=3)),
    min_size=1,
    max_size=20,
)


@given(contents, st.sampled_from([NONE, GZIP, SNAPPY, LZ4, ZSTD]), st.integers(0, 30))
def test_records_come_as_they_were_put_in(content: list[Content], codec: int, start: int) -> None:
    """In their order, from an offset on; an end that is cut short is none."""
    octets = batch(content, codec)
    for cut_short in (b"", octets[:-1], octets[:40]):
        (read,) = raw_batches(octets + cut_short)
        assert (7, 6 + len(content), len(content)) == (read.first, read.last, read.number)
        assert not is_heavy(read)
        found = [
            (one.offset(), one.timestamp(), one.key(), one.value(), list(headers_of(one)), len(one))
            for one in records_of(TP, read, start)
        ]
        expected = [
            (7 + number, (1, time), key, value, headers, len(value or b""))
            for number, (time, key, value, headers) in enumerate(content)
            if 7 + number >= start
        ]
        assert expected == found


def test_names_of_headers_that_are_not_text_are_told_each_time() -> None:
    """As of records that librdkafka hands over."""
    octets = batch([(0, None, b"v", [("name", b"1")])]).replace(b"name", b"n\xff\xfee")
    (record,) = records_of(TP, next(raw_batches(octets)), 0)
    assert [record] == cut([record]).records
    for _ in range(2):
        with pytest.raises(UnreadableHeaders):
            headers_of(record)


def test_what_is_too_large_is_cut() -> None:
    """A value, and headers; the records beside stay whole."""
    many: list[tuple[str, bytes | None]] = [(f"h{number}", b"x" * 300) for number in range(LARGEST_HEADERS // 300)]
    content: list[Content] = [(0, b"k", b"1", []), (0, b"k", b"2", many), (0, b"k", bytes(LARGEST_PART + 1), [])]
    (read,) = raw_batches(batch([*content, (0, b"k", b"4", [])], GZIP))
    found = cut(list(records_of(TP, read, 0))).records
    assert [False, True, True, False] == [isinstance(record, CutRecord) for record in found]
    assert (b"2", (), LARGEST_PART + 1) == (found[1].value(), found[1].headers(), found[2].lengths["value"])  # type: ignore[attr-defined]  # it is a CutRecord


def test_batches_that_librdkafka_would_take_too_much_memory_for_are_told() -> None:
    """By their octets and by their records; the largest that fit are not. One in place of what is more than anybody
    unpacks."""
    largest = (HEAVY - RECORD_COST) // COPIES
    for octets, heavy in ((largest - 100, False), (largest + 100, True)):
        (read,) = raw_batches(batch([(0, None, bytes(octets), [])], GZIP))
        assert is_heavy(read) is heavy
    (one,) = raw_batches(batch([(0, None, None, [])]))
    for number, heavy in ((HEAVY // RECORD_COST - 10, False), (HEAVY // RECORD_COST + 1, True)):
        assert is_heavy(one._replace(number=number)) is heavy
    (read,) = raw_batches(batch([(0, None, bytes(60_000_000), [])] * 2, GZIP))
    (packed,) = records_of(TP, read, 8)
    assert isinstance(packed, PackedBatch) and packed.offset() == 8
    assert packed.fault.startswith("the record at offset 8 would be more than 100000000 octets")


def test_what_can_not_be_read_is_told_with_where_it_stays() -> None:
    """Behind the records that could be; a control batch has none; one of an old form is left to librdkafka."""
    octets = batch([(0, None, b"1", []), (0, None, b"2", [])])
    (read,) = raw_batches(octets)
    first, second = records_of(TP, read._replace(packed=read.packed[:-1]), 0)
    assert (7, b"1", 8) == (first.offset(), first.value(), second.offset())
    assert isinstance(second, PackedBatch) and "at offset 8" in second.fault
    assert [] == list(records_of(TP, read._replace(attributes=32), 0))
    with pytest.raises(OldBatch, match="the form 1"):
        list(raw_batches(octets[:16] + b"\x01" + octets[17:]))
