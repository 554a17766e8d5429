"""Dead letters: octets as they came, the reason in headers, and a stop where nearly everything is unreadable."""

import pytest

from sidestep.streams.errors import TooManyDeadLetters
from sidestep.streams.runtime.batches import Partition
from sidestep.streams.runtime.cut_record import HEADER_COST, KEPT_OCTETS, LARGEST_HEADERS, cut, octets_of
from sidestep.streams.runtime.dead_letters import (
    PART_MAX,
    REASON_MAX,
    DeadLetterLimit,
    UnreadRecords,
    dead_letter,
)
from sidestep.streams.runtime.outgoing import Single
from sidestep.streams.runtime.record import Record
from tests.kafka_records import delivered

TP = Partition("email-intents", 2)
UNREAD = UnreadRecords("email-intents/2", 7, 16, ("bad", "shop"), "it is no JSON")


def _letter(record: Record, code: str, text: str) -> Single:
    return dead_letter(record, code, text, "email-dead-letters", 5)


def _headers(letter: Single) -> dict[str, str | bytes | None]:
    return dict(letter["headers"])


@pytest.mark.parametrize(("key", "value"), [(b"k", b"v"), (None, None), (b"", b""), (b"\xff\0", b"\0" * 1000)])
def test_octets_are_kept(key: bytes | None, value: bytes | None) -> None:
    """Byte for byte; empty and none are different things."""
    letter = _letter(delivered(7, value, tp=TP, key=key), "not-json", "what is wrong")
    assert (key, value) == (letter["key"], letter["value"])


def test_headers_say_why_and_from_where() -> None:
    """Enough to find the record and its producer."""
    letter = _letter(delivered(7, b"v", tp=TP, key=b"k"), "not-json", "what is wrong")
    assert ("email-dead-letters", 5) == (letter["topic"], letter["partition"])
    assert {
        "reason": b"not-json",
        "text": b"what is wrong",
        "topic": b"email-intents",
        "partition": b"2",
        "offset": b"7",
        "origin": b"email-intents/2/7",
        "headers": b"0",
    } == _headers(letter)


@pytest.mark.parametrize("text", ["x" * 10_000, "\ud800" * 10, "é" * 600, ""])
def test_any_reason_can_be_written(text: str) -> None:
    """It may quote what can't be read; a long one is cut."""
    written = _headers(_letter(delivered(7, b"v", tp=TP, key=b"k"), "c", text))["text"]
    assert isinstance(written, bytes)
    assert len(written.decode()) <= REASON_MAX


def test_what_fits_into_no_topic_is_cut_and_says_so() -> None:
    """A record that came compressed may be larger than any that can be written."""
    letter = _letter(delivered(7, b"x" * (PART_MAX + 5), tp=TP), "too-large", "")
    assert PART_MAX == len(letter["value"] or b"")
    assert b"%d" % (PART_MAX + 5) == _headers(letter)["value-octets"]
    assert "value-octets" not in _headers(_letter(delivered(7, b"x" * PART_MAX, tp=TP), "too-large", ""))


def test_of_a_record_that_was_cut_the_letter_says_how_long_it_was() -> None:
    """It has what is left, and the headers."""
    whole = delivered(7, b"v" * (PART_MAX + 5), tp=TP, key=b"k" * (PART_MAX + 7), headers=[("a", b"1")])
    (record,), _ = cut([whole])
    letter = _letter(record, "too-large", "")
    assert (b"v" * KEPT_OCTETS, b"k" * KEPT_OCTETS) == (letter["value"], letter["key"])
    headers = _headers(letter)
    assert (b"%d" % (PART_MAX + 5), b"%d" % (PART_MAX + 7)) == (headers["value-octets"], headers["key-octets"])
    assert b"1" == headers["header.a"]
    fitting = delivered(8, b"x" * PART_MAX, key=b"k" * PART_MAX)
    assert ([fitting], 2 * PART_MAX) == cut([fitting])


@pytest.mark.parametrize(
    ("headers", "octets"),
    [
        ([("a", b"x" * LARGEST_HEADERS)], LARGEST_HEADERS + 1),
        ([("a" * LARGEST_HEADERS, None)], LARGEST_HEADERS),
        ([("a", None)] * (LARGEST_HEADERS // HEADER_COST), LARGEST_HEADERS // HEADER_COST),
    ],
    ids=["a long value", "a long name", "many"],
)
def test_of_a_record_whose_headers_are_too_large_the_rest_is_kept(
    headers: list[tuple[str, bytes | None]], octets: int
) -> None:
    """Many small ones take as much memory as a large one. The letter can be sent back, without them."""
    (record,), taken = cut([delivered(7, b"v" * 2_000, tp=TP, key=b"k", headers=headers)])
    assert 2_001 == taken == octets_of([record])
    letter = _letter(record, "too-large", "")
    assert (b"k", b"v" * 2_000) == (letter["key"], letter["value"])
    said = _headers(letter)
    assert (b"%d" % octets, b"too-large") == (said["headers-octets"], said["headers"])
    assert said.keys().isdisjoint({"key-octets", "value-octets", "header.a"})


def test_headers_that_others_write_pass() -> None:
    """Two thousand empty ones, and a trace; what they cost counts."""
    many = delivered(7, b"v", key=b"k", headers=[(f"h{number}", None) for number in range(2_000)])
    trace = delivered(8, b"v", headers=[("traceparent", b"00-%032x-%016x-01")])
    bare = delivered(9, None)
    assert ([many, trace, bare], octets_of([many, trace, bare])) == cut([many, trace, bare])
    assert 2 + 2_000 * HEADER_COST + 8_890 == octets_of([many])
    assert 1 + HEADER_COST + 11 + 17 == octets_of([trace])
    assert 0 == octets_of([bare]) == octets_of([])


def _note(limit: DeadLetterLimit, *batches: tuple[int, int]) -> bool:
    """Whether one of the batches (records, unreadable ones) stopped it."""
    try:
        for records, dead in batches:
            limit.note(records, dead, UNREAD)
    except TooManyDeadLetters:
        return True
    return False


@pytest.mark.parametrize(
    ("batches", "stops"),
    [
        ([(9, 9)], False),
        ([(10, 5)], False),
        ([(10, 6)], True),
        ([(1, 1)] * 9, False),
        ([(1, 1)] * 10, True),
        ([(5, 0), (5, 5)], False),
        ([(5, 0), (6, 6)], True),
        ([(1000, 0), (9, 9)], False),
        ([(1000, 0), (10, 10)], True),
        ([(10, 4), (10, 4), (10, 4)], False),
        ([(5, 5), (5, 0), (5, 0), (5, 5)], False),
    ],
)
def test_more_than_the_share_of_a_full_window_stops(batches: list[tuple[int, int]], stops: bool) -> None:
    """A few bad records at the start are no broken producer; good ones of long ago are no excuse."""
    assert stops == _note(DeadLetterLimit(0.5, 10), *batches)


def test_with_a_share_of_one_nothing_stops() -> None:
    """The way to dead-letter what stands in a topic, on purpose."""
    assert not _note(DeadLetterLimit(1.0, 10), *[(10, 10)] * 5)


def test_the_error_says_what_to_do() -> None:
    """With an example of what could not be read, where it stands and whose it is."""
    told = "at offsets 7 to 16 of email-intents/2, in the name of bad, shop, because: it is no JSON"
    with pytest.raises(TooManyDeadLetters, match=f"{told}.*SIDESTEP_DEAD_LETTER_SHARE=1"):
        DeadLetterLimit(0.5, 10).note(10, 10, UNREAD)
