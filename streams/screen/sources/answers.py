"""Answers about an address: what all sources say of it, in one. Pure."""

from msgspec import Struct

from sidestep.schemas import Listing, MailboxFinding, MxFinding


class Answers(Struct, frozen=True, gc=False):
    """The answers about one sound address."""

    mx: MxFinding
    listed: tuple[Listing, ...] = ()
    mailbox: MailboxFinding | None = None
    """None: nobody was asked."""


OFFLINE = Answers(MxFinding("unknown", "offline"))
NOT_ASKED = Answers(MxFinding("unknown", "not-asked"))
"""Answers about an address that is refused: nobody is asked about those."""
