"""Files of records: what goes in comes out, octet for octet, and what was damaged on the way is noticed."""

import json
from collections.abc import Iterable
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.topics.errors import ReplayError
from sidestep.topics.replay_codec import (
    MAGIC,
    StoredRecord,
    end_frame,
    from_json_line,
    read_frames,
    read_lines,
    to_frame,
    to_json_line,
)

OCTETS = st.none() | st.binary(max_size=40) | st.text(max_size=20).map(str.encode)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)  # lone surrogates have no UTF-8
RECORDS = st.builds(
    StoredRecord,
    st.sampled_from(["email-intents", "a.b_c-d", ""]),
    st.integers(0, 2**31 - 1),
    st.integers(0, 2**63 - 1),
    st.none() | st.integers(-(2**63), 2**63 - 1),
    OCTETS,
    OCTETS,
    st.lists(st.tuples(NAMES, OCTETS), max_size=4).map(tuple),
    st.sampled_from(["", "MkU3OEVBNTcwNTJENDM2Qk"]),
    st.integers(0, 100_000),
)
ODD = StoredRecord(
    "t", 1, 2, -1, b"\xff\x00", b"\xc3\xa9\x7f\x9b\r\n", (("a", None), ("a", b""), ("\x1b", b"\xff")), "c", 3
)


def binary(records: Iterable[StoredRecord]) -> bytes:
    """A whole file."""
    written = list(records)
    return MAGIC + b"".join(map(to_frame, written)) + end_frame(len(written))


def read(octets: bytes) -> list[StoredRecord]:
    """What is in a binary file."""
    return list(read_frames(BytesIO(octets).read, "x.records"))


@given(st.lists(RECORDS, max_size=5))
def test_every_octet_survives_json_lines(records: list[StoredRecord]) -> None:
    """One line of printable ASCII each, whatever stands in the record."""
    lines = [to_json_line(record) for record in records]
    for line in lines:
        text = line.decode("ascii")
        assert text.endswith("\n") and text[:-1].isprintable()
    assert records == list(read_lines(BytesIO(b"\n".join(lines)), "x.jsonl"))


@given(st.lists(RECORDS, max_size=5))
def test_every_octet_survives_binary(records: list[StoredRecord]) -> None:
    """The same."""
    assert records == read(binary(records))


def test_octets_are_text_where_they_can_be() -> None:
    """So that people can read a file; an absent value is apart from an empty one."""
    line = json.loads(to_json_line(ODD))
    assert [{"base64": "/wA="}, {"base64": "w6l/mw0K"}] == [line["key"], line["value"]]
    assert [["a", None], ["a", ""], ["\x1b", {"base64": "/w=="}]] == line["headers"]


def test_a_line_by_hand_needs_a_value_and_no_more() -> None:
    """All else is not known."""
    assert StoredRecord("", -1, -1, None, None, b"x") == from_json_line(b'{"value": "x"}')


@pytest.mark.parametrize(
    "line",
    [
        b"nonsense",
        b"[]",
        b"{}",
        b'{"value": 1}',
        b'{"value": "x", "vlaue": "y"}',
        b'{"value": {"base64": "a"}}',
        b'{"value": {"base64": "YQ==", "more": 1}}',
        b'{"value": "x", "headers": [["a"]]}',
        b'{"value": "\xff"}',
    ],
)
def test_a_line_that_is_none_is_named(line: bytes) -> None:
    """By its number; a slip in a name is no record with something left out."""
    with pytest.raises(ReplayError, match=r"x\.jsonl, line 3: "):
        list(read_lines([to_json_line(ODD), b" \n", line], "x.jsonl"))


def test_a_binary_file_that_was_cut_off_is_noticed() -> None:
    """Wherever it ends; also right behind a record."""
    whole = binary([ODD, ODD])
    for length in range(len(whole)):
        with pytest.raises(ReplayError, match=r"x\.records (does not begin|ends in the middle)"):
            read(whole[:length])


def test_any_octet_that_was_changed_is_noticed() -> None:
    """Of whatever part."""
    whole = binary([ODD, ODD])
    for place in range(len(whole)):
        spoilt = bytearray(whole)
        spoilt[place] ^= 0x04
        with pytest.raises(ReplayError, match=r"x\.records"):
            read(bytes(spoilt))
    with pytest.raises(ReplayError, match="spoilt"):
        read(whole + b"x")
