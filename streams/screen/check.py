"""Everything that is known of one address, as `sidestep check-address` reports it. Pure."""

from typing import Any

import msgspec
from msgspec import Struct

from sidestep.schemas import Listing, MailboxFinding, MxFinding
from sidestep.streams.screen.address.parse import ParsedAddress, parse
from sidestep.streams.screen.evidence import Findings, findings
from sidestep.streams.screen.lists.classes import Lists
from sidestep.streams.screen.lists.domain_facts import DomainFacts
from sidestep.streams.screen.lists.near_misses import NearMisses
from sidestep.streams.screen.lists.typo import TypoFinding, suggest
from sidestep.streams.screen.sources.inquiry import Answers

OFFLINE = Answers(MxFinding("unknown", "offline"))
NOT_ASKED = Answers(MxFinding("unknown", "not-asked"))
"""Of an address that is refused: nothing follows from its domain."""


class Subject(Struct, frozen=True):
    """What can be said of an address without asking anybody."""

    text: str
    address: ParsedAddress
    facts: DomainFacts | None
    """None when the address is refused."""

    @property
    def domain(self) -> str:
        """The domain to ask DNS about; "" when the address is refused."""
        return "" if self.address.reason else self.address.domain

    @property
    def near_miss(self) -> TypoFinding | None:
        """The large provider's domain that this one is close to."""
        return self.facts.typo if self.facts is not None else None


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
    listed: list[Listing]
    """Each entry behind the classes, then what feeds, block lists and reputation services say."""
    mx_provider: str = ""
    mx_checked_at: int = 0
    """Milliseconds since 1970; 0: DNS was not asked."""
    mx_ttl: int = 0
    """Seconds for which DNS' answer holds."""
    mailbox: MailboxFinding | None = None
    """What the mailbox's own server says, where it was asked."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain


def subject(text: str, lists: Lists) -> Subject:
    """Any text. Never raises."""
    address = parse(text)
    if address.reason:
        return Subject(text, address, None)
    return Subject(text, address, DomainFacts(0, lists.domain_classes(address.domain), suggest(address.domain)))


def check(about: Subject, answers: Answers, lists: Lists, near_misses: NearMisses) -> Checked:
    """`near_misses` knows of this one and of those that came with it."""
    address, mx = about.address, answers.mx
    if about.facts is None:
        return _report(about, answers, Findings(), [])
    found = findings(address, about.facts, answers, lists, near_misses)
    return _report(about, answers, found, [*lists.matches(address.local, address.domain, mx), *answers.listed])


def _report(about: Subject, answers: Answers, found: Findings, listed: list[Listing]) -> Checked:
    address, mx = about.address, answers.mx
    return Checked(
        about.text,
        "invalid" if address.reason else "ok",
        address.reason,
        address.normalized,
        address.identity,
        address.domain,
        mx.outcome,
        mx.reason,
        found.classes,
        found.suggestion or None,
        listed,
        mx.provider,
        mx.checked_at,
        mx.ttl,
        answers.mailbox,
    )
