"""The layout of the log: in which partition evidence lies, by the domain of its recipient. Pure.

All evidence about one mailbox lies in one partition, however it is written to. The layout is the log's and no worker's:
the first one notes it in email-control, and all others go by that, whatever rules of mailboxes they come with
(docs/decisions/064).
"""

from collections.abc import Mapping
from functools import cache

import msgspec
from msgspec.structs import replace

from sidestep.streams.errors import LogLayoutError
from sidestep.streams.runtime.partitioner import partition_of
from sidestep.streams.screen.address.mailbox import mailbox_rules
from sidestep.streams.screen.key_note import KEY as HASH_KEY
from sidestep.streams.screen.notes import read_note

KEY = "layout"
"""Of the note in email-control."""


class LogLayout(msgspec.Struct, frozen=True):
    """The note of a layout. A domain that is not among `mailboxes` lies by its own name."""

    mailboxes: dict[str, str]
    """The domain in whose partition another one lies, by that other one's name; both A-labels."""
    at: int = 0
    """Since when, milliseconds since 1970."""

    def key(self, domain: str) -> str:
        """The key of evidence about a recipient at this domain."""
        return self.mailboxes.get(domain, domain)

    def partition(self, domain: str, count: int) -> int:
        """The partition, of so many, where such evidence lies."""
        return partition_of(self.key(domain), count)

    def same(self, other: "LogLayout") -> bool:
        """Whether everything lies where it does by another one."""
        return self.mailboxes == other.mailboxes

    def astray(self) -> list[str]:
        """Domains, in order, whose mailboxes have histories elsewhere than where this layout has the domain."""
        meant = by_mailbox().mailboxes
        return sorted(domain for domain in {*meant, *self.mailboxes} if self.key(domain) != meant.get(domain, domain))


AS_WRITTEN = LogLayout({})
"""Each domain by its own name, as logs were laid out before there were notes of it."""


@cache
def by_mailbox() -> LogLayout:
    """The layout of a new log: each domain with that of its mailboxes' identities, by the rules that ship."""
    rules = mailbox_rules().items()
    return LogLayout({domain: rule.mailbox for domain, rule in rules if rule.mailbox not in ("", domain)})


def layout_of(notes: Mapping[str, bytes], now_ms: int = 0) -> LogLayout:
    """How the log is laid out, by email-control's notes (value by key). Raises LogLayoutError."""
    value = notes.get(KEY)
    if value is None:
        # every Screen worker has noted its hash key, since 0.1.0: without one nothing has been screened yet
        return replace(AS_WRITTEN if HASH_KEY in notes else by_mailbox(), at=now_ms)
    found = read_note(value, LogLayout)
    if found is None:
        raise LogLayoutError(
            f"The note `{KEY}` in email-control, which says in which partition each mailbox has its history, can't be "
            "read. Has a newer version of Sidestep written it? Then give all Screen workers that version."
        )
    return found


def still_laid_out(found: LogLayout, own: LogLayout) -> None:
    """For a worker that works by its own. Raises LogLayoutError."""
    if not found.same(own):
        raise LogLayoutError(
            "The log has been laid out in another way since this worker started: histories lie in other partitions. "
            "Start it again, and it goes by that."
        )
