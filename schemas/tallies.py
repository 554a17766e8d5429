"""Counts per service and second of log time (topic email-tallies): what Watch looks for patterns in.

One Tally for each service, second and partition of email-evidence in which something was counted; Watch adds the
partitions up. It comes when the log's time leaves the second. Whatever came again is left out; test intents are counted
apart.

One more, of the service "", adds all services up: what providers see of the whole company, and what the model learns.
It also holds the feedback that names no service. Those who only claim a name that somebody can prove are a service of
their own, "shop (claimed)".
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from sidestep.schemas.evidence import FeedbackEvent
from sidestep.schemas.feedback import Scope

TOP = 20
"""Names that a Breakdown tells apart."""


class Outcomes(Struct, omit_defaults=True, frozen=True, gc=False):
    """Intents by what became of them."""

    approved: int = 0
    dropped: int = 0
    deferred: int = 0
    never_mailed: int = 0
    """Of the approved ones: to recipients that had never been mailed by anybody."""
    unknown: int = 0
    """Of all: to domains that take no mail, or mailboxes that are known not to exist."""
    dormant: int = 0
    """Of all: to recipients that had not been mailed for long, as the policy's `dormant_days` says."""
    risk: int = 0
    """Of the approved ones: the sum of their risks, thousandths; so many trap hits are to be expected."""


NO_INTENTS = Outcomes()


class Breakdown(Struct, omit_defaults=True, frozen=True, gc=False):
    """The same intents by name. Those without a name are in no breakdown."""

    named: Annotated[dict[str, Outcomes], Meta(description="The most frequent names, at most 20.")] = {}
    rest: Outcomes = NO_INTENTS
    """All other names together."""


NO_NAMES = Breakdown()


class Returns(Struct, omit_defaults=True, frozen=True, gc=False):
    """What came back of messages that were sent."""

    delivered: int = 0
    hard_bounces: int = 0
    soft_bounces: int = 0
    """Bounces that are not final, whomever they blame."""
    blocks: int = 0
    """Of all bounces, those that blame us."""
    slow_downs: int = 0
    """Of all bounces, those that say that we send too fast."""
    complaints: int = 0
    engaged: int = 0
    """Opened, clicked or replied."""
    traps: int = 0
    """Trap hits that somebody has reported."""
    refusals: int = 0
    """Of the blocks, those for our address or our reputation, whatever the message."""


NO_RETURNS = Returns()


class ReturnsByName(Struct, omit_defaults=True, frozen=True, gc=False):
    """The same by name. What has no name is nowhere."""

    named: Annotated[dict[str, Returns], Meta(description="The most frequent names, at most 20.")] = {}
    rest: Returns = NO_RETURNS


NOTHING_NAMED = ReturnsByName()


class Learnt(Struct, omit_defaults=True, frozen=True, gc=False):
    """Of messages with the same signals of risk, what became of them."""

    bad: int = 0
    """Hard bounces, and trap hits."""
    good: int = 0
    """Signs of a person: engagement, and complaints."""
    traps: int = 0
    """Of the bad ones, trap hits."""
    expected: int = 0
    """The sum of the risks that the policy gives to such messages, without any model; thousandths."""


NOTHING_LEARNT = Learnt()


class Reaction(Struct, omit_defaults=True, frozen=True, gc=False):
    """What is to be done about an incident of one pattern, besides telling of it."""

    action: Literal["report", "hold-source", "hold-service"] = "report"
    seconds: int = 0
    """For which a hold lasts."""


class Tally(Struct, omit_defaults=True, kw_only=True):
    """What one second of one partition of the evidence held of one service."""

    service: Annotated[str, Meta(description='"" holds the feedback that names no service.')]
    partition: Annotated[int, Meta(ge=0, description="Of email-evidence.")]
    second: Annotated[int, Meta(ge=0, description="Log time, Unix seconds.")]
    intents: Outcomes = NO_INTENTS
    classes: Annotated[dict[str, int], Meta(description="Intents by class of their address: role, typo, free, …")] = {}
    rules: Annotated[dict[str, int], Meta(description="Intents by rule that fired.")] = {}
    domains: Annotated[Breakdown, Meta(description="By recipient domain.")] = NO_NAMES
    providers: Annotated[Breakdown, Meta(description="By MX provider: google, microsoft, …")] = NO_NAMES
    sources: Annotated[Breakdown, Meta(description="By the intents' source.")] = NO_NAMES
    campaigns: Annotated[Breakdown, Meta(description="By campaign.")] = NO_NAMES
    streams: Annotated[Breakdown, Meta(description="By stream.")] = NO_NAMES
    events: Annotated[dict[FeedbackEvent, int], Meta(description="Feedback by what happened.")] = {}
    hard_bounces: Annotated[int, Meta(ge=0, description="Of the bounces, those that are final.")] = 0
    reasons: Annotated[dict[str, int], Meta(description="Bounces by reason.")] = {}
    scopes: Annotated[dict[Scope, int], Meta(description="Bounces by whom they blame.")] = {}
    returns: Annotated[Returns, Meta(description="What came back, of all messages of the service.")] = NO_RETURNS
    returns_by_source: Annotated[
        ReturnsByName, Meta(description="By the source that the last message to the mailbox named.")
    ] = NOTHING_NAMED
    returns_by_campaign: Annotated[ReturnsByName, Meta(description="By its campaign.")] = NOTHING_NAMED
    returns_by_provider: Annotated[ReturnsByName, Meta(description="By MX provider of its domain.")] = NOTHING_NAMED
    signals: Annotated[dict[str, int], Meta(description="Intents by signal of risk.")] = {}
    learnt: Annotated[
        dict[str, Learnt],
        Meta(description="What became of messages, by their signals, joined by +. In the tally of all services alone."),
    ] = {}
    bombed: Annotated[
        dict[str, int],
        Meta(description="Mailboxes that many messages were meant for within an hour: key in base64, how many so far."),
    ] = {}
    stray: Annotated[
        dict[str, int],
        Meta(
            description="Reports that nothing ties to a message of ours, by who has told them: key:ID, door:NAME, a "
            "service, nobody. In the tally of all services alone."
        ),
    ] = {}
    samples: Annotated[
        dict[str, list[str]],
        Meta(
            description="Ids of a few intents: never-mailed, unknown, dormant, risky, hard-bounce, complaint, trap, "
            "block, bombed."
        ),
    ] = {}
    policy: Annotated[
        str, Meta(description="A policy that has taken force: its version. To all partitions of email-tallies.")
    ] = ""
    reactions: Annotated[dict[str, Reaction], Meta(description="What that policy wants done, by pattern.")] = {}
    paced: Annotated[
        list[str], Meta(description="MX providers whose limits the partitions share by that policy; *: every one.")
    ] = []
    erased: Annotated[
        list[str],
        Meta(description="Keys of a mailbox that is forgotten, base64. To all partitions of email-tallies."),
    ] = []
    tests: Annotated[
        Outcomes, Meta(description="Test intents that were approved, dropped and deferred: they count nowhere else.")
    ] = NO_INTENTS
    refused: Annotated[
        dict[str, int],
        Meta(
            description="Records that Screen has refused for who says them, by PRINCIPAL/REASON: the key that they "
            "name, where it is known, or topic:NAME of a topic of its own; nothing where nobody is known. In the tally "
            "of all services alone."
        ),
    ] = {}
