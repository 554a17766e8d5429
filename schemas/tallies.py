"""Counts per service and second of log time (topic email-tallies): what Watch looks for patterns in.

One Tally for each service, second and partition of email-evidence in which something was counted; Watch adds the
partitions up. It comes when the log's time leaves the second. Test intents and whatever came again are left out.
"""

from typing import Annotated

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


NO_INTENTS = Outcomes()


class Breakdown(Struct, omit_defaults=True, frozen=True, gc=False):
    """The same intents by name. Those without a name are in no breakdown."""

    named: Annotated[dict[str, Outcomes], Meta(description="The most frequent names, at most 20.")] = {}
    rest: Outcomes = NO_INTENTS
    """All other names together."""


NO_NAMES = Breakdown()


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
