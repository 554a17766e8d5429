"""From a feedback record in any form to events of our own schema. Pure, but slow: call it from a thread.

Our schema goes first, whichever of the two the topic is for. What is not ours is read as a report, a complaint, a
bounce's text or a webhook body (feedback/parse.py). What says something that must not count (a vacation note, a test)
gives nothing; what says nothing at all raises.
"""

import logging

from sidestep.schemas import Bounce, Engagement
from sidestep.schemas.codec import ContractError, encode
from sidestep.streams.runtime.record import Record
from sidestep.streams.screen.feedback.outcome import Outcome, to_feedback
from sidestep.streams.screen.feedback.parse import parse
from sidestep.streams.screen.intake import read_feedback

log = logging.getLogger(__name__)

Feedback = Bounce | Engagement
UNREADABLE = "undefined"
"""The parser's reason for what it could make nothing of."""


def read_records(records: list[Record], kind: type[Feedback], now: float) -> list[list[Feedback] | ContractError]:
    """What each Kafka record says, or why it can't be read."""
    said: list[list[Feedback] | ContractError] = []
    for record in records:
        try:
            said.append(read_any(record.value(), kind, content_type(record), now))
        except ContractError as error:
            said.append(error)
        except Exception as error:
            log.exception("%s/%d@%d: an error of ours", record.topic(), record.partition(), record.offset())
            said.append(ContractError("internal-error", f"{type(error).__name__}: {error}"))
    return said


def read_any(value: bytes | None, kind: type[Feedback], form: str, now: float) -> list[Feedback]:
    """Octets -> events. `kind`: what the topic is for, `form`: the content type, if known. Raises ContractError."""
    try:
        return [read_feedback(kind, value, now)]
    except ContractError as error:
        ours = error
    if value is None or b"\x00" in value[:1000] or ours.code in ("absurd-time", "control-character"):
        raise ours
    other = Engagement if kind is Bounce else Bounce
    try:
        return [read_feedback(other, value, now)]
    except ContractError:
        pass  # neither is ours: what follows reads everybody else's
    outcomes = parse(value, form)
    if all(outcome.kind == "none" and outcome.reason == UNREADABLE for outcome in outcomes):
        raise ours
    try:
        return [feedback for outcome in outcomes if (feedback := _checked(outcome, now)) is not None]
    except (UnicodeEncodeError, ContractError):
        raise ours from None  # half a surrogate pair, or a field that no provider sends so


def content_type(record: Record) -> str:
    """The record's content-type header; empty where there is none, or headers that can't be read."""
    try:
        headers = record.headers() or ()
    except (UnicodeDecodeError, SystemError):
        return ""
    return next((value.decode("latin-1") for name, value in headers if value and name.lower() == "content-type"), "")


def _checked(outcome: Outcome, now: float) -> Feedback | None:
    """In our schema and within its bounds. A provider's odd time or id must not cost us the event: it is left out."""
    feedback = to_feedback(outcome)
    if feedback is None:
        return None
    kind = type(feedback)
    try:
        return read_feedback(kind, encode(feedback), now)
    except ContractError:
        feedback.occurred_at, feedback.intent_id, feedback.service = None, "", ""
        return read_feedback(kind, encode(feedback), now)
