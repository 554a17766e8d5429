"""What email-control keeps, read with care: one note that can't be read must neither keep workers from starting, for
the topic is compacted and would keep it for ever, nor hide the others. Pure."""

from collections.abc import Iterator, Mapping
from typing import TypeVar

from sidestep.schemas.typed import json_as

Note = TypeVar("Note")


def read_note(value: bytes, kind: type[Note]) -> Note | None:
    """One note; None where it can't be read."""
    try:
        return json_as(value, kind)
    except (ValueError, RecursionError):
        return None


def notes_below(prefix: str, notes: Mapping[str, bytes], kind: type[Note]) -> Iterator[Note]:
    """Notes whose keys begin so, as far as they can be read."""
    for key, value in notes.items():
        if key.startswith(prefix) and (found := read_note(value, kind)) is not None:
            yield found
