"""Everything that is known of one address, as `sidestep check-address` reports it. Pure."""

from typing import Any

import msgspec
from msgspec import Struct

from sidestep.schemas import MxFinding
from sidestep.streams.screen.address import ParsedAddress, parse
from sidestep.streams.screen.classes import Lists, Match, mx_classes
from sidestep.streams.screen.suspicious import NearMisses, weigh
from sidestep.streams.screen.typo import TypoFinding, suggest

OFFLINE = MxFinding("unknown", "offline")
NOT_ASKED = MxFinding("unknown", "not-asked")
"""Of an address that is refused: nothing follows from its domain."""


class Subject(Struct, frozen=True):
    """What can be said of an address without asking anybody."""

    text: str
    address: ParsedAddress
    typo: TypoFinding | None

    @property
    def domain(self) -> str:
        """The domain to ask DNS about; "" when the address is refused."""
        return "" if self.address.reason else self.address.domain


class Checked(Struct, frozen=True):
    """The report, in the order of the fields. `reason` is a code, "" for a sound address."""

    address: str
    syntax: str
    """ok or invalid"""
    reason: str
    normalized: str
    identity: str
    domain: str
    mx: str
    """yes, no or unknown"""
    mx_reason: str
    classes: tuple[str, ...]
    suggestion: str | None
    """The whole address that was probably meant."""
    listed: list[Match]
    mx_provider: str = ""
    mx_checked_at: int = 0
    """Milliseconds since 1970; 0: DNS was not asked."""
    mx_ttl: int = 0
    """Seconds for which DNS' answer holds."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return msgspec.to_builtins(self)


def subject(text: str) -> Subject:
    """Any text. Never raises."""
    address = parse(text)
    return Subject(text, address, None if address.reason else suggest(address.domain))


def check(about: Subject, mx: MxFinding, lists: Lists, near_misses: NearMisses) -> Checked:
    """`near_misses` knows of this one and of those that came with it."""
    address = about.address
    if address.reason:
        return _report(about, mx, "invalid", (), None, [])
    suspicion = weigh(address.domain, about.typo, mx, near_misses.clustered(address.domain, mx))
    classes = (
        *lists.domain_classes(address.domain),
        *lists.local_classes(address.local),
        *mx_classes(mx),
        *suspicion.classes,
    )
    suggestion = f"{address.local}@{suspicion.meant}" if suspicion.meant else None
    return _report(about, mx, "ok", classes, suggestion, lists.matches(address.local, address.domain, mx))


def _report(
    about: Subject, mx: MxFinding, syntax: str, classes: tuple[str, ...], suggestion: str | None, listed: list[Match]
) -> Checked:
    address = about.address
    return Checked(
        about.text,
        syntax,
        address.reason,
        address.normalized,
        address.identity,
        address.domain,
        mx.outcome,
        mx.reason,
        classes,
        suggestion,
        listed,
        mx.provider,
        mx.checked_at,
        mx.ttl,
    )
