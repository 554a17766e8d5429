"""What may be asked for of a hold, its record for the log, and the notes that say what is in force."""

import pytest

from sidestep.streams.screen.holds import (
    KEY,
    Hold,
    hold_record,
    in_force,
    note,
    release_record,
    rfc3339,
    service_name,
    until_ms,
)

NOW = 1_790_000_000_000
"""2026-09-21T14:13:20Z"""
HOUR = 3_600_000


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("45s", 45),
        ("30min", 1_800),
        ("2h", 7_200),
        ("1.5h", 5_400),
        ("2 h", 7_200),
        (" 3d ", 3 * 86_400),
        ("1w", 7 * 86_400),
        ("366d", 366 * 86_400),
        ("1790003600", 3_600),
        ("1790003600.5", 3_600.5),
        ("2026-09-21T15:13:20Z", 3_600),
        ("2026-09-21T17:13:20+02:00", 3_600),
        ("2026-09-21 15:13:20.25Z", 3_600.25),
    ],
)
def test_the_end_as_people_write_it(text: str, seconds: float) -> None:
    """Spans, Unix seconds and RFC 3339; the same milliseconds come out."""
    assert NOW + round(seconds * 1000) == until_ms(text, NOW)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "neither a time"),
        ("tomorrow", "neither a time"),
        ("2m", "neither a time"),
        ("-2h", "neither a time"),
        ("1e3h", "neither a time"),
        ("2026-02-30T00:00:00Z", "neither a time"),
        ("\x1b[31m", "neither a time"),
        ("2026-09-21T15:13:20", "which zone"),
        ("2026-10-01", "which zone"),
        ("7200", r"past \(1970-01-01T02:00:00Z\).*2h or 3d"),
        ("0h", "past"),
        ("2026-09-21T14:13:20Z", "past"),
        ("0001-01-01T00:00:00+14:00", "past"),
        ("367d", "366 days away"),
        ("1790003600000", "366 days away"),
        ("999999999w", "366 days away"),
        ("9999-12-31T23:59:59Z", "366 days away"),
        ("9999-12-31T23:59:59-14:00", "366 days away"),
    ],
)
def test_what_cannot_be_an_end_is_said_why(text: str, why: str) -> None:
    """Past, absurd or unreadable: milliseconds for seconds, a forgotten unit, a time without its zone."""
    with pytest.raises(ValueError, match=why):
        until_ms(text, NOW)


def test_a_hold_has_a_reason_on_one_line() -> None:
    """It stands in each verdict of the service, in logs and on terminals."""
    assert "a list of 2017" == hold_record("crm", NOW + HOUR, "  a list of 2017 ", NOW).reason
    for reason in ("", "   ", "two\nlines", "\x1b[2J", "turned \u202e round", "x" * 201):
        with pytest.raises(ValueError, match="reason"):
            hold_record("crm", NOW + HOUR, reason, NOW)


@pytest.mark.parametrize("name", ["", "x" * 101, "a\nb", "a\0", " (claimed)", "x" * 101 + " (claimed)"])
def test_a_name_that_no_intent_can_have_is_refused(name: str) -> None:
    """It would be on hold for nobody, and the operator would not know."""
    with pytest.raises(ValueError, match="no service can have this name"):
        release_record(name, NOW)
    assert "söndagsbrev/å" == service_name("söndagsbrev/å")


def test_those_who_claim_a_name_may_be_held() -> None:
    """By the name that tallies and anomalies have for them, whatever a service's may be."""
    for name in ("shop (claimed)", "x" * 100 + " (claimed)"):
        assert name == hold_record(name, NOW + HOUR, "why", NOW).service == release_record(name, NOW, "form").service


def test_the_note_is_what_the_record_says() -> None:
    """With the number of partitions that have it; in force until its end, by name of the service."""
    notes = {}
    for service, hours in (("news", 2), ("crm/eu", 1)):
        key, value = note(hold_record(service, NOW + hours * HOUR, "why", NOW), 4)
        assert KEY + service == key
        notes[key] = value or b""
    crm = Hold("crm/eu", NOW + HOUR, "why", NOW, 4)
    news = Hold("news", NOW + 2 * HOUR, "why", NOW, 4)
    assert [crm, news] == in_force(notes, NOW)
    assert [news] == in_force(notes, NOW + HOUR)


def test_a_release_leaves_no_note() -> None:
    """The record lifts the hold with `until` 0; compaction forgets the service."""
    record = release_record("crm", NOW)
    assert (0, NOW, "crm") == (record.until, record.at, record.service)
    assert ("hold/crm", None) == note(record, 4)


def test_other_notes_are_passed_over() -> None:
    """Screen keeps its own in the same topic."""
    assert [] == in_force({"policy": b'{"version":"1","partitions":4,"at":1}', "hash-key": b"x"}, NOW)


def test_a_time_as_text() -> None:
    """UTC, to the second."""
    assert "2026-09-21T14:13:20Z" == rfc3339(NOW)
