"""A record that can't be read: kept byte for byte, with the reason in headers; and when there are too many, a stop."""

from collections import deque
from typing import NamedTuple

from sidestep.streams.errors import TooManyDeadLetters
from sidestep.streams.runtime.cut_record import LARGEST_PART, CutRecord
from sidestep.streams.runtime.outgoing import ANY_PARTITION, Headers, Single
from sidestep.streams.runtime.record import Record
from sidestep.topics.headers import UnreadableHeaders, headers_of

REASON_MAX = 500
PART_MAX = LARGEST_PART
"""Octets of a key or a value that are kept. What is larger was cut before it came here, or was compressed."""
KEPT = "header."
"""Before the name of each header that the record had."""
HEADERS = "headers"
"""Header that says how many of those are kept; or `unreadable` or `too-large`, and then none is."""
HEADERS_MAX, HEADERS_OCTETS = 500, 32_768
"""Headers of a record that are kept, and octets of their names and values: signatures and what gateways add are few."""
SOUGHT, FOUND = "recipient-by-id", "found"
"""Reason of a dead letter that ends by itself, and the header of the note, no letter itself, that names its origin."""
SEEKS = "seeks"
"""Header of such a letter: how many such notes end it."""
REDRIVEN = "redriven"
"""Header of a record that was sent back from here: how many times. It counts in no signature (topics/signing.py)."""


def dead_letter(record: Record, code: str, text: str, topic: str, partition: int = ANY_PARTITION) -> Single:
    """A record for the topic of dead letters: key and value as they came; reason and origin as headers, its own headers
    behind them under other names. What is longer than PART_MAX is cut, and a header says how long it was."""
    key, value = record.key(), record.value()
    return {
        "topic": topic,
        "partition": partition,
        "key": key and key[:PART_MAX],
        "value": value and value[:PART_MAX],
        "headers": [*_lengths(record, key, value), *dead_letter_headers(record, code, text), *_own(record)],
    }


def dead_letter_headers(record: Record, code: str, text: str) -> Headers:
    """What each dead letter has: why it is one, and where its record stood."""
    origin = f"{record.topic()}/{record.partition()}/{record.offset()}"
    return [
        ("reason", code.encode()),
        ("text", text[:REASON_MAX].encode("utf-8", "replace")),
        ("topic", record.topic().encode()),
        ("partition", b"%d" % record.partition()),
        ("offset", b"%d" % record.offset()),
        ("origin", origin.encode()),
    ]


def found_note(origin: str, event: str, topic: str, partition: int) -> Single:
    """A note among the dead letters: of that of this origin (TOPIC/PARTITION/OFFSET) this event has ended."""
    found: Headers = [(FOUND, f"{origin} {event}".encode())]
    return {"topic": topic, "partition": partition, "key": None, "value": None, "headers": found}


def _lengths(record: Record, key: bytes | None, value: bytes | None) -> Headers:
    """Of what is cut."""
    if isinstance(record, CutRecord):
        found = record.lengths
    else:
        found = {part: len(it) for part, it in (("key", key), ("value", value)) if it and len(it) > PART_MAX}
    return [(f"{part}-octets", b"%d" % octets) for part, octets in found.items()]


def _own(record: Record) -> Headers:
    if isinstance(record, CutRecord) and "headers" in record.lengths:
        return [(HEADERS, b"too-large")]
    try:
        found = headers_of(record)
    except UnreadableHeaders:
        return [(HEADERS, b"unreadable")]
    octets = sum(len(name.encode("utf-8", "replace")) + len(value or b"") for name, value in found)
    if octets > HEADERS_OCTETS or len(found) > HEADERS_MAX:
        # those that count how often it was sent back are small, and end that
        kept = [(name, value) for name, value in found if name == REDRIVEN and len(value or b"") < 10][:1]
        return [(HEADERS, b"too-large"), *((KEPT + name, value) for name, value in kept)]
    return [(HEADERS, b"%d" % len(found)), *((KEPT + name, value) for name, value in found)]


class UnreadRecords(NamedTuple):
    """Records of one batch that could not be read: where to find them, and whose they are."""

    partition: str
    """TOPIC/PARTITION."""
    first: int
    last: int
    """Offsets."""
    services: tuple[str, ...]
    """Those that the records name, whoever wrote them; most records first."""
    text: str
    """What is wrong with the last one."""

    def __str__(self) -> str:
        named = f", in the name of {', '.join(self.services)}" if self.services else ""
        at = f"at offset {self.first}" if self.first == self.last else f"at offsets {self.first} to {self.last}"
        return f"the last of them {at} of {self.partition}{named}, because: {self.text}"


class DeadLetterLimit:
    """Stops the worker when more than `share` of the last `window` records could not be read: that is a broken
    producer."""

    def __init__(self, share: float, window: int):
        self._share = share
        self._recent: deque[tuple[int, int]] = deque()
        self._window = window
        self._records = self._dead = 0
        self._last: UnreadRecords | None = None

    def note(self, records: int, dead: int, unread: UnreadRecords | None) -> None:
        """A batch of `records` with `dead` unreadable ones, of which `unread` tells more. Raises TooManyDeadLetters
        before any of it is written."""
        self._last = unread or self._last
        self._recent.append((records, dead))
        self._records += records
        self._dead += dead
        while self._recent and self._records - self._recent[0][0] >= self._window:
            old_records, old_dead = self._recent.popleft()
            self._records -= old_records
            self._dead -= old_dead
        if self._records >= self._window and self._dead > self._share * self._records:
            raise TooManyDeadLetters(
                f"{self._dead} of the last {self._records} records can't be read, {self._last}. That is a broken "
                "producer rather than a broken record, so this worker stops, and nothing of it is skipped or is in "
                "email-dead-letters: look at them where they stand. Mend the producer; to dead-letter what stands in "
                "the topic all the same, start with SIDESTEP_DEAD_LETTER_SHARE=1, or without SIDESTEP_DEAD_LETTER_EXIT."
            )
