"""The notes in email-control of producers in quarantine: they outlive workers, and all workers know of them. Pure."""

from collections.abc import Iterator, Mapping

import msgspec

from sidestep.streams.screen.notes import read_note
from sidestep.streams.screen.rubbish import Producer

PREFIX = "quarantine/"
"""Of a note's key, before the topic; the service, or the number of the partition, follows after U+001F."""


class QuarantineNote(msgspec.Struct, frozen=True, omit_defaults=True):
    """One producer in quarantine."""

    topic: str
    service: str
    partition: int
    """-1 where there is a service."""
    since: int
    """Milliseconds since 1970."""
    place: str
    """TOPIC/PARTITION/OFFSET of the record with which it was too much."""
    text: str
    """What was wrong with the last one of that batch."""

    @property
    def producer(self) -> Producer:
        """Whose it is."""
        return Producer(self.topic, self.service, self.partition)


def key_of(producer: Producer) -> str:
    """Of its note."""
    return f"{PREFIX}{producer.topic}\x1f{producer.service or producer.partition}\x1f{'s' if producer.service else 'p'}"


def quarantined(notes: Mapping[str, bytes]) -> Iterator[QuarantineNote]:
    """Producers that the notes tell of, as far as those can be read, the oldest first."""
    found = [read_note(value, QuarantineNote) for key, value in notes.items() if key.startswith(PREFIX)]
    yield from sorted((note for note in found if note is not None), key=lambda note: note.since)
