"""The octets of a record -> the feedback in our own schema; or a ContractError says why not. Pure.

Of feedback our schema goes first, whichever of the two the topic is for. What is not ours is read as a report, a
complaint, a bounce's text or a webhook body (feedback/parse.py), which is slow: read feedback in a thread. What says
something that must not count (a vacation note, a test) gives nothing; what says nothing at all raises.
"""

from typing import NamedTuple

from msgspec.structs import replace

from sidestep.schemas import Bounce, EmailIntent, Engagement
from sidestep.schemas.codec import MAX_RECORD, ContractError, encode
from sidestep.schemas.framed import Framed, frames, why_unframed
from sidestep.schemas.reading import Feedback, read_intent, read_own_feedback, read_time
from sidestep.streams.screen.feedback.outcome import TOO_MANY_EVENTS, UNKNOWN_PROVIDER, Outcome, is_by_id, to_feedback
from sidestep.streams.screen.feedback.parse import parse
from sidestep.streams.screen.feedback.unknown import (
    FOREIGN,
    NOBODY,
    ODD_FIELD,
    is_foreign_octets,
    why_unknown,
    why_unread,
)

UNREADABLE = "undefined"
"""The parser's reason for what it could make nothing of."""
LOST = "no-recipient"
"""Code of a bounce that names nobody, and the event under which one beside others is counted."""
SOMEBODY = "somebody@invalid"
"""In place of the recipient while the rest is checked."""
OURS = frozenset({"absurd-time", "control-character", "reserved-name"})
"""Faults of what is in our schema, and nobody else's."""


FeedbackForm = tuple[str, str, str]
"""How an event was told, for the account: who tells so or in what form, the event, and the rule by which a bounce was
understood; `none` as event for what must not count."""


class ReadFeedback(NamedTuple):
    """What a record says: its events, and how each was told, with what must not count as well."""

    events: list[Feedback]
    forms: list[FeedbackForm]


def read_framed_intent(value: bytes | None, fault: ContractError, now: float) -> EmailIntent:
    """The intent in a value's frame. `fault`: why the value itself is none. Raises ContractError."""
    found = frames(value) if value is not None and len(value) <= MAX_RECORD else []
    if not found:
        raise ContractError(fault.code, why_unframed(value) or str(fault))
    try:
        return read_intent(found[-1].value, now)
    except ContractError as error:
        raise _in_frame(found[-1], error) from None


def read_feedback(value: bytes | None, kind: type[Feedback], form: str, now: float) -> list[Feedback]:
    """The events of `read_forms`."""
    return read_forms(value, kind, form, now).events


def read_forms(value: bytes | None, kind: type[Feedback], form: str, now: float, service: str = "") -> ReadFeedback:
    """Octets -> events. `kind`: what the topic is for, `form`: the content type, "" if not known. `service`: whose mail
    it is about where it doesn't say so itself. Raises ContractError."""
    found = frames(value)
    if not found:
        return _read_unframed(value, kind, form, now, service)
    try:
        return _read_unframed(found[-1].value, kind, found[-1].form, now, service)
    except ContractError as error:
        raise _in_frame(found[-1], error) from None


def _in_frame(inside: Framed, error: ContractError) -> ContractError:
    return ContractError(error.code, f"in {inside.frame}: {error}")


def _read_unframed(value: bytes | None, kind: type[Feedback], form: str, now: float, service: str) -> ReadFeedback:
    if why := why_unframed(value):
        raise ContractError("not-json", why)
    foreign = value is not None and is_foreign_octets(value)
    try:
        own = read_own_feedback(value, kind, now)
        if not foreign:
            return _ours(own)
        ours = ContractError(UNKNOWN_PROVIDER, FOREIGN)
    except ContractError as error:
        ours = error
    if value is None or b"\x00" in value[:1000] or ours.code in OURS:
        raise ours
    if not foreign:
        try:
            return _ours(read_own_feedback(value, Engagement if kind is Bounce else Bounce, now))
        except ContractError:
            pass  # neither is ours: what follows reads everybody else's
    outcomes = parse(value, form)
    _refuse_unread(outcomes, value, ours)
    try:
        told = [(outcome, _of_outcome(outcome, now, service)) for outcome in outcomes]
    except (UnicodeEncodeError, ContractError):
        raise ContractError(ours.code, ODD_FIELD) from None  # half a surrogate pair, a NUL
    events = [event for _, event in told if event is not None]
    if not events and any(_is_lost(*each) for each in told):
        raise ContractError(LOST, NOBODY)
    return ReadFeedback(events, [_form_of(*each) for each in told])


def _refuse_unread(outcomes: list[Outcome], value: bytes, ours: ContractError) -> None:
    """Raises ContractError where not one outcome was read: for what that is, or why it is not ours either."""
    (reason, *others) = {outcome.reason if outcome.kind == "none" else "" for outcome in outcomes}
    if others or reason not in (UNREADABLE, UNKNOWN_PROVIDER, TOO_MANY_EVENTS):
        return
    if reason == UNREADABLE:
        raise ContractError(ours.code, why_unknown(value, str(ours), outcomes[0].source))
    raise ContractError(reason, why_unread(reason, str(ours)))


def _ours(feedback: Feedback) -> ReadFeedback:
    return ReadFeedback([feedback], [("sidestep", feedback.kind, "")])


def _form_of(outcome: Outcome, event: Feedback | None) -> FeedbackForm:
    rule = outcome.rule if outcome.kind == "bounce" else ""  # of other kinds it may quote what stands there
    return outcome.source or "none", LOST if _is_lost(outcome, event) else outcome.event or "none", rule


def _is_lost(outcome: Outcome, event: Feedback | None) -> bool:
    """Whether it is a bounce that can't be anybody's. Complaints often name nobody on purpose: RFC 6590."""
    return outcome.kind == "bounce" and event is None


def _of_outcome(outcome: Outcome, now: float, service: str) -> Feedback | None:
    """In our schema and within its bounds. A provider's odd time or id must not cost us the event: it is left out."""
    if is_by_id(outcome, service):
        return _of_somebody(outcome, now)
    feedback = to_feedback(outcome)
    if feedback is None:
        return None
    kind = type(feedback)
    try:
        return read_own_feedback(encode(feedback), kind, now)
    except ContractError:
        feedback.occurred_at, feedback.intent_id, feedback.service, feedback.token = None, "", "", ""
        return read_own_feedback(encode(feedback), kind, now)


def _of_somebody(outcome: Outcome, now: float) -> Feedback | None:
    """Likewise of one that names its intent alone: without a recipient, which our schema demands of others. None: its
    id or its service can't be one."""
    feedback = to_feedback(replace(outcome, recipient=SOMEBODY))
    if feedback is None:
        return None
    try:
        read_time("occurred_at", feedback.occurred_at, now)
    except ContractError:
        feedback.occurred_at = None
    try:
        event = read_own_feedback(encode(feedback), type(feedback), now)
    except ContractError:
        return None
    event.recipient = ""
    return event
