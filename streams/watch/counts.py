"""What is counted of a service, a source or a provider: intents by what became of them, and what came back. Pure."""

from msgspec import Struct

from sidestep.schemas import Outcomes, Returns
from sidestep.schemas.tallies import NO_INTENTS, NO_RETURNS


class Counts(Struct, array_like=True, gc=False):
    """Outcomes and Returns of schemas/tallies.py, added up. New fields at the end."""

    approved: int = 0
    dropped: int = 0
    deferred: int = 0
    never_mailed: int = 0
    unknown: int = 0
    dormant: int = 0
    risk: int = 0
    """Thousandths."""
    delivered: int = 0
    hard_bounces: int = 0
    soft_bounces: int = 0
    blocks: int = 0
    slow_downs: int = 0
    complaints: int = 0
    engaged: int = 0
    traps: int = 0

    @property
    def intents(self) -> int:
        """All of them, whatever became of them."""
        return self.approved + self.dropped + self.deferred

    @property
    def mails(self) -> int:
        """Messages that were sent: where nobody reports deliveries, those that were approved."""
        return max(self.approved, self.answered)

    @property
    def answered(self) -> int:
        """Messages of which it is known what has become of them."""
        return self.delivered + self.hard_bounces + self.soft_bounces

    @property
    def arrived(self) -> int:
        """Messages that reached a mailbox: where nobody reports deliveries, those that were approved."""
        return self.delivered or self.approved

    def reached(self, reported: bool) -> int:
        """Messages of a single window that have reached a mailbox; `reported`: whether it is heard of deliveries, or
        approved messages have to stand for them."""
        return self.delivered if reported else self.approved

    def add_intents(self, found: Outcomes) -> None:
        """Count intents."""
        self.approved += found.approved
        self.dropped += found.dropped
        self.deferred += found.deferred
        self.never_mailed += found.never_mailed
        self.unknown += found.unknown
        self.dormant += found.dormant
        self.risk += found.risk

    def add_returns(self, found: Returns) -> None:
        """Count what came back."""
        self.delivered += found.delivered
        self.hard_bounces += found.hard_bounces
        self.soft_bounces += found.soft_bounces
        self.blocks += found.blocks
        self.slow_downs += found.slow_downs
        self.complaints += found.complaints
        self.engaged += found.engaged
        self.traps += found.traps

    def add(self, other: "Counts") -> None:
        """Count all of another one as well. By name, not in a loop: every window is added up many times."""
        self.approved += other.approved
        self.dropped += other.dropped
        self.deferred += other.deferred
        self.never_mailed += other.never_mailed
        self.unknown += other.unknown
        self.dormant += other.dormant
        self.risk += other.risk
        self.delivered += other.delivered
        self.hard_bounces += other.hard_bounces
        self.soft_bounces += other.soft_bounces
        self.blocks += other.blocks
        self.slow_downs += other.slow_downs
        self.complaints += other.complaints
        self.engaged += other.engaged
        self.traps += other.traps

    def take(self, other: "Counts") -> None:
        """Count all of another one no more; what has been halved since may be less than that."""
        for name in FIELDS:
            setattr(self, name, max(0, getattr(self, name) - getattr(other, name)))

    def halve(self) -> None:
        """What is old counts less: over a representative volume, not over a time."""
        for name in FIELDS:
            setattr(self, name, getattr(self, name) >> 1)


FIELDS = Counts.__struct_fields__


def counts_of(intents: Outcomes = NO_INTENTS, returns: Returns = NO_RETURNS) -> Counts:
    """New counts with these."""
    counts = Counts()
    if intents is not NO_INTENTS:
        counts.add_intents(intents)
    if returns is not NO_RETURNS:
        counts.add_returns(returns)
    return counts


def share(part: int, whole: int) -> float:
    """A part of a whole, from 0 to 1, rounded so that people can read it; 0 of nothing."""
    return round(part / whole, 5) if whole else 0.0
