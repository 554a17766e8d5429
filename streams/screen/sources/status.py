"""The status of a source of evidence: block list, feed, reputation service or mailbox probe. Pure."""

from typing import Literal

from msgspec import Struct


class SourceStatus(Struct, frozen=True):
    """The status of one source, by the name it has in the sources file. Counts are since the start."""

    kind: Literal["dnsbl", "feed", "reputation", "probe"]
    name: str
    usable: bool
    """False: switched off, circuit open, or nothing ever taken."""
    asked: int = 0
    listed: int = 0
    """Answers with a listing; of the probe, mailboxes that do not exist."""
    errors: int = 0
    """Questions without an answer that says anything."""
    entries: int = 0
    """Of a feed."""
    taken_at: float = 0.0
    """When a feed's form in use came, seconds since 1970."""
