"""A request as its check sees it, what a check says, and how it refuses. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

Refusal = Literal[
    "no-door", "credentials", "no-signature", "signature", "malformed", "stale", "replayed", "topic-arn",
    "certificate", "header-twice",
]  # fmt: skip
"""Why a request is refused: for metrics and the log, never for whoever asked."""

_STAMP = re.compile(r"[0-9]{9,11}")


class Refused(Exception):
    """The request is not one of the provider's, or not a fresh one."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason)
        self.reason = reason


class CannotTell(Exception):
    """Whether it is the provider's can't be told now; the provider must try again. The text says why, for the log."""


@dataclass(frozen=True)
class Incoming:
    """The headers and the body of a request, octet for octet. Names of headers are in lower case."""

    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        """The header of that name, "" where there is none. Raises Refused where there are several: which of them
        somebody in front has looked at can't be known."""
        values = [value for given, value in self.headers if given == name]
        if len(values) > 1:
            raise Refused("header-twice")
        return values[0] if values else ""

    def needed(self, *names: str) -> tuple[str, ...]:
        """The headers of these names. Raises Refused where one is missing, empty or not ASCII."""
        values = tuple(map(self.header, names))
        if not all(value and value.isascii() for value in values):
            raise Refused("no-signature")
        return values


@dataclass(frozen=True)
class Proved:
    """What a check has found out of a request that is the provider's."""

    id: bytes = b""
    """Of this message, the same when it is sent again; empty: such requests can't be told apart."""
    digest: bytes = b""
    """Of all that the signature is for: another one under the same id is no repetition."""
    confirm: str = ""
    """URL by which a subscription is confirmed; nothing is published then."""
    publish: bool = True


class Check(Protocol):
    """The check of a provider's signature."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Headers without which a request is refused before its body is read."""

    async def __call__(self, incoming: Incoming, now: float) -> Proved:
        """What is proved; `now`: Unix seconds. Raises Refused and CannotTell."""


class Unsigned:
    """The check of providers that sign nothing: path and password are all, and they have been looked at."""

    needs: tuple[str, ...] = ()

    async def __call__(self, incoming: Incoming, now: float) -> Proved:
        """Nothing more to prove."""
        return Proved()


def fresh(stamp: str, now: float, window: float) -> None:
    """Check that Unix seconds in digits are within the window. Raises Refused."""
    if not _STAMP.fullmatch(stamp):
        raise Refused("malformed")
    if abs(now - int(stamp)) > window:
        raise Refused("stale")


def headers_of(pairs: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Headers with names in lower case; a name of other characters than a name has is nobody's."""
    return tuple((name.lower(), value) for name, value in pairs if name.isascii())
