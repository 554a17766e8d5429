"""Dead letters as their headers tell of them, and what keeps one from being sent back. Pure."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Self

from sidestep.schemas.codec import ContractError
from sidestep.streams.runtime.collective_letter import OFFSETS, OffsetRanges, read_offsets
from sidestep.streams.runtime.dead_letters import HEADERS, KEPT, REDRIVEN
from sidestep.topics.headers import Header
from sidestep.topics.own_topics import GENERAL, general_of, owner_of
from sidestep.topics.replay_codec import StoredRecord
from sidestep.topics.signing import signature_of


class LetterOrigin(NamedTuple):
    """Where a record stood that could not be read."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True)
class DeadLetter:
    """One record of email-dead-letters. Key, value and headers are those of the record that could not be read."""

    partition: int
    offset: int
    at: int
    """Milliseconds since 1970: when it became a dead letter."""
    reason: str
    text: str
    origin: LetterOrigin
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...] | None
    """None: they were not kept."""
    cut: bool
    """Its key or value was larger than what is kept."""
    redriven: int
    """How many times the record had been sent back before."""
    ranges: OffsetRanges = ()
    """Of a collective letter: the offsets of its records, which stay in their topic; `origin` is the first one. It has
    no key, value or headers. Otherwise empty."""

    @property
    def records(self) -> int:
        """How many it stands for."""
        return sum(last - first + 1 for first, last in self.ranges) or 1

    def origins(self) -> Iterator[LetterOrigin]:
        """Where each of them stood."""
        for first, last in self.ranges or [(self.origin.offset, self.origin.offset)]:
            for offset in range(first, last + 1):
                yield self.origin._replace(offset=offset)

    @property
    def signed_at(self) -> int | None:
        """Milliseconds since 1970, as its signature says; None: it has none that can be read."""
        try:
            found, _ = signature_of(self.headers or ())
        except ContractError:
            return None
        return int(found[1]) if found is not None else None


def read_letter(record: StoredRecord) -> DeadLetter | None:
    """None: the record is no dead letter that a stage has written."""
    said: dict[str, bytes] = {}
    for name, value in record.headers:
        said.setdefault(name, value or b"")  # ours stand before those of the record
    try:
        origin = LetterOrigin(said["topic"].decode(), int(said["partition"]), int(said["offset"]))
        reason, text = (said[name].decode("utf-8", "replace") for name in ("reason", "text"))
        ranges = read_offsets(said[OFFSETS]) if OFFSETS in said else []
    except (KeyError, ValueError):
        return None
    kept = tuple((name.removeprefix(KEPT), value) for name, value in record.headers if name.startswith(KEPT))
    return DeadLetter(
        record.partition,
        record.offset,
        record.timestamp or 0,
        reason,
        text,
        origin,
        record.key,
        record.value,
        tuple(header for header in kept if header[0] != REDRIVEN) if said.get(HEADERS, b"").isdigit() else None,
        not ranges and not said.keys().isdisjoint(("key-octets", "value-octets")),
        _times(dict(kept).get(REDRIVEN)),
        ranges,
    )


def letter_in_topic(
    collective: DeadLetter, offset: int, key: bytes | None, value: bytes | None, headers: Collection[Header] | None
) -> DeadLetter:
    """A letter of one record that a collective one stands for, as it was found in its topic. `headers`: None where they
    can't be read."""
    return replace(
        collective,
        origin=collective.origin._replace(offset=offset),
        key=key,
        value=value,
        headers=None if headers is None else tuple(header for header in headers if header[0] != REDRIVEN),
        redriven=_times(dict(headers or ()).get(REDRIVEN)),
        ranges=(),
    )


def _times(said: bytes | None) -> int:
    return int(said) if said is not None and said.isdigit() and len(said) < 10 else 0


class LetterFilter(NamedTuple):
    """Which dead letters are meant. Empty: any."""

    reasons: Collection[str] = ()
    topics: Collection[str] = ()

    def holds(self, letter: DeadLetter) -> bool:
        """Whether this one is."""
        return (not self.reasons or letter.reason in self.reasons) and (
            not self.topics or letter.origin.topic in self.topics
        )


@dataclass(frozen=True)
class RedriveRules:
    """What may be sent back: `partitions` of the topics that there are, `named` topics of a service's own, at most
    `most` times; dead since `dead_since` and signed since `signed_since`, milliseconds since 1970."""

    partitions: Mapping[str, int]
    named: Collection[str]
    most: int
    signed_since: int
    dead_since: int = 0

    def obstacle(self, letter: DeadLetter) -> str:
        """Why a dead letter stays where it is; empty: it may go."""
        topic = letter.origin.topic
        if general_of(topic) not in GENERAL:
            return f"of {topic}, which stages alone write: replay what it was made of, see docs/operations.md"
        if owner_of(topic) and topic not in self.named:
            return f"of {topic}, to which its owner alone may write: name it with --topic where Kafka lets you"
        if letter.origin.partition >= self.partitions.get(topic, 0):
            return f"of {topic}, which has no such partition any more"
        if letter.cut:
            return "cut, as too large to be kept whole: replay the record itself from its topic"
        if letter.redriven >= self.most:
            return f"sent back {self.most} times already (--most-times)"
        if letter.at < self.dead_since:
            return (
                "older than 7 days: what its service has published again since may be forgotten, and would be judged "
                "twice (--old sends them all the same)"
            )
        if letter.signed_at is not None and letter.signed_at < self.signed_since:
            return "signed too long ago: the service has to send it anew (--expired sends it all the same)"
        return ""


@dataclass
class RedriveCount:
    """What became of dead letters."""

    sent: int = 0
    before: int = 0
    """Sent back by an earlier run, or the same record twice."""
    bare: int = 0
    """Of those sent, without their own headers, which were not kept."""
    left_out: Counter[str] = field(default_factory=Counter)
    """By the reason."""


@dataclass
class LetterGroup:
    """Dead letters of one reason and topic; times are milliseconds since 1970. Of a collective one each record
    counts."""

    reason: str
    topic: str
    letters: int = 0
    redriven: int = 0
    first: int = 0
    last: int = 0

    def add(self, letter: DeadLetter, redriven: int) -> Self:
        """One more, of which so many records were sent back."""
        self.first = min(self.first, letter.at) if self.letters else letter.at
        self.last = max(self.last, letter.at)
        self.letters += letter.records
        self.redriven += redriven
        return self
