"""Mailboxes of the simulated world, their life stories, and the truth about a message to one of them. Pure."""

from bisect import bisect_right
from enum import IntEnum
from typing import Literal

from msgspec import Struct

from sidestep.streams.simulate.domains import Domain, Takes


class MailboxStage(IntEnum):
    """How a mailbox stands."""

    ALIVE = 0
    QUIET = 1
    """Takes mail, and nobody reads it."""
    FULL = 2
    SUSPENDED = 3
    GONE = 4
    """No such user."""
    TRAP = 5


Truth = Literal[
    "good", "unasked", "unwanted", "abandoned", "dead", "unread", "disposable", "stranger",
    "pristine", "recycled", "typo", "seeded",
]  # fmt: skip
"""What a message would hit. good: a living person who asked for it. unasked: one who did not. unwanted: one who has
opted out or complained, or a copy, or a bomb. abandoned: takes mail, nobody reads it. dead: bounces. unread: a
collector's or parking service's. stranger: somebody else than was meant. The last four are traps."""

TRAPS: tuple[Truth, ...] = ("pristine", "recycled", "typo", "seeded")

Life = tuple[tuple[int, MailboxStage], ...]
"""Since when (Unix seconds) it stands how, in the order of time."""


class Mailbox(Struct, gc=False):
    """One mailbox. `opens`: of the messages that arrive, those that are seen to be opened."""

    address: str
    domain: Domain
    life: Life
    nature: Literal["person", "disposable", "stranger", "nobody"] = "person"
    trap: str = ""
    """The kind of trap that it is, or becomes."""
    opens: float = 0.0
    robot: bool = False
    """Its operator follows links."""
    role: bool = False

    def stage(self, when: float) -> MailboxStage:
        """How it stands then; its domain is another matter."""
        life = self.life
        if len(life) == 1:
            return life[0][1]
        return life[max(0, bisect_right(life, when, key=_since) - 1)][1]


def truth(mailbox: Mailbox, when: float) -> Truth:
    """What a message hits then, were it asked for and wanted."""
    takes = mailbox.domain.at(when).takes
    if takes is Takes.NOBODY:
        return "dead"
    if takes is Takes.OPERATOR:
        return mailbox.trap or mailbox.domain.trap  # type: ignore[return-value]  # an operator's domain has a kind
    if takes is Takes.ANYTHING:
        return "unread"
    stage = mailbox.stage(when)
    if stage is MailboxStage.TRAP:
        return mailbox.trap  # type: ignore[return-value]  # likewise
    if stage is MailboxStage.ALIVE:
        nature = mailbox.nature
        return "good" if nature == "person" else "dead" if nature == "nobody" else nature
    return "dead" if stage in (MailboxStage.GONE, MailboxStage.SUSPENDED) else "abandoned"


def _since(entry: tuple[int, MailboxStage]) -> int:
    return entry[0]
