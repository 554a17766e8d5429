"""Problems of a request (RFC 9457): a status, a title, and a sentence that says what to do. Pure."""

from http import HTTPStatus
from typing import Any

import msgspec
from msgspec import Struct

MEDIA_TYPE = "application/problem+json"

QUOTED_MAX = 300
"""Characters of somebody else's text in a sentence of ours: the name of an unknown field may be half a megabyte."""


class Problem(Exception):
    """A problem that ends a request. `headers` go into the response besides those that every response has."""

    def __init__(self, status: HTTPStatus, code: str, detail: str, headers: dict[str, str] | None = None):
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers or {}

    def body(self) -> bytes:
        """The problem document (RFC 9457 section 3). `type` is about:blank and left out; `code` is for programs."""
        return _encode(_Document(self.status.phrase, int(self.status), self.code, self.detail))


class _Document(Struct, frozen=True):
    title: str
    status: int
    code: str
    detail: str


_encode = msgspec.json.Encoder().encode


def unauthorized(detail: str, error: str = "") -> Problem:
    """Problem 401: no token, or a wrong one. `error` as in RFC 6750 section 3.1; empty where no token came at all."""
    challenge = 'Bearer realm="sidestep"' + (f', error="{error}"' if error else "")
    return Problem(HTTPStatus.UNAUTHORIZED, "unauthorized", detail, {"WWW-Authenticate": challenge})


def not_json(received: str) -> Problem:
    """Problem 415: another media type than JSON."""
    detail = f"The body is {shortened(received)}: send JSON, with the header Content-Type: application/json."
    return Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not-json", detail, {"Accept": "application/json"})


def compressed() -> Problem:
    """Problem 415: a compressed body, which may be small and hold anything."""
    detail = "The body is compressed: send it as it is, without the header Content-Encoding."
    return Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "compressed", detail, {"Accept-Encoding": "identity"})


def too_large(limit: int) -> Problem:
    """Problem 413: the body is too large."""
    detail = f"The body is larger than {limit // 1024} KiB: send fewer addresses at once."
    return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", detail)


def too_slow(seconds: float) -> Problem:
    """Problem 408: the body did not arrive."""
    detail = f"The body did not arrive within {seconds:.0f} seconds: send the request again."
    return Problem(HTTPStatus.REQUEST_TIMEOUT, "too-slow", detail, {"Connection": "close"})


def unreadable(fault: str) -> Problem:
    """Problem 400: the body is no JSON."""
    detail = f'The body is not JSON in UTF-8 ({shortened(fault)}): send for example {{"address": "jane@example.com"}}.'
    return Problem(HTTPStatus.BAD_REQUEST, "not-json", detail)


def unfit(fault: str) -> Problem:
    """Problem 422: JSON that says something else than it should."""
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "unfit", f"{shortened(fault)}. GET /openapi.json says what fits.")


def over_burst(count: int, burst: int) -> Problem:
    """Problem 422: more addresses than this token's rate ever lets through at once, however long one waits."""
    detail = f"{count} addresses at once, but the rate of this token allows {burst}: send smaller batches."
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "over-burst", detail)


def over_rate(seconds: int) -> Problem:
    """Problem 429: the rate is used up, with the seconds after which the same request conforms."""
    detail = f"This token's rate is used up: send the request again in {seconds} s, as Retry-After says."
    return Problem(HTTPStatus.TOO_MANY_REQUESTS, "over-rate", detail, {"Retry-After": str(seconds)})


def too_often(seconds: int) -> Problem:
    """Problem 429: an address has sent too many requests without a known token."""
    detail = f"Too many requests without a token that is known: send one with yours in {seconds} s."
    headers = {"Retry-After": str(seconds), "Connection": "close"}
    return Problem(HTTPStatus.TOO_MANY_REQUESTS, "too-often", detail, headers)


def too_many_bodies(most: int) -> Problem:
    """Problem 429: a token has too many requests under way whose body has not arrived."""
    detail = f"{most} requests of this token wait for their bodies: send each body with its head, and this one again."
    headers = {"Retry-After": "1", "Connection": "close"}
    return Problem(HTTPStatus.TOO_MANY_REQUESTS, "too-many-bodies", detail, headers)


def of_http(status: int, headers: dict[str, Any]) -> Problem:
    """The problem of a request that the HTTP layer refuses: a path or a method that is not there."""
    known = HTTPStatus(status)
    details = {
        HTTPStatus.NOT_FOUND: "There is nothing here: GET /openapi.json names the paths.",
        HTTPStatus.METHOD_NOT_ALLOWED: "This path does not take that method: the header Allow names those it takes.",
    }
    allow = {name: str(value) for name, value in headers.items() if name.lower() == "allow"}
    code = known.phrase.lower().replace(" ", "-")
    return Problem(known, code, details.get(known, f"{known.phrase}: {known.description or 'refused'}."), allow)


def internal() -> Problem:
    """Problem 500: a fault of ours."""
    detail = "An error of ours, which stands in the log: send the request again, and tell the operator if it persists."
    return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", detail)


def shortened(text: str) -> str:
    """A stranger's text, short enough for a sentence."""
    return text if len(text) <= QUOTED_MAX else text[:QUOTED_MAX] + "…"
