"""Everything that is known of one address, as `sidestep check-address` reports it. Pure."""

from typing import Any

import msgspec
from msgspec import Struct

from sidestep.schemas import Listing, MailboxFinding
from sidestep.streams.screen.findings import Findings, Subject
from sidestep.streams.screen.lists.classes import Lists
from sidestep.streams.screen.sources.answers import Answers


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


def check(about: Subject, answers: Answers, found: Findings, lists: Lists) -> Checked:
    """`found` is what follows from `about` and `answers`: an Examiner's."""
    address, mx = about.address, answers.mx
    listed = [*lists.matches(address.local, address.domain, mx), *answers.listed] if about.facts is not None else []
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
