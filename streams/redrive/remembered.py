"""Which records have been sent back: notes in email-control, written in the transaction that sends them. Pure.

A note has the offsets of one block of a partition, as ranges: a flood that was mended is a few lines. What counts is
where the record stood first, as a dead letter may be there twice after a crash of Screen.
"""

from collections.abc import Mapping

import msgspec

from sidestep.schemas.codec import encode
from sidestep.schemas.typed import json_as
from sidestep.streams.errors import RedriveError
from sidestep.streams.redrive.letter import LetterOrigin
from sidestep.streams.runtime.collective_letter import joined
from sidestep.topics.catalog import DAY_MS

PREFIX = "redriven/"
BLOCK = 4_096
"""Offsets of one note: at worst every other one, which is 25 KB."""
REMEMBERED_MS = 400 * DAY_MS
"""After it a note goes: dead letters are kept for 30 days, and by nobody for so long."""


class RedrivenNote(msgspec.Struct, frozen=True):
    """Offsets that were sent back, first and last of each range; `at`: when the last was, in ms since 1970."""

    ranges: list[tuple[int, int]]
    at: int


Block = tuple[str, int, int]
"""Topic, partition, and the offset divided by BLOCK."""


class Remembered:
    """What has been sent back, and what is to be noted of it."""

    def __init__(self, notes: Mapping[str, bytes]):
        """`notes`: all of email-control. Raises RedriveError for one that can't be read."""
        self._offsets: dict[Block, set[int]] = {}
        self._at: dict[Block, int] = {}
        self._changed: set[Block] = set()
        for key, value in notes.items():
            if key.startswith(PREFIX):
                self._read(key, value)

    def __contains__(self, origin: LetterOrigin) -> bool:
        return origin.offset in self._offsets.get(_block(origin), ())

    def add(self, origin: LetterOrigin) -> None:
        """One that is being sent back."""
        block = _block(origin)
        self._offsets.setdefault(block, set()).add(origin.offset)
        self._changed.add(block)

    def take(self, now_ms: int) -> list[tuple[str, bytes | None]]:
        """Notes to write, since the last call; None: the note has ended."""
        ended = [block for block, at in self._at.items() if at < now_ms - REMEMBERED_MS and block not in self._changed]
        for block in ended:
            del self._at[block], self._offsets[block]
        self._at |= dict.fromkeys(self._changed, now_ms)
        written = [
            (_key(block), encode(RedrivenNote(joined(self._offsets[block]), now_ms))) for block in sorted(self._changed)
        ]
        self._changed = set()
        return [*((_key(block), None) for block in ended), *written]

    def _read(self, key: str, value: bytes) -> None:
        try:
            topic, partition, number = key.removeprefix(PREFIX).split("/")
            block = topic, int(partition), int(number)
            note = json_as(value, RedrivenNote)
        except (ValueError, RecursionError):
            raise RedriveError(
                f"the note {key!r} in email-control can't be read, so it is not known what has been sent back: nothing "
                "is sent. See who has written it; a tombstone under its key takes it back"
            ) from None
        self._offsets[block] = {
            offset for first, last in note.ranges for offset in range(first, min(last, first + BLOCK) + 1)
        }
        self._at[block] = note.at


def _block(origin: LetterOrigin) -> Block:
    return origin.topic, origin.partition, origin.offset // BLOCK


def _key(block: Block) -> str:
    return PREFIX + "/".join(map(str, block))
