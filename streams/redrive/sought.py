"""Dead letters that end by themselves: of feedback whose recipient was sought in the ledgers, and found. Pure.

A note of that stands somewhere behind the letter, in any partition (decide/by_id.py).
"""

from collections.abc import Iterable

from sidestep.streams.redrive.letter import DeadLetter
from sidestep.streams.runtime.dead_letters import FOUND, SEEKS, SOUGHT
from sidestep.topics.replay_codec import StoredRecord


class SoughtLetters:
    """Letters of what is sought that were met so far, until all notes have been read."""

    def __init__(self) -> None:
        self._waiting: list[DeadLetter] = []
        self._seeks: dict[str, int] = {}
        self._found: dict[str, set[str]] = {}

    def hear(self, record: StoredRecord) -> None:
        """Any record of the topic: perhaps a note, or a letter that says how many end it."""
        said = {name: (value or b"").decode("utf-8", "replace") for name, value in record.headers}
        origin, _, event = said.get(FOUND, "").partition(" ")
        if event:
            self._found.setdefault(origin, set()).add(event)
        if said.get(SEEKS, "").isdigit():
            self._seeks[said.get("origin", "")] = int(said[SEEKS])

    def others(self, letters: Iterable[DeadLetter]) -> list[DeadLetter]:
        """The letters that end by nothing. The rest waits."""
        others: list[DeadLetter] = []
        for letter in letters:
            (self._waiting if letter.reason == SOUGHT else others).append(letter)
        return others

    def lost(self) -> list[DeadLetter]:
        """At the end: those of which not all recipients were found."""
        return [letter for letter in self._waiting if not self._is_found(str(letter.origin))]

    def _is_found(self, origin: str) -> bool:
        return len(self._found.get(origin, ())) >= self._seeks.get(origin, 1)
