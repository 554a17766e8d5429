"""HTTP reputation services: filling in a question's templates, reading whatever is answered. Pure."""

import json
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import Any, Literal
from urllib.parse import quote

import msgspec
from msgspec import Struct

from sidestep.streams.screen.sources.file import Reputation

PLACEHOLDER = re.compile(r"\{\s*([A-Za-z_][\w-]*)\s*\}")

RETRY_AFTER_MAX = 3_600.0
"""Seconds. A service that asks to be left alone for longer is asked again after this."""

_STEP = re.compile(r"(?:[^.\\]|\\[.\\])+")
_INDEX = re.compile(r"[0-9]{1,6}")  # of an array within 64 KiB
_REASON_MAX = 40
_SCORE_MAX = 999_999.0
NOT_JSON = (msgspec.MsgspecError, ValueError, RecursionError)

Steps = tuple[str, ...]


class Asked(Struct, frozen=True, gc=False):
    """What templates can be filled with. Lower-case: spellings that differ only in case share an answer."""

    hash: str
    """SHA-256 of the lower-case address (UTF-8), 64 hexadecimal digits."""
    domain: str
    address: str


class Answer(Struct, frozen=True, gc=False):
    """What came back over HTTP, as far as it matters. `body` as far as it was read, `encoding` "" for none."""

    status: int
    body: bytes = b""
    too_long: bool = False
    encoding: str = ""
    retry_after: str = ""


class Reading(Struct, frozen=True, gc=False):
    """What an answer says. `reason` is why it is listed or suspect; for unknown, what is wrong with the answer."""

    outcome: Literal["listed", "suspect", "clear", "unknown"]
    reason: str = ""


CLEAR = Reading("clear")


def address_hash(address: str) -> bytes:
    """The address as normalized -> SHA-256 of its lower-case form, 32 octets."""
    return sha256(address.lower().encode()).digest()


def asked_of(address: str, domain: str) -> Asked:
    """A normalized address and its domain (A-label) -> what templates are filled with."""
    return Asked(address_hash(address).hex(), domain, address.lower())


def placeholders(*templates: str) -> set[str]:
    """The names in braces."""
    return {name for template in templates for name in PLACEHOLDER.findall(template)}


def fill_url(template: str, asked: Asked) -> str:
    """Values are percent-encoded whole (RFC 3986 2.1): none can end a path segment or start another parameter."""
    return PLACEHOLDER.sub(lambda match: quote(getattr(asked, match[1]), safe=""), template)


def fill_body(template: str, asked: Asked) -> str:
    """Values are escaped as the inside of a JSON text (RFC 8259 section 7); the quotes around stand in the template."""
    return PLACEHOLDER.sub(lambda match: json.dumps(getattr(asked, match[1]))[1:-1], template)


def parse_path(text: str) -> Steps:
    """`scores.0.value` -> its steps. `\\.` is a dot within a name, `\\\\` a backslash. Raises ValueError."""
    steps, at = [], 0
    while match := _STEP.match(text, at):
        steps.append(re.sub(r"\\(.)", r"\1", match[0]))
        at = match.end() + 1
        if match.end() == len(text):
            return tuple(steps)
        if text[match.end()] != ".":
            break
    raise ValueError(f"path {text!r} is not names and numbers joined by dots; write for example result.scores.0.value")


def follow(value: Any, steps: Steps) -> Any:
    """The value at the path's end; a number steps into an array. Raises LookupError where there is none."""
    for step in steps:
        if isinstance(value, dict):
            value = value[step]
        elif isinstance(value, list) and _INDEX.fullmatch(step):
            value = value[int(step)]
        else:
            raise LookupError(step)
    return value


def read_answer(service: Reputation, steps: Steps, answer: Answer) -> Reading:
    """204 and 404: the service knows nothing of it, which is an answer. Never raises."""
    if answer.status in (204, 404):
        return CLEAR
    if not 200 <= answer.status < 300:
        return Reading("unknown", _status_fault(answer.status))
    if answer.too_long:
        return Reading("unknown", "answer too long")
    if answer.encoding.lower() not in ("", "identity"):
        return Reading("unknown", "answer is compressed though that was not asked for")
    try:
        return judge(service, steps, follow(msgspec.json.decode(answer.body), steps))
    except LookupError:
        return Reading("unknown", "answer has nothing at the path")
    except NOT_JSON:
        return Reading("unknown", "answer is not JSON")


def judge(service: Reputation, steps: Steps, value: Any) -> Reading:
    """What the value at the path's end means. null: nothing known. Of an array, its worst element counts."""
    if value is None:
        return CLEAR
    if not isinstance(value, list):
        return _judge_one(service, steps, value)
    readings = (_judge_one(service, steps, element) for element in value)
    ranked = ("unknown", "listed", "suspect", "clear")  # one unusable element makes the whole doubtful
    return min(readings, key=lambda reading: ranked.index(reading.outcome), default=CLEAR)


def retry_after(text: str, now: float) -> float:
    """Retry-After (RFC 9110 10.2.3), seconds or a date -> seconds from `now`; 0 for one that can't be read."""
    text = text.strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return min(float(text), RETRY_AFTER_MAX)
    try:
        date = parsedate_to_datetime(text[:64])
        seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now
    except (ValueError, TypeError, IndexError, OverflowError):
        return 0.0
    return min(max(seconds, 0.0), RETRY_AFTER_MAX)


def answered_at(now: float) -> str:
    """Seconds since 1970 -> ISO 8601, UTC, to the second."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _judge_one(service: Reputation, steps: Steps, value: Any) -> Reading:
    if isinstance(value, bool):
        return _judge_text(service, "true" if value else "false", _last_name(steps))
    if isinstance(value, int | float):
        return _judge_score(service, value)
    if isinstance(value, str):
        return _judge_text(service, value.strip().lower(), value)
    return Reading("unknown", "answer has neither a number nor a text at the path")


def _judge_score(service: Reputation, score: int | float) -> Reading:
    if service.listed_from is None and service.suspect_from is None:
        return Reading("unknown", "answer is a number: set listed_from or suspect_from")
    if service.listed_from is not None and score >= service.listed_from:
        return Reading("listed", _score_reason(score))
    if service.suspect_from is not None and score >= service.suspect_from:
        return Reading("suspect", _score_reason(score))
    return CLEAR


def _judge_text(service: Reputation, text: str, reason: str) -> Reading:
    if not (service.listed_values or service.suspect_values):
        return Reading("unknown", "answer is a text, true or false: set listed_values or suspect_values")
    if text in (value.lower() for value in service.listed_values):
        return Reading("listed", _code(reason))
    if text in (value.lower() for value in service.suspect_values):
        return Reading("suspect", _code(reason))
    return CLEAR


def _score_reason(score: int | float) -> str:
    bounded = max(-_SCORE_MAX, min(_SCORE_MAX, score))  # also what is too large for a float
    return f"score-{round(bounded, 4):g}"


def _code(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower())[:_REASON_MAX].strip("-") or "listed"


def _last_name(steps: Steps) -> str:
    """Of `result.flags.disposable`, what is true."""
    return next((step for step in reversed(steps) if not _INDEX.fullmatch(step)), "")


def _status_fault(status: int) -> str:
    if status in (401, 403):
        return f"HTTP {status}: check the token"
    if 300 <= status < 400:
        return f"HTTP {status}: redirects are not followed, write the final address as url"
    return f"HTTP {status}"
