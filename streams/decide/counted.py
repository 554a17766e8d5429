"""What a stretch of the log gave to be counted: intents with their verdicts, and whatever else happened. Pure."""

from collections.abc import Mapping
from typing import NamedTuple

from msgspec import Struct

from sidestep.schemas import FeedbackEvidence, IntentEvidence, Verdict
from sidestep.streams.decide.risk import Risk


class Whose(NamedTuple):
    """Whose message something came back of, as far as it is known: of the last message to the mailbox."""

    service: str = ""
    """By the name of its history; likewise below."""
    source: str = ""
    campaign: str = ""
    provider: str = ""
    """Who runs the mail of its domain."""


class Lesson(NamedTuple):
    """The outcome of a message with these signals of risk: what the model learns from, once for each message."""

    signals: int
    bad: bool
    expected: int = 0
    """The risk that the policy gives to them, thousandths."""


class CameBack(NamedTuple):
    """Feedback that was new."""

    feedback: FeedbackEvidence
    origin: Whose
    lesson: Lesson | None = None


class TrapHit(NamedTuple):
    """Somebody has reported that a message of ours hit a trap."""

    origin: Whose
    lesson: Lesson | None


class Bombed(NamedTuple):
    """One more message to a mailbox for which many were meant within an hour."""

    service: str
    recipient_key: bytes
    messages: int
    """So far."""
    id: str
    """Of this one's intent."""


class RefusedRecords(NamedTuple):
    """Records that Screen has refused for who says them."""

    records: Mapping[str, int]
    """By PRINCIPAL/REASON."""


class StrayTold(NamedTuple):
    """A report that was not of a message of ours."""

    by: str
    """Who has told of it, as far as that is known: key:ID, door:NAME, a service's name, or nobody."""


class Counted(Struct):
    """What a stretch of the log within one second gave, in the log's order."""

    intents: list[tuple[IntentEvidence, Verdict, Risk]]
    """Test intents left out."""
    others: list[CameBack | TrapHit | Bombed | RefusedRecords | StrayTold]
    tests: list[tuple[str, Verdict]]
    """On test intents, with the name of their history."""
