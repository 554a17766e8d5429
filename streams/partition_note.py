"""With how many partitions the log and the tallies were begun: a note in email-control, which outlives every data
folder. Pure.

Histories, limits and known ids lie in the partition that a key has among so many. Among another number it has another
one: nobody would find them, and who was answered already would be answered again.
"""

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from sidestep.schemas.typed import json_as
from sidestep.topics.catalog import EVIDENCE, TALLIES

Note = TypeVar("Note")

KEY = "partitions"
FIXED = (EVIDENCE.name, TALLIES.name)
"""Topics whose numbers of partitions must stay as they are while workers work."""
_REACHED = ("policy", "lists")
"""Kinds of control records that are written into all partitions of the log: what their notes say of that."""


class PartitionNote(msgspec.Struct, frozen=True):
    """Partitions of email-evidence and email-tallies; 0: not known. `at`: when it was noted, in ms since 1970."""

    log: int
    tallies: int = 0
    at: int = 0
    growing: int = 0
    """To how many the log is being grown; 0: it is not."""
    before: tuple[int, ...] = ()
    """How many it had earlier, the first number first."""

    @property
    def has_grown(self) -> bool:
        """Or does so now: a worker that was away may write by an earlier number."""
        return bool(self.growing or self.before)

    def is_carried_on(self, partition: int) -> bool:
        """Whether the ledger of this partition began with a copy of another one's."""
        return bool(self.before) and partition >= self.before[0]


class _Reached(msgspec.Struct, frozen=True):
    partitions: int = 0


def noted(notes: Mapping[str, bytes]) -> PartitionNote | None:
    """The note as it stands in email-control; None: no worker has noted one yet."""
    return _read(notes.get(KEY), PartitionNote)


def begun_with(notes: Mapping[str, bytes]) -> PartitionNote:
    """The same as far as it is known; before it was noted, by what else stands in email-control."""
    found = noted(notes)
    if found is not None:
        return found
    reached = [_read(notes.get(kind), _Reached) for kind in _REACHED]
    return PartitionNote(max((each.partitions for each in reached if each is not None), default=0))


def misfit(note: PartitionNote, partitions: Mapping[str, int]) -> str:
    """A sentence where the topics have other numbers of partitions; empty: they fit. `partitions`: by topic."""
    if is_draining(note, partitions):
        partitions = {**partitions, EVIDENCE.name: note.log}
    for topic, begun in zip(FIXED, (note.log, note.tallies), strict=True):
        here = partitions.get(topic, begun)
        if begun and here != begun:
            return differs(topic, begun, here)
    return ""


def is_draining(note: PartitionNote, partitions: Mapping[str, int]) -> bool:
    """Whether the log is being grown and has its new partitions: what stands in the old ones is judged, no more is
    written."""
    return note.growing > 0 and partitions.get(EVIDENCE.name) == note.growing


GROWING = "the log is being grown (`sidestep topics grow`), and this would miss partitions: try again in a minute"
"""For commands that write control records."""


def differs(topic: str, begun: int, here: int) -> str:
    """What it means that a topic has another number of partitions than it was begun with, and what to do."""
    return (
        f"{topic} was begun with {begun} partitions and has {here} now. What is known of recipients, domains and ids "
        "lies by partition: it would not be found, and intents would get second verdicts, so nothing is judged. Kafka "
        f"takes no partitions away: `sidestep topics grow --partitions {here}` makes the ledgers fit, if that is a "
        "multiple; docs/operations.md says more under Partitions"
    )


def grown(before: Mapping[str, int], now: Mapping[str, int]) -> str:
    """The sentence for a worker at work; empty: nothing has changed. Metadata that lacks some makes them no fewer."""
    more = [topic for topic in FIXED if now.get(topic, 0) > before.get(topic, 0) > 0]
    return differs(more[0], before[more[0]], now[more[0]]) if more else ""


def _read(value: bytes | None, kind: type[Note]) -> Note | None:
    try:
        return json_as(value, kind) if value else None
    except (ValueError, RecursionError):  # a note that can't be read keeps nobody from starting
        return None
