"""Reads what email-control says of partitions; without what Screen brings, for workers that only decide. Blocks."""

from sidestep.streams.partition_note import PartitionNote, noted
from sidestep.streams.runtime.to_the_end import read_to_end
from sidestep.topics.catalog import CONTROL
from sidestep.topics.connection import Connection
from sidestep.topics.errors import NotLetIn, TopicsError


def notes_of_control(connection: Connection) -> dict[str, bytes]:
    """The last record of each key. Raises BrokerUnreachable, NotLetIn."""
    records = read_to_end(connection, CONTROL.name, (0,), "sidestep-control")
    return {(record.key() or b"").decode("utf-8", "replace"): record.value() or b"" for record in records}


def note_or_none(connection: Connection) -> PartitionNote | None:
    """The note; None where there is none, or it may not be read. Raises BrokerUnreachable."""
    try:
        return noted(notes_of_control(connection))
    except (NotLetIn, TopicsError):
        return None
