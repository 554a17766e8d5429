"""The policy as the fold reads it: rules with their modes and parameters, limits, weights. Plain values; pure.

Its text is read by policy_text.py.
"""

from msgspec import Struct

from sidestep.streams.gcra import Rate

DAY = 86400


class RulePolicy(Struct, frozen=True, gc=False):
    """One rule's mode and parameters."""

    mode: str
    days: int = 0
    streams: tuple[str, ...] = ()
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

    def share(self, provider: str, partitions: int) -> Rate | None:
        """One partition's share of a provider's rate; together they never exceed it by more than a burst each."""
        rate = self.named.get(provider)
        if rate is None or partitions <= 1:
            return rate
        interval = rate.interval_us * partitions
        burst = max(1, (rate.tolerance_us // rate.interval_us + 1) // partitions)
        return Rate(rate.text, interval, (burst - 1) * interval)


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
    bombed: int
    provider_limits: SharedLimits = SharedLimits({})

    def provider_rate(self, provider: str, domain: str, partitions: int) -> Rate | None:
        """A partition's share of the provider's limit; None where there is none, or the domain has its own."""
        if domain in self.domain_limits.named or self.rules["mx-provider-limit"].mode == "off":
            return None
        return self.provider_limits.share(provider, partitions)

    def rates(self, service: str, domain: str) -> tuple[Rate | None, Rate | None]:
        """The limits of the domain, and of the service at the domain; None where the rule is off."""
        return self._of_domain(domain), self._of_service(service, domain)

    def _of_domain(self, domain: str) -> Rate | None:
        if self.rules["domain-limit"].mode == "off":
            return None
        return self.domain_limits.named.get(domain, self.domain_limits.default)

    def _of_service(self, service: str, domain: str) -> Rate | None:
        if self.rules["service-limit"].mode == "off":
            return None
        limits = self.service_limits
        return limits.named.get(f"{service}@{domain}") or limits.named.get(service, limits.default)
