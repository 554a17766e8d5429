"""The policy as data: TOML text in, a checked Policy out. Pure; the text comes out of the log.

`problems` is the linter: every fault of a text at once, as sentences with the place. `parse` raises the same as
PolicyError.
"""

import hashlib
import tomllib
from typing import Any

from msgspec import Struct

from sidestep.streams.decide.policy_faults import RISKS, RULES, document_faults
from sidestep.streams.errors import PolicyError
from sidestep.streams.gcra import Rate, parse_rate

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


def version_of(text: str) -> str:
    """The policy's version: 12 hex digits of its text's SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def parse(text: str) -> Policy:
    """TOML text -> Policy. Raises PolicyError that lists every fault."""
    document, faults = _check(text)
    return _policy(text, document, faults)


def parse_logged(text: str) -> Policy:
    """A policy out of the log, perhaps another version's: what it lacks is off, what we don't know is left out.

    So an upgrade that adds a rule can fold on until Screen has written the new policy. Raises PolicyError where the
    text makes no sense all the same.
    """
    document, faults = _load(text)
    if not faults:
        _complete(document)
        faults = document_faults(document)
    return _policy(text, document, faults)


def _policy(text: str, document: dict[str, Any], faults: list[str]) -> Policy:
    if faults:
        raise PolicyError("the policy can't be used:\n" + "\n".join(f"  - {fault}" for fault in faults))
    return Policy(
        version=version_of(text),
        name=document["policy"]["name"],
        rules={name: _rule(values) for name, values in document["rules"].items()},
        domain_limits=_limits(document["limits"]["domain"]),
        service_limits=_limits(document["limits"]["service-at-domain"]),
        risk={name: float(document["risk"][name]) for name in RISKS},
        dormant_days=document["risk-parameters"]["dormant_days"],
        provider_limits=SharedLimits(
            {name: parse_rate(text) for name, text in document["limits"].get("mx-provider", {}).items()}
        ),
    )


def problems(text: str) -> list[str]:
    """Every fault of a policy text, one sentence each; empty when it can be used."""
    return _check(text)[1]


def _complete(document: dict[str, Any]) -> None:
    rules, risk = document.get("rules"), document.get("risk")
    if isinstance(rules, dict):
        for name in rules.keys() - RULES.keys():
            del rules[name]
        for name, (_, parameters) in RULES.items():
            values = rules.setdefault(name, {"mode": "off"})
            if isinstance(values, dict):
                for key in values.keys() - parameters.keys() - {"mode"}:
                    del values[key]
                for key, kind in parameters.items():
                    values.setdefault(key, 1 if kind is int else [])
    if isinstance(risk, dict):
        document["risk"] = {name: risk.get(name, 0) for name in RISKS}


def _check(text: str) -> tuple[dict[str, Any], list[str]]:
    document, faults = _load(text)
    return document, faults or document_faults(document)


def _load(text: str) -> tuple[dict[str, Any], list[str]]:
    try:
        text.encode()
        return tomllib.loads(text), []
    except UnicodeEncodeError:
        return {}, ["not TOML: it contains half a surrogate pair, which is no character"]
    except RecursionError:
        return {}, ["not TOML: it is nested too deeply"]
    except ValueError as error:  # TOMLDecodeError is one; a number of thousands of digits raises the plain one
        return {}, [f"not TOML: {error}"]


def _rule(values: dict[str, Any]) -> RulePolicy:
    plain: dict[str, Any] = {name: tuple(it) if isinstance(it, list) else it for name, it in values.items()}
    return RulePolicy(**plain)


def _limits(values: dict[str, str]) -> Limits:
    rates = {name: parse_rate(text) for name, text in values.items()}
    return Limits(default=rates.pop("default"), named=rates)
