"""One dead letter for many records: which offsets it stands for can be told without doubt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.streams.runtime.batches import Partition
from sidestep.streams.runtime.collective_letter import collective_letter, joined, offsets_text, read_offsets
from tests.kafka_records import delivered

TP = Partition("email-intents", 2)


@given(st.sets(st.integers(0, 2**62), min_size=1) | st.sets(st.integers(0, 40), min_size=1))
def test_the_offsets_come_back(offsets: set[int]) -> None:
    """All of them, and none between."""
    ranges = read_offsets(offsets_text(joined(offsets)))
    assert len(offsets) == sum(last - first + 1 for first, last in ranges)
    assert all(any(first <= offset <= last for first, last in ranges) for offset in offsets)


@pytest.mark.parametrize(
    "text", [b"", b"x", b"1-", b"-1", b"2-1", b"5,3", b"1,1-3", b"1-1", b" 1", b"1_0", b"\xff", b"1,"]
)
def test_what_is_not_ours_is_refused(text: bytes) -> None:
    """Rather than read as something else."""
    with pytest.raises(ValueError):
        read_offsets(text)


def test_it_says_why_and_where() -> None:
    """As other dead letters do; and to whoever knows no such letters that its records are not in it."""
    records = [delivered(offset, b"four", tp=TP, key=b"k", headers=[("a", b"b")]) for offset in (7, 8, 9, 11)]
    letter = collective_letter(records, "not-json", "it is no JSON", "email-dead-letters")
    assert (None, None) == (letter["key"], letter["value"])
    assert {
        "value-octets": b"16",
        "reason": b"not-json",
        "text": b"4 records, which stay where they are in their topic; with the last one: it is no JSON",
        "topic": b"email-intents",
        "partition": b"2",
        "offset": b"7",
        "origin": b"email-intents/2/7",
        "offsets": b"7-9,11",
    } == dict(letter["headers"])
