"""The limits that go by the MX provider: of all its domains, of a service at them, what is left after the provider has
slowed us down, and warm-up. Pure: they change only the state that they are given.

A provider's domains are spread over the partitions of the log. Each has its part of the limit: what a control record
gives it, or an equal one. A domain with a limit of its own stands for itself: it lies in one partition as a whole.
"""

from sidestep.schemas import IntentEvidence
from sidestep.schemas.controls import Pace
from sidestep.streams.decide.buckets import Bucket, Passing, RateBucket, SlowBucket
from sidestep.streams.decide.claims import history_name
from sidestep.streams.decide.keys import provider_key, service_provider_key
from sidestep.streams.decide.slow_down import slow_provider
from sidestep.streams.decide.state import State
from sidestep.streams.decide.tables import ServiceRow
from sidestep.streams.decide.warm_up import Today

NO_PACE = Pace()


def by_provider(passing: Passing, state: State, service: ServiceRow) -> list[Bucket]:
    """Buckets that an intent has to pass. `service`: the row of its service at its domain."""
    evidence, policy = passing.evidence, passing.policy
    provider = evidence.mx.provider if evidence.mx is not None else ""
    own = evidence.domain in policy.domain_limits.named
    pace = state.controls.paces.get(provider, NO_PACE)
    found: list[Bucket | None] = []
    if provider:
        found.append(_of_provider(passing, state, provider, pace, own))
    if provider and not own:
        found.append(_of_service(passing, state, provider, pace))
    found.append(_warm_up(passing, state, "" if own else provider, service))
    return [bucket for bucket in found if bucket is not None]


def _of_provider(passing: Passing, state: State, provider: str, pace: Pace, own: bool) -> Bucket | None:
    policy, now_us = passing.policy, passing.now_us
    rate = None
    if not own and policy.rules["mx-provider-limit"].mode != "off":
        rate = policy.provider_limits.share(provider, state.controls.partitions, pace.share)
    slow = slow_provider(pace, provider, policy, now_us // 1_000_000)
    if rate is None and slow is None:
        return None  # no row, where there is nothing to keep
    row = state.domain(provider_key(provider), now_us // 1_000_000)
    if rate is None or (slow is not None and slow.rate(now_us).interval_us > rate.interval_us):
        return SlowBucket(passing, slow, row) if slow is not None else None
    return RateBucket(passing, "mx-provider-limit", rate, row, provider)


def _of_service(passing: Passing, state: State, provider: str, pace: Pace) -> Bucket | None:
    evidence, policy = passing.evidence, passing.policy
    service, limits = evidence.service, policy.service_provider_limits
    if not limits.named or policy.rules["service-provider-limit"].mode == "off":
        return None
    name = f"{service}@{provider}" if f"{service}@{provider}" in limits.named else service
    rate = limits.share(name, state.controls.partitions, pace.share)
    if rate is None:
        return None
    row = _row(passing, state, provider)
    return RateBucket(passing, "service-provider-limit", rate, row, provider)


def _warm_up(passing: Passing, state: State, provider: str, service: ServiceRow) -> Bucket | None:
    evidence, policy = passing.evidence, passing.policy
    ramp = policy.ramp
    if not ramp.services or policy.rules["warm-up"].mode == "off" or not _named(evidence, ramp.services):
        return None
    if not provider:
        return Today(passing, service, evidence.domain, 1)
    row = _row(passing, state, provider)
    # an equal part for each partition: a day's cap that moved between them would be given out twice
    return Today(passing, row, provider, state.controls.partitions)


def _row(passing: Passing, state: State, provider: str) -> ServiceRow:
    key = service_provider_key(history_name(passing.evidence), provider)
    return state.service(key, passing.now_us // 1_000_000, passing.evidence.service)


def _named(evidence: IntentEvidence, services: frozenset[str]) -> bool:
    service = evidence.service
    if service in services:
        return True
    provider = evidence.mx.provider if evidence.mx is not None else ""
    return f"{service}@{provider or evidence.domain}" in services
