"""The octets of a record -> the intent, or the feedback in our own schema; or a ContractError says why not. Pure.

Of feedback our schema goes first, whichever of the two the topic is for. What is not ours is read as a report, a
complaint, a bounce's text or a webhook body (feedback/parse.py), which is slow: read feedback in a thread. What says
something that must not count (a vacation note, a test) gives nothing; what says nothing at all raises.
"""

import re
from datetime import UTC, datetime
from typing import Any

from sidestep.schemas import Bounce, EmailIntent, Engagement
from sidestep.schemas.codec import ContractError, decode, encode
from sidestep.schemas.intents import CLAIMED
from sidestep.streams.screen.feedback.outcome import Outcome, to_feedback
from sidestep.streams.screen.feedback.parse import parse

Feedback = Bounce | Engagement

UNREADABLE = "undefined"
"""The parser's reason for what it could make nothing of."""

EARLIEST = 946_684_800
"""2000-01-01: nothing in this system is older."""
AHEAD = 86_400
"""Seconds by which a service's clock may be ahead."""
_LIKE_A_TIME = re.compile(r"[0-9TZtz:+./, -]{1,50}")
OURS = frozenset({"absurd-time", "control-character", "reserved-name"})
"""Faults of what is in our schema, and nobody else's."""
METADATA_MAX = 16 * 1024
DEPTH_MAX = 32


def read_intent(value: bytes | None, now: float) -> EmailIntent:
    """Octets -> an intent. Raises ContractError."""
    intent = decode(EmailIntent, value)
    assert value is not None, "decode has refused it"
    # each is looked at closely only where a look at the whole gives reason to: this is half of what reading costs
    if not (intent.id.isprintable() and intent.service.isprintable()) or intent.service.endswith(CLAIMED):
        _printable("id", intent.id)
        _printable("service", intent.service)
        _not_reserved(intent.service)
    if b"\\" in value and b"\\u0000" in value:
        _no_nul(intent.to, intent.stream, intent.campaign, intent.source)
    if intent.metadata and (len(value) > METADATA_MAX or value.count(b"{") + value.count(b"[") > DEPTH_MAX):
        _bounded(intent.metadata, value)
    if intent.created_at is not None:
        read_time("created_at", intent.created_at, now)
    if intent.consent_at is not None:
        read_time("consent_at", intent.consent_at, now)
    return intent


def read_feedback(value: bytes | None, kind: type[Feedback], form: str, now: float) -> list[Feedback]:
    """Octets -> events. `kind`: what the topic is for, `form`: the content type, "" if not known. Raises
    ContractError."""
    try:
        return [_of_our_schema(value, kind, now)]
    except ContractError as error:
        ours = error
    if value is None or b"\x00" in value[:1000] or ours.code in OURS:
        raise ours
    try:
        return [_of_our_schema(value, Engagement if kind is Bounce else Bounce, now)]
    except ContractError:
        pass  # neither is ours: what follows reads everybody else's
    outcomes = parse(value, form)
    if all(outcome.kind == "none" and outcome.reason == UNREADABLE for outcome in outcomes):
        raise ours
    try:
        return [feedback for outcome in outcomes if (feedback := _of_outcome(outcome, now)) is not None]
    except (UnicodeEncodeError, ContractError):
        raise ours from None  # half a surrogate pair, or a field that no provider sends so


def read_time(name: str, value: float | str | None, now: float) -> int:
    """Unix seconds or RFC 3339 text -> milliseconds; None -> 0. Raises ContractError for what can't be meant."""
    if value is None:
        return 0
    seconds = _parse_time(name, value) if isinstance(value, str) else value
    if EARLIEST <= seconds <= now + AHEAD:
        return int(seconds * 1000)
    hint = "; give seconds, not milliseconds" if EARLIEST <= seconds / 1000 <= now + AHEAD else ""
    raise ContractError("absurd-time", f"{name} = {value!r} is not between the year 2000 and tomorrow{hint}")


def _of_our_schema(value: bytes | None, kind: type[Feedback], now: float) -> Feedback:
    feedback: Feedback = decode(kind, value)
    for name in ("id", "service", "intent_id"):
        text = getattr(feedback, name)
        if text:
            _printable(name, text)
    _not_reserved(feedback.service)
    _no_nul(feedback.recipient)
    read_time("occurred_at", feedback.occurred_at, now)
    return feedback


def _of_outcome(outcome: Outcome, now: float) -> Feedback | None:
    """In our schema and within its bounds. A provider's odd time or id must not cost us the event: it is left out."""
    feedback = to_feedback(outcome)
    if feedback is None:
        return None
    kind = type(feedback)
    try:
        return _of_our_schema(encode(feedback), kind, now)
    except ContractError:
        feedback.occurred_at, feedback.intent_id, feedback.service, feedback.token = None, "", "", ""
        return _of_our_schema(encode(feedback), kind, now)


def _parse_time(name: str, text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        # a text that is no time may be anything, a person's address too: the sentence goes into logs
        said = f" = {text[:50]!r}" if _LIKE_A_TIME.fullmatch(text) else ""
        raise ContractError("absurd-time", f"{name}{said} is neither Unix seconds nor RFC 3339") from None


def _printable(name: str, text: str) -> None:
    if not text.isprintable():
        raise ContractError(
            "control-character", f"{name} contains a control character or another that can't be printed"
        )


def _not_reserved(service: str) -> None:
    if service.endswith(CLAIMED):
        raise ContractError(
            "reserved-name", f"a service's name may not end in '{CLAIMED}': those who only claim one are called so"
        )


def _no_nul(*texts: str) -> None:
    if any("\0" in text for text in texts):
        raise ContractError("control-character", "a field contains a NUL")


def _bounded(metadata: dict[str, Any], value: bytes) -> None:
    if len(value) > METADATA_MAX:
        raise ContractError("too-large", f"the record has {len(value)} octets; with metadata at most {METADATA_MAX}")
    if _depth(metadata) > DEPTH_MAX:  # asked only of a record with so many brackets
        raise ContractError("too-deep", f"metadata is nested more than {DEPTH_MAX} levels deep")


def _depth(value: Any) -> int:
    """How deep lists and objects are nested; iterative, since it is asked of hostile input."""
    deepest, level = 0, [value]
    while level:
        deepest += 1
        inner: list[Any] = []
        for item in level:
            children = item.values() if isinstance(item, dict) else item
            inner += [child for child in children if isinstance(child, dict | list)]
        level = inner
    return deepest
