"""Dead letters that an intent may have become. Blocks."""

from itertools import chain

from msgspec import json

from sidestep.streams.explain.find import Wanted
from sidestep.streams.redrive.letter import read_letter
from sidestep.topics.catalog import DEAD_LETTERS
from sidestep.topics.connection import Connection
from sidestep.topics.replay_codec import StoredRecord
from sidestep.topics.replay_rules import TopicStretch
from sidestep.topics.stretch import ranges_of, read_stretch, topic_of


def letters_of(connection: Connection, wanted: Wanted) -> list[tuple[str, str]]:
    """Where they lie, and why they are dead letters. Who can't be read may name its service otherwise, so the id alone
    counts. Raises NotLetIn, BrokerUnreachable."""
    topic = topic_of(connection, DEAD_LETTERS.name)
    ranges = ranges_of(connection, topic, TopicStretch(None, None))
    needle = json.encode(wanted.id)
    found = []
    for record in chain.from_iterable(read_stretch(connection, topic, ranges)):
        if isinstance(record, StoredRecord) and needle in (record.value or b""):
            letter = read_letter(record)
            if letter is not None:
                found.append((f"{topic.name}/{record.partition}/{record.offset}", f"{letter.reason}: {letter.text}"))
    return found
