"""What people and providers say of traps, what it becomes in the log and in notes, and what can be read again."""

import hashlib
import json
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.streams.runtime.partitioner import partition_of
from sidestep.streams.screen.keys import Keys
from sidestep.streams.screen.log_layout import AS_WRITTEN, by_mailbox
from sidestep.streams.screen.subject_lists import Line, read_lines
from sidestep.streams.screen.suppressions import Target
from sidestep.streams.screen.traps import (
    as_json,
    hit_ms,
    known_traps,
    no_trap_record,
    note,
    places_of,
    read_trap,
    target_of,
    trap_record,
)

KEYS = Keys(bytes(32))
JANE = KEYS.recipient("jane@example.com")
NOW = 1_800_000_000_000


@pytest.mark.parametrize(
    ("text", "target"),
    [
        (" Jane@example.com ", Target("example.com", JANE)),
        ("EXAMPLE.com", Target("example.com")),
        (f"hash:{JANE.hex()}@example.com", Target("example.com", JANE)),
        (f"hash:{b64encode(JANE).decode()}@example.com", Target("example.com", JANE)),
        (f"hash:{JANE.hex()}", Target("", JANE)),
        (f"hash:{b64encode(JANE).decode()}", Target("", JANE)),
        (b64encode(JANE).decode(), Target("", JANE)),
    ],
)
def test_a_trap_is_an_address_a_domain_or_a_key_of_ours(text: str, target: Target) -> None:
    """As lists show it, or as the log has it; what is shown can be typed again."""
    assert target == read_trap(text, KEYS) == read_trap(read_trap(text, KEYS).text, None)


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256"])
def test_a_hash_that_is_not_ours_is_refused_with_what_to_do(algorithm: str) -> None:
    """The address behind it can be found only when it comes by again: by a feed."""
    digest = hashlib.new(algorithm, b"jane@example.com").hexdigest()
    with pytest.raises(ValueError, match=r"put it into a feed of hashes, see docs/feeds\.md"):
        read_trap(digest, KEYS)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "neither an address nor a domain"),
        ("hash:5e", "expected 32 hex digits, or recipient_key"),
        ("hash:" + "5e" * 16 + "@x y", "neither an address nor a domain"),
        ("jane doe@example.com", "is no address: whitespace"),
    ],
)
def test_what_is_none_of_them_is_refused_with_the_reason(text: str, said: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match=said):
        read_trap(text, KEYS)


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Never anything else; what was read can be shown and read again."""
    try:
        trap = read_trap(text, KEYS)
    except ValueError:
        return
    assert trap == read_trap(trap.text, KEYS)


def test_a_bare_key_goes_to_every_partition() -> None:
    """Everything else to where its mail is judged."""
    assert [0, 1, 2, 3] == places_of(Target("", JANE), by_mailbox(), 4)
    assert [partition_of("example.com", 64)] == places_of(Target("example.com", JANE), by_mailbox(), 64)
    for layout, places in ((by_mailbox(), 1), (AS_WRITTEN, 2)):
        assert places == len(places_of(read_trap("jane@gmail.com", KEYS), layout, 64))


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("", 0),
        ("2026-10-01", 1_790_812_800_000),
        ("2026-10-01T02:00:00+02:00", 1_790_812_800_000),
        ("1790812800", 1_790_812_800_000),
    ],
)
def test_a_hit_is_a_day_or_a_moment(text: str, ms: int) -> None:
    """As lists of providers have it."""
    assert ms == hit_ms(text, NOW)


@pytest.mark.parametrize("text", ["yesterday", "1790812800000", "1999-01-01", "2050-01-01"])
def test_a_hit_is_past_and_not_before_mail_of_ours(text: str) -> None:
    """Milliseconds are a mistake."""
    with pytest.raises(ValueError, match="hit_at"):
        hit_ms(text, NOW)


def test_notes_tell_what_is_known() -> None:
    """The latest first; what was taken back is gone; each can be read again."""
    notes: dict[str, bytes] = {"hold/shop": b"{}", "suppress/a.example": b"{}"}
    for number, name in enumerate("abc"):
        key, value = note(trap_record(read_trap(f"{name}.example", None), "ops", "why", NOW, NOW + number))
        notes[key] = value or b""
    key, value = note(no_trap_record(read_trap("c.example", None), "ops", NOW))
    assert value is None
    del notes[key]
    assert ["b.example", "a.example"] == [each.subject for each in known_traps(notes)]
    line = as_json(known_traps(notes)[0])
    assert [Line(1, "b.example", "why", by="ops", hit_at="2027-01-15T08:00:00Z")] == list(read_lines([line]))
    assert NOW == hit_ms(json.loads(line)["hit_at"], NOW)


def test_texts_stand_in_verdicts() -> None:
    """On one line; a reason need not be given."""
    trap = read_trap("jane@example.com", KEYS)
    assert trap == target_of(trap_record(trap, "ops", "", 0, NOW))
    for by, reason in (("", "x"), ("ops\n", "two\nlines"), ("o" * 201, "")):
        with pytest.raises(ValueError, match=r"empty|at most 200 characters"):
            trap_record(trap, by, reason, 0, NOW)
