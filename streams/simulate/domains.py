"""Domains of the simulated world: what name servers say of each, and who takes its mail, as time goes on. Pure."""

from bisect import bisect_right
from enum import IntEnum

from msgspec import Struct

from sidestep.schemas import MxFinding

TTL = 3600


class Takes(IntEnum):
    """Who takes the mail of a domain."""

    PEOPLE = 0
    """A mail server that knows its mailboxes."""
    NOBODY = 1
    ANYTHING = 2
    """A parking service or a collector of slips: takes whatever comes, and nobody reads it."""
    OPERATOR = 3
    """A trap operator."""
    SILENCE = 4
    """Nobody can say: the name servers do not answer."""


class Epoch(Struct, frozen=True, gc=False):
    """A stretch of a domain's life from `since` (Unix seconds) on."""

    since: int
    takes: Takes
    finding: MxFinding


class Domain(Struct, gc=False):
    """A domain. `runs_it`: the provider whose rules its mailboxes follow; "own" for a small server."""

    name: str
    runs_it: str
    epochs: list[Epoch]
    """In the order of time; the first one holds from the beginning."""
    trap: str = ""
    """The kind of trap that its operator makes of it."""
    hides: bool = False
    """Its server takes pictures out of messages: nobody is seen to read any."""
    crude: bool = False
    """Its server says "no such user" when it means "too fast"."""

    def at(self, when: float) -> Epoch:
        """How it stands then."""
        epochs = self.epochs
        if len(epochs) == 1:
            return epochs[0]
        return epochs[bisect_right(epochs, when, key=_since) - 1]


def taking(exchanges: tuple[str, ...], provider: str = "") -> MxFinding:
    """The finding about a domain with these mail servers."""
    return MxFinding("yes", "mx", ttl=TTL, exchanges=exchanges, provider=provider)


NO_SUCH_DOMAIN = MxFinding("no", "nxdomain", ttl=TTL)
NO_ANSWER = MxFinding("unknown", "timeout", ttl=15)
WEB_ONLY = MxFinding("yes", "address", ttl=TTL)
"""No MX record, but an address: what a parked web page has."""


def _since(epoch: Epoch) -> int:
    return epoch.since
