"""The octets of a record in our own schema -> an intent, or feedback; or a ContractError says why not. Pure.

The one check of what others write, for both sides: Screen reads with it, and publishers ask it before they send, so
that whatever they let through is judged. Schemas in JSON say of it what they can.
"""

import re
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from sidestep.schemas.codec import MAX_RECORD, ContractError, decode, encode
from sidestep.schemas.feedback import Bounce, Engagement
from sidestep.schemas.framed import innermost
from sidestep.schemas.intents import ATTEMPT_MAX, CLAIMED, EARLIEST, EmailIntent, Id, ServiceName

Feedback = Bounce | Engagement

AHEAD = 86_400
"""Seconds by which a service's clock may be ahead."""
DEADLINE_AHEAD = 3_660 * 86_400
"""Seconds from now after which no message expires: what says more is most likely milliseconds."""
METADATA_MAX = 16 * 1024
"""Octets of a record with metadata."""
DEPTH_MAX = 32
_LIKE_A_TIME = re.compile(r"[0-9TZtz:+./, -]{1,50}")


class Sender(Struct, frozen=True):
    """Who wants to hear of an intent, whatever else is in it."""

    id: Id
    service: ServiceName
    attempt: int = 1
    test: bool = False


class _Named(Struct, frozen=True):
    """A service's name, read from anything."""

    service: ServiceName


class _Loose(Struct, frozen=True):
    """The same, read from anything."""

    id: Id
    service: ServiceName
    attempt: Any = 1
    test: Any = False


_loose = msgspec.json.Decoder(_Loose)
_named = msgspec.json.Decoder(_Named)


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
    if intent.expires_at is not None:
        _expires_later(read_deadline(intent.expires_at, now), intent, now)
    return intent


def read_sender(value: bytes | None) -> Sender | None:
    """Of octets that are no intent: who has sent them, as far as id and service keep to the contract, inside of a frame
    too; else None."""
    inside = innermost(value) if value is not None and len(value) <= MAX_RECORD else None
    if inside is None:
        return None
    try:
        found = _loose.decode(inside)
        _printable("id", found.id)
        _printable("service", found.service)
        _not_reserved(found.service)
    except (ValueError, RecursionError):  # msgspec's errors, ContractError, what is no UTF-8
        return None
    attempt = found.attempt if type(found.attempt) is int and 1 <= found.attempt <= ATTEMPT_MAX else 1
    return Sender(found.id, found.service, attempt, found.test is True)


def read_service(value: bytes | None) -> str:
    """Of octets that are no record of ours: the service that they name, which nothing proves; empty where none can be
    read. Inside of a frame too."""
    inside = innermost(value) if value is not None and len(value) <= MAX_RECORD else None
    try:
        return _named.decode(inside).service if inside is not None else ""
    except (ValueError, RecursionError):
        return ""


def read_own_feedback(value: bytes | None, kind: type[Feedback], now: float) -> Feedback:
    """Octets -> feedback in our schema, of this kind. Raises ContractError."""
    feedback: Feedback = decode(kind, value)
    for name in ("id", "service", "intent_id"):
        text = getattr(feedback, name)
        if text:
            _printable(name, text)
    _not_reserved(feedback.service)
    _no_nul(feedback.recipient)
    read_time("occurred_at", feedback.occurred_at, now)
    return feedback


def octets_of_intent(intent: EmailIntent, now: float) -> bytes:
    """An intent -> the octets that Screen will read. Raises ContractError where it would not: msgspec checks nothing
    when a model is made."""
    value = _encoded(intent)
    read_intent(value, now)
    return value


def octets_of_own_feedback(feedback: Feedback, now: float) -> bytes:
    """Feedback -> the octets that Screen will read. Raises ContractError where it would not, but for recipients that
    are no addresses: that takes Screen's parser."""
    value = _encoded(feedback)
    read_own_feedback(value, type(feedback), now)
    return value


def read_time(name: str, value: float | str | None, now: float) -> int:
    """Unix seconds or RFC 3339 text -> milliseconds; None -> 0. Raises ContractError for what can't be meant."""
    if value is None:
        return 0
    return _milliseconds(name, value, now + AHEAD, "tomorrow")


def read_deadline(value: float | str, now: float) -> int:
    """Likewise of expires_at, which may lie far ahead."""
    return _milliseconds("expires_at", value, now + DEADLINE_AHEAD, "in ten years")


def _milliseconds(name: str, value: float | str, latest: float, until: str) -> int:
    seconds = _parse_time(name, value) if isinstance(value, str) else value
    if EARLIEST <= seconds <= latest:
        return int(seconds * 1000)
    hint = "; give seconds, not milliseconds" if EARLIEST <= seconds / 1000 <= latest else ""
    raise ContractError("absurd-time", f"{name} = {value!r} is not between the year 2000 and {until}{hint}")


def _expires_later(expires_at: int, intent: EmailIntent, now: float) -> None:
    if intent.created_at is not None and expires_at <= read_time("created_at", intent.created_at, now):
        raise ContractError("absurd-time", "expires_at is not after created_at: the message would never be sent")


def _encoded(model: EmailIntent | Feedback) -> bytes:
    try:
        return encode(model)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        # the text may quote what stands in the record
        raise ContractError("not-json", f"the record can't be written as JSON ({type(error).__name__})") from None


def _parse_time(name: str, text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        # a text that is no time may be anything, a person's address too: the sentence goes into logs
        said = f" = {text[:50]!r}" if _LIKE_A_TIME.fullmatch(text) else ""
        hint = "; Unix seconds are a number, without quotes" if text.isdigit() else ""
        raise ContractError("absurd-time", f"{name}{said} is neither Unix seconds nor RFC 3339{hint}") from None


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
