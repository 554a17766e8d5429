"""The policy as the fold reads it: rules with their modes and parameters, limits, weights. Plain values; pure.

Its text is read by policy_text.py.
"""

from msgspec import Struct

from sidestep.schemas import Reaction
from sidestep.streams.gcra import Rate, parse_rate
from sidestep.streams.speed import WHOLE

DAY = 86400
MILLION = 1_000_000
EVERY_SERVICE = "*"


class RulePolicy(Struct, frozen=True, gc=False):
    """One rule's mode and parameters."""

    mode: str
    days: int = 0
    exempt_too: bool = False
    consent_lifts: bool = False
    spread: int = 0
    lists: int = 0
    trusted: tuple[str, ...] = ()
    retry_after: int = 0
    retry_after_max: int = 0
    flag_from: float = 1.0
    confirm_from: float = 1.0
    drop_from: float = 1.0
    messages: int = 0
    wait: int = 0
    learning_days: int = 0
    least: int = 0
    least_complaints: int = 0
    bounce_share: float = 1.0
    complaint_share: float = 1.0


class Limits(Struct, frozen=True):
    """Rates by name, and the one for everybody else."""

    default: Rate
    named: dict[str, Rate]


class SharedLimits(Struct, frozen=True):
    """Rates that domains in several partitions share, by the provider that runs their mail."""

    named: dict[str, Rate]

    def share(self, name: str, partitions: int, millionths: int = 0) -> Rate | None:
        """One partition's part of a rate: so many millionths, 0: an equal part. Together they never exceed it by more
        than a burst each."""
        rate = self.named.get(name)
        if rate is None or (partitions <= 1 and not millionths):
            return rate
        part, whole = (millionths, MILLION) if millionths else (1, partitions)
        interval = -(-rate.interval_us * whole // part)
        burst = max(1, (rate.tolerance_us // rate.interval_us + 1) * part // whole)
        return Rate(rate.text, interval, (burst - 1) * interval)


class Ramp(Struct, frozen=True):
    """Messages a day that a service may send to an MX provider while it is not known there."""

    services: frozenset[str]
    """Whom it holds for: SERVICE, SERVICE@PROVIDER."""
    caps: tuple[int, ...]
    """By the day of sending; after the last one there is none."""
    used: float
    """A day counts if such a share of its cap went out."""
    idle_days: int
    """Who sends nothing for longer begins again."""


class SlowDown(Struct, frozen=True, kw_only=True):
    """What follows when a mail server says that we are too fast, or blocks us. Shares are thousandths."""

    too_fast: tuple[str, ...]
    """Reasons and status codes of bounces that say so. Likewise:"""
    blocked: tuple[str, ...]
    noise: float
    """Of the messages of the busiest minute, such a share of answers says nothing."""
    too_fast_share: int
    blocked_share: int
    for_seconds: int
    double_seconds: int
    settle_seconds: int
    """Answers so soon after the last step down are about what was sent before it."""
    slowest: Rate


NO_RAMP = Ramp(frozenset(), (1,), 1.0, 1)
NO_SLOW_DOWN = SlowDown(
    too_fast=(),
    blocked=(),
    noise=1.0,
    too_fast_share=WHOLE,
    blocked_share=WHOLE,
    for_seconds=1,
    double_seconds=1,
    settle_seconds=1,
    slowest=Rate("1/s", 1_000_000, 0),
)


NEEDS = ("nothing", "approval", "proof", "token")
"""What a report has to have before it counts, from the least to the most."""


class Believing(Struct, frozen=True):
    """Which reports of what came back are taken for ones of our own messages. See ties.py."""

    needs: str = "nothing"
    of: dict[str, str] = {}
    """Of some: by service, door:NAME or key:ID."""
    bounce_days: int = 1
    """After the message. Likewise of what persons do:"""
    person_days: int = 1


class RiskModel(Struct, frozen=True, gc=False):
    """What a model may make of the risk: odds times `most_up` at most, or divided by `most_down`."""

    mode: str = "off"
    base: float = 0.005
    most_up: float = 1.0
    most_down: float = 1.0
    from_outcomes: int = 1


class Streams(Struct, frozen=True):
    """Streams of mail by name, compared without case."""

    exempt: frozenset[str] = frozenset()
    """Which opt-outs do not stop; casefolded."""
    known: tuple[str, ...] = ()
    """All that there are, as far as the policy knows them; empty: it does not."""

    def are_exempt(self, stream: str) -> bool:
        """Whether mail of a stream goes out although the person has opted out."""
        return stream.casefold() in self.exempt

    def knows(self, stream: str) -> bool:
        """Whether a stream is one of those that there are; every one is, where the policy does not know them."""
        return not self.known or stream.casefold() in {name.casefold() for name in self.known}


class Release(Struct, frozen=True):
    """Whose deferred intents the stage `release` offers again, and how fast."""

    services: frozenset[str] = frozenset()
    """With EVERY_SERVICE in it: all."""
    exempt: frozenset[str] = frozenset()
    """But these."""
    rate: Rate = parse_rate("100/s")
    """Of all of them together."""

    def names(self, service: str) -> bool:
        """Whether this service's are offered again."""
        return (service in self.services or EVERY_SERVICE in self.services) and service not in self.exempt

    @property
    def interval_us(self) -> int:
        """Microseconds between two intents."""
        return self.rate.interval_us


class Policy(Struct, frozen=True):
    """Everything that the fold needs to know of the policy. `version` is a hash of the text it came from."""

    version: str
    name: str
    rules: dict[str, RulePolicy]
    domain_limits: Limits
    service_limits: Limits
    risk: dict[str, float]
    dormant_days: int
    consent_days: int
    unanswered: int
    engagement: float
    bombed: int
    dark_days: int
    silent: int
    silent_domain: int
    unread: int
    silent_chance: float
    silent_alive: float
    silent_gone: float
    slips: int
    slip_share: float
    faint: int
    spared: float
    spared_days: int
    source_least: int
    source_doubtful: float
    source_dirty: float
    source_traps: float
    reasons: dict[str, dict[str, str]]
    """Templates of sentences by rule and form, see rules/reasons.py."""
    test_limits: Limits
    provider_limits: SharedLimits = SharedLimits({})
    service_provider_limits: SharedLimits = SharedLimits({})
    ramp: Ramp = NO_RAMP
    slow_down: SlowDown = NO_SLOW_DOWN
    reactions: dict[str, Reaction] = {}
    """To what Watch tells of, by pattern. Decide passes them on."""
    risk_model: RiskModel = RiskModel()
    believing: Believing = Believing()
    streams: Streams = Streams()
    release: Release = Release()

    @property
    def by_provider(self) -> bool:
        """Some limit goes by the MX provider."""
        return bool(self.provider_limits.named or self.service_provider_limits.named or self.ramp.services)

    def rates(self, service: str, domain: str) -> tuple[Rate | None, Rate | None]:
        """The limits of the domain, and of the service at the domain; None where the rule is off."""
        return self._of_domain(domain), self._of_service(service, domain)

    def test_rate(self, service: str) -> Rate | None:
        """The limit of a service's test intents; None where the rule is off."""
        if self.rules["test-limit"].mode == "off":
            return None
        return self.test_limits.named.get(service, self.test_limits.default)

    def _of_domain(self, domain: str) -> Rate | None:
        if self.rules["domain-limit"].mode == "off":
            return None
        return self.domain_limits.named.get(domain, self.domain_limits.default)

    def _of_service(self, service: str, domain: str) -> Rate | None:
        if self.rules["service-limit"].mode == "off":
            return None
        limits = self.service_limits
        return limits.named.get(f"{service}@{domain}") or limits.named.get(service, limits.default)
