"""With how many partitions the log was begun: what email-control says of it, and what follows."""

import json
from typing import Any

import pytest

from sidestep.schemas.codec import encode
from sidestep.streams.partition_note import KEY, PartitionNote, begun_with, grown, is_draining, misfit, noted

FOUR = {"email-evidence": 4, "email-tallies": 4, "email-intents": 7}


def notes(**given: Any) -> dict[str, bytes]:
    return {kind: json.dumps(value).encode() for kind, value in given.items()}


def test_what_is_noted_counts() -> None:
    """Whatever other notes say."""
    found = notes(policy={"version": "1", "partitions": 3, "at": 1}) | {KEY: encode(PartitionNote(4, 5, 6))}
    assert PartitionNote(4, 5, 6) == noted(found) == begun_with(found)


@pytest.mark.parametrize(
    ("given", "log"),
    [
        ({}, 0),
        ({"policy": {"partitions": 4}, "lists": {"partitions": 4}}, 4),
        ({"policy": {"partitions": 0}, "lists": {"partitions": 4}}, 4),
        ({"policy": {"partitions": 0}}, 0),
        ({"policy": 7, "partitions": "x"}, 0),
    ],
)
def test_before_one_is_noted_control_records_tell_how_far_they_reached(given: dict[str, Any], log: int) -> None:
    """A policy that is being written has reached none. What can't be read is passed over."""
    assert noted(notes(**given)) is None
    assert begun_with(notes(**given)).log == log


def test_as_many_partitions_fit() -> None:
    """Where nothing is known, any number does; topics that are no log may have any."""
    assert "" == misfit(PartitionNote(4, 4), FOUR) == misfit(PartitionNote(0), FOUR) == misfit(PartitionNote(4, 4), {})


@pytest.mark.parametrize("topic", ["email-evidence", "email-tallies"])
@pytest.mark.parametrize("here", [1, 3, 5, 12])
def test_another_number_is_told(topic: str, here: int) -> None:
    """With both, and where it stands what to do."""
    found = misfit(PartitionNote(4, 4), FOUR | {topic: here})
    assert found.startswith(f"{topic} was begun with 4 partitions and has {here} now.")
    assert "docs/operations.md" in found


def test_metadata_that_lacks_some_makes_them_no_fewer() -> None:
    """A broker that has just started may know of none. More than before are told."""
    assert "" == grown(FOUR, {}) == grown(FOUR, {"email-evidence": 3}) == grown(FOUR, FOUR | {"email-intents": 9})
    assert "has 5 now" in grown(FOUR, FOUR | {"email-tallies": 5})


def test_while_the_log_grows_its_new_partitions_fit() -> None:
    """Only those that it is grown to; and only once they are there what is in the old ones is judged alone."""
    note = PartitionNote(4, 4, growing=12)
    assert "" == misfit(note, FOUR) == misfit(note, FOUR | {"email-evidence": 12})
    assert "has 8 now" in misfit(note, FOUR | {"email-evidence": 8})
    assert not is_draining(note, FOUR)
    assert is_draining(note, FOUR | {"email-evidence": 12})
    assert not is_draining(PartitionNote(12, 4, before=(4,)), FOUR | {"email-evidence": 12})


def test_a_partition_that_came_later_is_known() -> None:
    """Its ledger began with another one's, however often the log has grown since."""
    note = PartitionNote(24, 4, before=(4, 12))
    assert [False, True, True] == [note.is_carried_on(number) for number in (3, 4, 23)]
    assert not PartitionNote(4).is_carried_on(3)
    assert [True, True, False] == [each.has_grown for each in (note, PartitionNote(4, growing=8), PartitionNote(4))]
