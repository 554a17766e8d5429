"""The limits: of a domain, of the domains that an MX provider runs, of a service at a domain. Pure: they change only
the state that they are given.
"""

from typing import NamedTuple

from sidestep.schemas import IntentEvidence
from sidestep.streams.decide.policy import Policy
from sidestep.streams.decide.rules.case import Finding
from sidestep.streams.decide.state import ServiceAtDomain, State
from sidestep.streams.decide.tables import DomainRow, ServiceRow, provider_key
from sidestep.streams.gcra import Rate, advance, earliest, furthest


def limit(
    state: State,
    evidence: IntentEvidence,
    pair: ServiceAtDomain,
    domain: DomainRow,
    service: ServiceRow,
    policy: Policy,
    now_us: int,
) -> Finding | None:
    """All limits must let it through; only then does it count against them. Test intents are let through and not
    counted."""
    if evidence.test:
        return None
    by_domain, by_service = pair.domain_rate, pair.service_rate
    if by_domain is not None and earliest(by_domain, domain.tat_us) > now_us:
        retry = _promise(by_domain, domain, now_us)
        return _limited("domain-limit", f"{evidence.domain} gets its {by_domain.text} already", retry, now_us)
    shared = _shared_limit(state, evidence, policy) if policy.provider_limits.named else None
    if shared is not None and earliest(shared.rate, shared.row.tat_us) > now_us:
        retry = _promise(shared.rate, shared.row, now_us)
        text = f"The domains whose mail {shared.provider} runs get their {shared.rate.text} already"
        return _limited("mx-provider-limit", text, retry, now_us)
    if by_service is not None and earliest(by_service, service.tat_us) > now_us:
        retry = _promise(by_service, service, now_us)
        text = f"{evidence.service} sends its {by_service.text} to {evidence.domain} already"
        return _limited("service-limit", text, retry, now_us)
    if by_domain is not None:
        domain.tat_us = advance(by_domain, domain.tat_us, now_us)
    if shared is not None:
        shared.row.tat_us = advance(shared.rate, shared.row.tat_us, now_us)
    if by_service is not None:
        service.tat_us = advance(by_service, service.tat_us, now_us)
    return None


class _Shared(NamedTuple):
    provider: str
    rate: Rate
    row: DomainRow


def _shared_limit(state: State, evidence: IntentEvidence, policy: Policy) -> _Shared | None:
    """What the domains of one MX provider share in this partition."""
    provider = evidence.mx.provider if evidence.mx is not None else ""
    if not provider:
        return None
    rate = policy.provider_rate(provider, evidence.domain, state.controls.partitions)
    if rate is None:
        return None
    return _Shared(provider, rate, state.domain(provider_key(provider), state.controls.clock_ms // 1000))


def _promise(rate: Rate, row: DomainRow | ServiceRow, now_us: int) -> int:
    """The next slot that has not been promised to another deferred intent, rounded up to whole milliseconds."""
    # what a slower limit has left behind, before the policy changed, must not hold mail back for days
    row.tat_us = min(row.tat_us, furthest(rate, now_us))
    promised = row.slot_us if row.slot_interval_us == rate.interval_us else 0
    slot = max(earliest(rate, row.tat_us), promised, now_us)
    row.slot_us = slot + rate.interval_us
    row.slot_interval_us = rate.interval_us
    return -(-slot // 1000) * 1000


def _limited(rule: str, text: str, retry_us: int, now_us: int) -> Finding:
    return Finding(rule, f"{text}; there is room again in {(retry_us - now_us) / 1e6:.1f} s.", retry_us)
