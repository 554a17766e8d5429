"""What has been sent back is known again by the next run, whatever was sent and in whatever order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.streams.errors import RedriveError
from sidestep.streams.redrive.letter import LetterOrigin
from sidestep.streams.redrive.remembered import BLOCK, REMEMBERED_MS, Remembered

ORIGINS = st.builds(
    LetterOrigin, st.sampled_from(["email-intents", "email-bounces.shop"]), st.integers(0, 2), st.integers(0, 3 * BLOCK)
)


def write(notes: dict[str, bytes], origins: list[LetterOrigin], now_ms: int = 0) -> None:
    """One run."""
    remembered = Remembered(notes)
    for origin in origins:
        remembered.add(origin)
    for key, value in remembered.take(now_ms):
        if value is None:
            del notes[key]
        else:
            notes[key] = value


@given(st.lists(st.lists(ORIGINS, max_size=30), max_size=5), ORIGINS)
def test_every_origin_is_remembered_and_no_other(runs: list[list[LetterOrigin]], other: LetterOrigin) -> None:
    """Run after run."""
    notes: dict[str, bytes] = {"policy": b"{", "hold/shop": b""}
    for origins in runs:
        write(notes, origins)
    remembered = Remembered(notes)
    sent = {origin for origins in runs for origin in origins}
    assert all(origin in remembered for origin in sent)
    assert (other in sent) == (other in remembered)


def test_only_what_has_changed_is_written() -> None:
    """A note for each block."""
    notes: dict[str, bytes] = {}
    write(notes, [LetterOrigin("email-intents", 0, offset) for offset in (0, 1, 2, 5, BLOCK)])
    assert {"redriven/email-intents/0/0", "redriven/email-intents/0/1"} == notes.keys()
    assert b'{"ranges":[[0,2],[5,5]],"at":0}' == notes["redriven/email-intents/0/0"]
    remembered = Remembered(notes)
    remembered.add(LetterOrigin("email-intents", 0, BLOCK + 1))
    assert ["redriven/email-intents/0/1"] == [key for key, _ in remembered.take(1)]
    assert [] == remembered.take(1)


def test_a_note_ends_long_after_its_dead_letters() -> None:
    """With a tombstone."""
    notes: dict[str, bytes] = {}
    write(notes, [LetterOrigin("email-intents", 0, 1)], 0)
    write(notes, [LetterOrigin("email-intents", 1, 1)], REMEMBERED_MS + 1)
    assert {"redriven/email-intents/1/0"} == notes.keys()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("redriven/x", b'{"ranges":[],"at":0}'),
        ("redriven/email-intents/0/0", b"{"),
        ("redriven/email-intents/0/0", b'{"ranges":[[1]],"at":0}'),
        ("redriven/email-intents/0/0", b"[" * 100_000),
    ],
)
def test_a_note_that_cannot_be_read_stops(key: str, value: bytes) -> None:
    """Rather than sending again what may have been sent."""
    with pytest.raises(RedriveError, match="not known what has been sent back"):
        Remembered({key: value})
