"""Which policy was put in force when, as email-control's notes say it."""

from sidestep.schemas.codec import encode
from sidestep.streams.screen.control import Written
from sidestep.streams.screen.policy_history import (
    KEPT,
    AppliedPolicy,
    history,
    policy_in_force,
    replaced_by,
    superfluous,
    version_in_force,
)


def noted(*applied: tuple[int, str], now: str = "") -> dict[str, bytes]:
    """Notes of policies applied at these times; the last one is in force, unless said otherwise."""
    entries = [AppliedPolicy(version, f"name of {version}", "text", at, "ann") for at, version in applied]
    notes = {each.key: encode(each) for each in entries}
    in_force = now or (applied[-1][1] if applied else "")
    return notes | ({"policy": encode(Written(in_force, 4, 0))} if in_force else {})


def test_they_are_in_the_order_in_which_they_were_applied() -> None:
    """Whatever order the notes have; what was written again while it was in force is told once."""
    notes = dict(reversed(noted((1, "a"), (2, "b"), (3, "b"), (10, "a")).items()))
    assert [(1, "a"), (2, "b"), (10, "a")] == [(each.at, each.version) for each in history(notes)]
    found = policy_in_force(notes)
    assert found is not None and (10, "a") == (found.at, found.version)


def test_what_was_replaced_is_older() -> None:
    """What nobody has seen is new, and what is in force is not older than itself."""
    notes = noted((1, "a"), (2, "b"))
    assert ["b", None, None] == [found and found.version for found in (replaced_by(v, notes) for v in ("a", "b", "c"))]


def test_without_a_text_of_what_is_in_force_nothing_is_older() -> None:
    """A worker of before wrote it, or one that died before it had noted the text: then the next start decides."""
    notes = noted((1, "a"), now="x")
    assert "x" == version_in_force(notes)
    assert policy_in_force(notes) is None and replaced_by("a", notes) is None
    assert "" == version_in_force({}) and policy_in_force({}) is None


def test_one_that_was_noted_and_never_begun_is_not_older() -> None:
    """Its writer died: nobody has replaced it."""
    assert replaced_by("late", noted((1, "a"), (5, "late"), now="a")) is None


def test_the_oldest_notes_go_but_not_that_of_what_is_in_force() -> None:
    """Each has a text, and every worker reads them all."""
    notes = noted(*((number, f"v{number}") for number in range(KEPT + 5)), now="v2")
    assert [f"policy/{number:013d}/v{number}" for number in (0, 1, 3, 4)] == sorted(superfluous(notes))
    assert [] == list(superfluous(noted((1, "a"))))


def test_a_note_that_cannot_be_read_hides_no_other() -> None:
    """The topic keeps it for ever."""
    notes = noted((1, "a"), (2, "b")) | {"policy/0000000000003/c": b"{"}
    assert ["a", "b"] == [each.version for each in history(notes)]
