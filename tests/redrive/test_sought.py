"""Dead letters of feedback whose recipient is sought end where he is found; all others are shown as ever."""

from sidestep.streams.redrive.letter import DeadLetter, read_letter
from sidestep.streams.redrive.sought import SoughtLetters
from sidestep.streams.runtime.batches import Partition
from sidestep.streams.runtime.dead_letters import SEEKS, SOUGHT, dead_letter, found_note
from sidestep.streams.runtime.outgoing import Single
from sidestep.topics.headers import Header
from sidestep.topics.replay_codec import StoredRecord
from tests.kafka_records import delivered

TOPIC = "email-dead-letters"


def stored(single: Single, offset: int) -> StoredRecord:
    """As it stands in Kafka."""
    said = tuple((name, text.encode() if isinstance(text, str) else text) for name, text in single["headers"])
    return StoredRecord(TOPIC, 1, offset, 9, b"k", single["value"], said)


def letter(reason: str, offset: int, headers: list[Header] | None = None) -> StoredRecord:
    """Of a report at that offset."""
    report = delivered(offset, b"v", tp=Partition("email-bounces", 3), key=b"k", headers=headers or [])
    return stored(dead_letter(report, reason, "why", TOPIC), offset)


def left(*records: StoredRecord) -> tuple[list[int], list[int]]:
    """Offsets of the reports whose letters are shown at once, and of those that nobody has found."""
    sought, letters = SoughtLetters(), list[DeadLetter]()
    for record in records:
        sought.hear(record)
        letters += sought.others(filter(None, [read_letter(record)]))
    return [each.origin.offset for each in letters], [each.origin.offset for each in sought.lost()]


def test_one_that_is_found_is_gone() -> None:
    """The note may stand in a partition that is read first; a letter may be there twice after a crash of Screen."""
    note = stored(found_note("email-bounces/3/7", "e1", TOPIC, 0), 1)
    assert ([2], [8]) == left(note, letter("not-json", 2), letter(SOUGHT, 7), letter(SOUGHT, 7), letter(SOUGHT, 8))
    assert ([2], [8]) == left(letter(SOUGHT, 7), letter("not-json", 2), letter(SOUGHT, 8), note)


def test_only_what_is_sought_can_be_found() -> None:
    """A note is no letter; a record that has such a header itself ends nobody's."""
    note = stored(found_note("email-bounces/3/2", "e1", TOPIC, 0), 1)
    assert read_letter(note) is None
    assert ([2], []) == left(note, letter("not-json", 2))
    assert ([], [7, 8]) == left(letter(SOUGHT, 7), letter(SOUGHT, 8, [("found", b"email-bounces/3/7 e1")]))


def test_one_of_several_events_ends_when_all_are_found() -> None:
    """Each once, however often it is noted."""
    single = dead_letter(delivered(7, b"v", tp=Partition("email-bounces", 3), key=b"k"), SOUGHT, "why", TOPIC)
    single["headers"].append((SEEKS, b"2"))
    notes = [stored(found_note("email-bounces/3/7", event, TOPIC, 0), n) for n, event in enumerate(["e1", "e1", "e2"])]
    assert ([], [7]) == left(*notes[:2], stored(single, 5))
    assert ([], []) == left(stored(single, 5), *notes)
