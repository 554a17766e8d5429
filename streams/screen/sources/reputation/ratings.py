"""The rating of an address: what a reputation service's response says of it, whatever that holds. Pure."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import msgspec
from msgspec import Struct

from sidestep.streams.screen.sources.file import Reputation

RETRY_AFTER_MAX = 3_600.0
"""Seconds. A service that asks to be left alone for longer is asked again after this."""

_STEP = re.compile(r"(?:[^.\\]|\\[.\\])+")
_INDEX = re.compile(r"[0-9]{1,6}")  # of an array within 64 KiB
_REASON_MAX = 40
_SCORE_MAX = 999_999.0
NOT_JSON = (msgspec.MsgspecError, ValueError, RecursionError)

JsonPath = tuple[str, ...]


class Response(Struct, frozen=True, gc=False):
    """An HTTP response, as far as it matters. `body` as far as it was read, `encoding` "" for none."""

    status: int
    body: bytes = b""
    too_long: bool = False
    encoding: str = ""
    retry_after: str = ""


class Rating(Struct, frozen=True, gc=False):
    """A service's rating of an address. `reason`: why listed or suspect; for unknown, the fault of the response."""

    outcome: Literal["listed", "suspect", "clear", "unknown"]
    reason: str = ""


CLEAR = Rating("clear")


def parse_path(text: str) -> JsonPath:
    """The path that a text such as `scores.0.value` writes. Raises ValueError.

    `\\.` is a dot within a name, `\\\\` a backslash.
    """
    path, at = [], 0
    while match := _STEP.match(text, at):
        path.append(re.sub(r"\\(.)", r"\1", match[0]))
        at = match.end() + 1
        if match.end() == len(text):
            return tuple(path)
        if text[match.end()] != ".":
            break
    raise ValueError(f"path {text!r} is not names and numbers joined by dots; write for example result.scores.0.value")


def follow(value: Any, path: JsonPath) -> Any:
    """The value at the end of a path; a number leads into an array. Raises LookupError where there is none."""
    for step in path:
        if isinstance(value, dict):
            value = value[step]
        elif isinstance(value, list) and _INDEX.fullmatch(step):
            value = value[int(step)]
        else:
            raise LookupError(step)
    return value


def rating_of(service: Reputation, path: JsonPath, response: Response) -> Rating:
    """The rating in a response. 204 and 404: the service knows nothing of the address, which is one. Never raises."""
    if response.status in (204, 404):
        return CLEAR
    if not 200 <= response.status < 300:
        return Rating("unknown", _status_fault(response.status))
    if response.too_long:
        return Rating("unknown", "answer too long")
    if response.encoding.lower() not in ("", "identity"):
        return Rating("unknown", "answer is compressed though that was not asked for")
    try:
        return rating_of_value(service, path, follow(msgspec.json.decode(response.body), path))
    except LookupError:
        return Rating("unknown", "answer has nothing at the path")
    except NOT_JSON:
        return Rating("unknown", "answer is not JSON")


def rating_of_value(service: Reputation, path: JsonPath, value: Any) -> Rating:
    """The rating that a value stands for. null: nothing known. Of an array, the worst element counts."""
    if value is None:
        return CLEAR
    if not isinstance(value, list):
        return _rating_of_element(service, path, value)
    ratings = (_rating_of_element(service, path, element) for element in value)
    ranked = ("unknown", "listed", "suspect", "clear")  # one unusable element makes the whole doubtful
    return min(ratings, key=lambda rating: ranked.index(rating.outcome), default=CLEAR)


def retry_after(text: str, now: float) -> float:
    """The seconds from `now` that Retry-After asks for (RFC 9110 10.2.3); 0 where it can't be read."""
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
    """The time of a rating as ISO 8601, UTC, to the second; `now`: seconds since 1970."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _rating_of_element(service: Reputation, path: JsonPath, value: Any) -> Rating:
    if isinstance(value, bool):
        return _rating_of_text(service, "true" if value else "false", _last_name(path))
    if isinstance(value, int | float):
        return _rating_of_score(service, value)
    if isinstance(value, str):
        return _rating_of_text(service, value.strip().lower(), value)
    return Rating("unknown", "answer has neither a number nor a text at the path")


def _rating_of_score(service: Reputation, score: int | float) -> Rating:
    if service.listed_from is None and service.suspect_from is None:
        return Rating("unknown", "answer is a number: set listed_from or suspect_from")
    if service.listed_from is not None and score >= service.listed_from:
        return Rating("listed", _score_reason(score))
    if service.suspect_from is not None and score >= service.suspect_from:
        return Rating("suspect", _score_reason(score))
    return CLEAR


def _rating_of_text(service: Reputation, text: str, reason: str) -> Rating:
    if not (service.listed_values or service.suspect_values):
        return Rating("unknown", "answer is a text, true or false: set listed_values or suspect_values")
    if text in (value.lower() for value in service.listed_values):
        return Rating("listed", _code(reason))
    if text in (value.lower() for value in service.suspect_values):
        return Rating("suspect", _code(reason))
    return CLEAR


def _score_reason(score: int | float) -> str:
    bounded = max(-_SCORE_MAX, min(_SCORE_MAX, score))  # also what is too large for a float
    return f"score-{round(bounded, 4):g}"


def _code(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower())[:_REASON_MAX].strip("-") or "listed"


def _last_name(path: JsonPath) -> str:
    """The last name of a path: of `result.flags.disposable`, what is true."""
    return next((step for step in reversed(path) if not _INDEX.fullmatch(step)), "")


def _status_fault(status: int) -> str:
    if status in (401, 403):
        return f"HTTP {status}: check the token"
    if 300 <= status < 400:
        return f"HTTP {status}: redirects are not followed, write the final address as url"
    return f"HTTP {status}"
