"""From a record's octets to an intent or feedback that makes sense, or a ContractError that says why not. Pure."""

from datetime import UTC, datetime
from typing import Any

from sidestep.schemas import Bounce, EmailIntent, Engagement
from sidestep.schemas.codec import ContractError, decode

EARLIEST = 946_684_800
"""2000-01-01: nothing in this system is older."""
AHEAD = 86_400
"""Seconds by which a service's clock may be ahead."""
METADATA_MAX = 16 * 1024
DEPTH_MAX = 32


def read_intent(value: bytes | None, now: float) -> EmailIntent:
    """Octets -> an intent. Raises ContractError."""
    intent = decode(EmailIntent, value)
    _printable("id", intent.id)
    _printable("service", intent.service)
    if b"\\u0000" in value:  # type: ignore[operator]
        _no_nul(intent.to, intent.stream, intent.campaign, intent.source)
    if intent.metadata:
        _bounded(intent.metadata, value)  # type: ignore[arg-type]
    if intent.created_at is not None:
        read_time("created_at", intent.created_at, now)
    if intent.consent_at is not None:
        read_time("consent_at", intent.consent_at, now)
    return intent


def read_feedback(kind: type[Bounce] | type[Engagement], value: bytes | None, now: float) -> Bounce | Engagement:
    """Octets -> a Bounce or an Engagement. Raises ContractError."""
    feedback: Bounce | Engagement = decode(kind, value)
    for name in ("id", "service", "intent_id"):
        text = getattr(feedback, name)
        if text:
            _printable(name, text)
    _no_nul(feedback.recipient)
    read_time("occurred_at", feedback.occurred_at, now)
    return feedback


def read_time(name: str, value: float | str | None, now: float) -> int:
    """Unix seconds or RFC 3339 text -> milliseconds; None -> 0. Raises ContractError for what can't be meant."""
    if value is None:
        return 0
    seconds = _parse_time(name, value) if isinstance(value, str) else value
    if EARLIEST <= seconds <= now + AHEAD:
        return int(seconds * 1000)
    hint = "; give seconds, not milliseconds" if EARLIEST <= seconds / 1000 <= now + AHEAD else ""
    raise ContractError("absurd-time", f"{name} = {value!r} is not between the year 2000 and tomorrow{hint}")


def _parse_time(name: str, text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise ContractError("absurd-time", f"{name} = {text[:50]!r} is neither Unix seconds nor RFC 3339") from None


def _printable(name: str, text: str) -> None:
    if not text.isprintable():
        raise ContractError(
            "control-character", f"{name} contains a control character or another that can't be printed"
        )


def _no_nul(*texts: str) -> None:
    if any("\0" in text for text in texts):
        raise ContractError("control-character", "a field contains a NUL")


def _bounded(metadata: dict[str, Any], value: bytes) -> None:
    if len(value) > METADATA_MAX:
        raise ContractError("too-large", f"the record has {len(value)} octets; with metadata at most {METADATA_MAX}")
    # only a record with that many brackets can be that deep
    if value.count(b"{") + value.count(b"[") > DEPTH_MAX and _depth(metadata) > DEPTH_MAX:
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
