"""The note of the secret in force: who may start, who may go on, and what is written then."""

import pytest

from sidestep.streams.errors import HashKeyMismatch
from sidestep.streams.screen.key_note import KeyNote, note_at_start, still_in_force

NOW = 1_800_000_000_000
FIRST = KeyNote("one", 0, 5, keyed=0)
SECOND = KeyNote("two", 0, 9, "one", keyed=0)


def test_the_first_worker_writes_down_its_secret() -> None:
    """Ids, too, are made with it from the beginning."""
    assert KeyNote("one", 0, NOW, "", 0) == note_at_start(None, "one", "", NOW)


@pytest.mark.parametrize(("note", "former"), [(FIRST, ""), (FIRST, "zero"), (SECOND, ""), (SECOND, "one")])
def test_who_has_the_secret_in_force_starts(note: KeyNote, former: str) -> None:
    """And has nothing to write."""
    assert note == note_at_start(note, note.version, former, NOW)


def test_a_new_secret_comes_into_force_with_the_one_before_it() -> None:
    """At the first start of a worker that has both."""
    assert KeyNote("two", 0, NOW, "one", 0) == note_at_start(FIRST, "two", "one", NOW)
    assert KeyNote("three", 0, NOW, "two", 0) == note_at_start(SECOND, "three", "two", NOW)


def test_an_upgrade_is_noted() -> None:
    """A note of 0.1.0 does not say since when ids are keyed: since now."""
    assert KeyNote("one", 8, 5, "", NOW) == note_at_start(KeyNote("one", 8, 5), "one", "", NOW)
    assert NOW == note_at_start(KeyNote("one", 8, 5), "two", "one", NOW).keyed


@pytest.mark.parametrize(
    ("note", "own", "former", "said"),
    [
        (FIRST, "other", "", "not the one that the recipients"),
        (FIRST, "other", "stranger", "not the one that the recipients"),
        (SECOND, "one", "", "has been replaced"),
        (SECOND, "one", "two", "has been replaced"),
        (SECOND, "two", "stranger", "former hash key"),
    ],
)
def test_nobody_else_starts(note: KeyNote, own: str, former: str, said: str) -> None:
    """What he asked about would not be found: not with another secret, and not with the one that was replaced."""
    with pytest.raises(HashKeyMismatch, match=said):
        note_at_start(note, own, former, NOW)


def test_who_is_at_work_ends_when_a_new_one_is_in_force() -> None:
    """And goes on where nothing has been said."""
    still_in_force(None, "one")
    still_in_force(SECOND, "two")
    with pytest.raises(HashKeyMismatch, match="come into force"):
        still_in_force(SECOND, "one")
