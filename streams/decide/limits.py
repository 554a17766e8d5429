"""The limits: of a domain, of a service at a domain, and whatever else an intent has to pass. Pure: they change only
the state that they are given.

Nearly every intent has to pass these two alone. What goes by the MX provider, warm-up among it, is in by_provider.py;
what is left of a domain's limit after its server has said that we are too fast, in slow_down.py.
"""

from sidestep.schemas import IntentEvidence
from sidestep.streams.decide.buckets import Bucket, BucketLevel, Passing, RateBucket, SlowBucket
from sidestep.streams.decide.by_provider import by_provider
from sidestep.streams.decide.claims import history_name
from sidestep.streams.decide.commons import crowd_went, kept_back
from sidestep.streams.decide.controls import ServiceAtDomain
from sidestep.streams.decide.known import is_known
from sidestep.streams.decide.policy import Policy
from sidestep.streams.decide.rules.case import Finding
from sidestep.streams.decide.slow_down import slow_rate
from sidestep.streams.decide.state import State
from sidestep.streams.decide.tables import DomainRow, ServiceRow


def limit(
    state: State,
    evidence: IntentEvidence,
    pair: ServiceAtDomain,
    domain: DomainRow,
    service: ServiceRow,
    policy: Policy,
    now_us: int,
    known: bool,
) -> Finding | None:
    """All limits must let it through; only then does it count against them. `known`: its service is."""
    if domain.slowed is not None or state.controls.by_provider:
        return _pass(_buckets(Passing(evidence, policy, now_us, known), state, pair, domain, service))
    # what follows is the same for the two of them, without a bucket made for each intent, and with earliest() and
    # advance() written out
    by_domain, by_service = pair.domain_rate, pair.service_rate
    domain_tat, service_tat = domain.tat_us, service.tat_us
    if by_domain is not None:
        kept = 0
        if known or evidence.proved or domain.known is not None or domain.proved is not None:
            kept = kept_back(domain, evidence, known, by_domain, now_us // 1_000_000)
        if domain_tat - by_domain.tolerance_us + kept > now_us:
            return RateBucket(Passing(evidence, policy, now_us, known), "domain-limit", by_domain, domain).stop()
    if by_service is not None:
        if service_tat - by_service.tolerance_us > now_us:
            return RateBucket(Passing(evidence, policy, now_us), "service-limit", by_service, service).stop()
        service.tat_us = (service_tat if service_tat > now_us else now_us) + by_service.interval_us
    if by_domain is not None:
        domain.tat_us = (domain_tat if domain_tat > now_us else now_us) + by_domain.interval_us
        if not known and domain.known is not None and not evidence.proved:
            crowd_went(domain.known, by_domain, now_us)
    return None


def levels(state: State, evidence: IntentEvidence, policy: Policy) -> list[BucketLevel]:
    """How full the limits are that an intent has to pass, in the order in which they are asked. For explanations:
    makes rows that are not there yet, so `state` is one that nobody goes on with."""
    now_us = state.controls.clock_ms * 1000
    now, name = now_us // 1_000_000, history_name(evidence)
    pair = state.controls.service_at(name, evidence.domain, evidence.service)
    domain = state.domain(pair.domain_key, now) if pair.domain_key else DomainRow()
    service = state.service(pair.service_key, now, evidence.service)
    passing = Passing(evidence, policy, now_us, is_known(state.stories(name, evidence, now).service))
    return [each.level() for each in _buckets(passing, state, pair, domain, service)]


def _pass(buckets: list[Bucket]) -> Finding | None:
    for bucket in buckets:
        if (stop := bucket.stop()) is not None:
            return stop
    for bucket in buckets:
        bucket.take()
    return None


def _buckets(
    passing: Passing, state: State, pair: ServiceAtDomain, domain: DomainRow, service: ServiceRow
) -> list[Bucket]:
    """All that the intent has to pass, in the order in which they are asked."""
    found: list[Bucket] = []
    evidence, policy, now_us = passing.evidence, passing.policy, passing.now_us
    slow = slow_rate(domain, pair.domain_rate, evidence.domain, policy, now_us // 1_000_000)
    if slow is not None:
        found.append(SlowBucket(passing, slow, domain))
    elif (rate := pair.domain_rate) is not None:
        found.append(RateBucket(passing, "domain-limit", rate, domain))
    found += by_provider(passing, state, service)
    if (rate := pair.service_rate) is not None:
        found.append(RateBucket(passing, "service-limit", rate, service))
    return found
