"""The tokens of /v1/validate: what a tokens file says, what a token's rate still allows. Pure.

Only SHA-256 digests are kept. A token is found by looking its digest up: how long that takes depends on the digest,
which nobody can steer octet by octet towards that of another token, so there is nothing to learn from it.
"""

import re
from collections.abc import Iterator

from msgspec import Struct

from sidestep.streams.gcra import Rate, earliest, furthest, parse_rate
from sidestep.streams.web.bearer import digest
from sidestep.streams.web.validate.problems import over_burst, over_rate

DEFAULT_RATE = "60000/min,max_burst=2000"
"""Rate in addresses, not requests: two full batches at once, and 1,000 addresses a second."""

PREFIX = "sidestep_"
"""Prefix by which scanners of source code know a token that was committed by mistake."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Token(Struct, frozen=True):
    """A token: whose it is, and the rate of addresses that it may ask about."""

    name: str
    rate: Rate

    @property
    def burst(self) -> int:
        """The number of addresses at once, at most."""
        return self.rate.tolerance_us // self.rate.interval_us + 1


Tokens = dict[bytes, Token]
"""The tokens of a file, by digest."""


def line_of(name: str, token: str) -> str:
    """The token's line in the file. Raises ValueError for a name that can't stand there."""
    if not _NAME.fullmatch(name):
        raise ValueError("a token's name has letters, digits, dots, hyphens and underscores, 63 at most")
    return f"{name} {digest(token).hex()}"


def parse_tokens(text: str, default: Rate) -> tuple[Tokens, list[str]]:
    """The tokens in lines of `NAME SHA256 [RATE]`, `#` starts a comment; and what is wrong with the other lines.

    A line that can't be read gives nobody's token. No fault quotes what stands there: somebody may have put a token in
    place of its digest.
    """
    tokens: Tokens = {}
    faults = []
    for number, words in _lines(text):
        try:
            key, token = _token(words, default)
            if key in tokens or any(other.name == token.name for other in tokens.values()):
                raise ValueError("this name or digest stands in the file already")
            tokens[key] = token
        except ValueError as error:
            faults.append(f"line {number}: {error}")
    return tokens, faults or ([] if tokens else ["it names no token"])


class Allowances:
    """The addresses that each token may still ask about: GCRA, one cell an address.

    Kept is one theoretical arrival time a token name; names come from the tokens file, so their number is bounded.
    """

    def __init__(self) -> None:
        self._tats: dict[str, int] = {}

    def take(self, token: Token, count: int, now_us: int) -> None:
        """Take `count` addresses from a token's allowance, all or none.

        Raises Problem: 422 where waiting would not help, otherwise 429. `now_us`: microseconds of a clock that only
        goes forward.
        """
        if count > token.burst:
            raise over_burst(count, token.burst)
        rate = token.rate
        # the rate may have been changed in the file since: what an old, slower one led to does not bind the new one
        tat = self._tats[token.name] = min(self._tats.get(token.name, 0), furthest(rate, now_us))
        last = max(tat, now_us) + (count - 1) * rate.interval_us
        wait_us = earliest(rate, last) - now_us
        if wait_us > 0:
            raise over_rate(-(-wait_us // 1_000_000))
        self._tats[token.name] = last + rate.interval_us


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split(None, 2)
        if words:
            yield number, words


def _token(words: list[str], default: Rate) -> tuple[bytes, Token]:
    if len(words) < 2 or not _NAME.fullmatch(words[0]) or not _DIGEST.fullmatch(words[1]):
        raise ValueError("expected NAME SHA256 [RATE], the digest as 64 lower-case hex digits")
    try:
        rate = parse_rate(words[2].rstrip()) if len(words) > 2 else default
    except ValueError:
        raise ValueError(f"the rate is none; write for example {DEFAULT_RATE}") from None
    return bytes.fromhex(words[1]), Token(words[0], rate)
