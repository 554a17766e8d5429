"""The limits: of a domain, of a service at a domain, and whatever else an intent has to pass. Pure: they change only
the state that they are given.

Nearly every intent has to pass these two alone. What goes by the MX provider, warm-up among it, is in by_provider.py;
what is left of a domain's limit after its server has said that we are too fast, in slow_down.py.
"""

from sidestep.schemas import IntentEvidence
from sidestep.streams.decide.buckets import Bucket, RateBucket, SlowBucket, full, promise
from sidestep.streams.decide.by_provider import by_provider
from sidestep.streams.decide.policy import Policy
from sidestep.streams.decide.rules.case import Finding
from sidestep.streams.decide.slow_down import slow_rate
from sidestep.streams.decide.state import ServiceAtDomain, State
from sidestep.streams.decide.tables import DomainRow, ServiceRow
from sidestep.streams.gcra import advance, earliest


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
    if domain.slowed is not None or state.controls.by_provider:
        return _pass(_buckets(state, evidence, pair, domain, service, policy, now_us))
    # what follows is the same for the two of them, without a bucket made for each intent
    by_domain, by_service = pair.domain_rate, pair.service_rate
    if by_domain is not None and earliest(by_domain, domain.tat_us) > now_us:
        return full("domain-limit", _domains(evidence, by_domain.text), promise(by_domain, domain, now_us), now_us)
    if by_service is not None and earliest(by_service, service.tat_us) > now_us:
        text = _services(evidence, by_service.text)
        return full("service-limit", text, promise(by_service, service, now_us), now_us)
    if by_domain is not None:
        domain.tat_us = advance(by_domain, domain.tat_us, now_us)
    if by_service is not None:
        service.tat_us = advance(by_service, service.tat_us, now_us)
    return None


def _pass(buckets: list[Bucket]) -> Finding | None:
    for bucket in buckets:
        if (stop := bucket.stop()) is not None:
            return stop
    for bucket in buckets:
        bucket.take()
    return None


def _buckets(
    state: State,
    evidence: IntentEvidence,
    pair: ServiceAtDomain,
    domain: DomainRow,
    service: ServiceRow,
    policy: Policy,
    now_us: int,
) -> list[Bucket]:
    """All that the intent has to pass, in the order in which they are asked."""
    found: list[Bucket] = []
    slow = slow_rate(domain, pair.domain_rate, evidence.domain, policy, now_us // 1_000_000)
    if slow is not None:
        found.append(SlowBucket(slow, domain, now_us))
    elif (rate := pair.domain_rate) is not None:
        found.append(RateBucket("domain-limit", rate, domain, _domains(evidence, rate.text), now_us))
    found += by_provider(state, evidence, service, policy, now_us)
    if (rate := pair.service_rate) is not None:
        found.append(RateBucket("service-limit", rate, service, _services(evidence, rate.text), now_us))
    return found


def _domains(evidence: IntentEvidence, rate: str) -> str:
    return f"{evidence.domain} gets its {rate} already"


def _services(evidence: IntentEvidence, rate: str) -> str:
    return f"{evidence.service} sends its {rate} to {evidence.domain} already"
