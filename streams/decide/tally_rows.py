"""Rows of the tallies of the second that lasts. Plain values only; see schemas/tallies.py for the fields."""

from msgspec import Struct, field

from sidestep.schemas.evidence import FeedbackEvent
from sidestep.schemas.feedback import Scope


def no_outcomes() -> list[int]:
    """Counts of intents, none yet: approved, dropped, deferred, … as in schemas.Outcomes."""
    return [0] * 7


def no_returns() -> list[int]:
    """Counts of what came back, nothing yet: delivered, hard bounces, … as in schemas.Returns."""
    return [0] * 9


class OpenBreakdown(Struct, array_like=True, gc=False):
    """Intents by name while a second lasts."""

    named: dict[str, list[int]] = field(default_factory=dict)
    rest: list[int] = field(default_factory=no_outcomes)


class OpenReturns(Struct, array_like=True, gc=False):
    """What came back, by name, while a second lasts."""

    named: dict[str, list[int]] = field(default_factory=dict)
    rest: list[int] = field(default_factory=no_returns)


SAMPLED = ("never-mailed", "unknown", "dormant", "risky", "hard-bounce", "complaint", "trap", "block", "bombed")
"""What a few intents are named of. Rows know it by its place here: add new ones at the end."""


class TallyRow(Struct, array_like=True):
    """What the second that lasts has held of one service so far; see schemas/tallies.py for the fields."""

    second: int
    intents: list[int] = field(default_factory=no_outcomes)
    classes: dict[str, int] = field(default_factory=dict)
    rules: dict[str, int] = field(default_factory=dict)
    domains: OpenBreakdown = field(default_factory=OpenBreakdown)
    providers: OpenBreakdown = field(default_factory=OpenBreakdown)
    sources: OpenBreakdown = field(default_factory=OpenBreakdown)
    campaigns: OpenBreakdown = field(default_factory=OpenBreakdown)
    streams: OpenBreakdown = field(default_factory=OpenBreakdown)
    events: dict[FeedbackEvent, int] = field(default_factory=dict)
    hard_bounces: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    scopes: dict[Scope, int] = field(default_factory=dict)
    returns: list[int] = field(default_factory=no_returns)
    returns_by_source: OpenReturns = field(default_factory=OpenReturns)
    returns_by_campaign: OpenReturns = field(default_factory=OpenReturns)
    returns_by_provider: OpenReturns = field(default_factory=OpenReturns)
    signals: dict[str, int] = field(default_factory=dict)
    learnt: dict[str, list[int]] = field(default_factory=dict)
    bombed: dict[str, int] = field(default_factory=dict)
    samples: list[list[str]] = field(default_factory=lambda: [[] for _ in SAMPLED])
    tests: list[int] = field(default_factory=lambda: [0, 0, 0])
    """Test intents that were approved, dropped, deferred."""
    refused: dict[str, int] = field(default_factory=dict)
    stray: dict[str, int] = field(default_factory=dict)
