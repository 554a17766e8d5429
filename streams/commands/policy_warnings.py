"""What a policy may say but hardly means."""

from collections.abc import Callable, Collection, Iterator
from difflib import get_close_matches
from itertools import pairwise

from sidestep.streams.decide.policy import EVERY_SERVICE, Limits, Policy
from sidestep.streams.gcra import Rate
from sidestep.streams.screen.lists.typo import NearMiss

MINUTE_US = 60_000_000

Suggest = Callable[[str], NearMiss | None]


def warnings(policy: Policy, suggest: Suggest, providers: Collection[str]) -> list[str]:
    """What is allowed but hardly meant, one sentence each. `suggest` tells a slip, see screen/lists/typo.py;
    `providers` are the names of MX providers."""
    return [
        *_bursts("domain", policy.domain_limits),
        *_bursts("service-at-domain", policy.service_limits),
        *_slips(policy, suggest),
        *_nobody(policy, providers),
        *_never_reached(policy),
        *_idle_parameters(policy),
        *_strange_streams(policy),
        *_idle_release(policy),
    ]


def _bursts(section: str, limits: Limits) -> Iterator[str]:
    for name, rate in rates_of(limits):
        burst = rate.tolerance_us // rate.interval_us + 1
        if burst > 1 and burst * rate.interval_us > MINUTE_US:
            minutes = burst * rate.interval_us / MINUTE_US
            yield (
                f"[limits.{section}] {name} = {rate.text}: the burst is {minutes:.1f} minutes' worth of the limit; "
                "large providers count by the minute"
            )


def _slips(policy: Policy, suggest: Suggest) -> Iterator[str]:
    limits = [("domain", name, name) for name in policy.domain_limits.named]
    limits += [("service-at-domain", n, n.rpartition("@")[2]) for n in policy.service_limits.named if "@" in n]
    for section, name, domain in limits:
        found = suggest(domain.lower())
        if found is not None:
            yield f"[limits.{section}] {name}: is {found.domain} meant?"
        elif domain != domain.lower():
            yield f"[limits.{section}] {name}: never applies; domains are written in lower case"


def _nobody(policy: Policy, providers: Collection[str]) -> Iterator[str]:
    """An MX provider of that name is never found. A service that warms up may be named at a domain, too."""
    named = [("limits.mx-provider", name, name) for name in policy.provider_limits.named]
    named += [("limits.service-at-provider", n, n.rpartition("@")[2]) for n in policy.service_provider_limits.named]
    named += [("warm-up", n, n.rpartition("@")[2]) for n in sorted(policy.ramp.services)]
    for section, name, provider in named:
        at_all = section != "limits.mx-provider" and "@" not in name
        if at_all or provider in providers or (section == "warm-up" and "." in provider):
            continue
        near = get_close_matches(provider.lower(), providers, 3)
        yield f"[{section}] {name}: no provider is called so" + (
            f"; is {' or '.join(near)} meant?"
            if near
            else "; they stand in streams/screen/lists/data/mx_providers.toml"
        )


def _never_reached(policy: Policy) -> Iterator[str]:
    """The domain's limit holds for all services together: one above it can't be used up by a service alone."""
    domains = policy.domain_limits
    for name, rate in rates_of(policy.service_limits):
        domain = name.rpartition("@")[2] if "@" in name else ""
        whole = domains.named.get(domain, domains.default)
        if rate.interval_us < whole.interval_us:
            of = domain if domain in domains.named else "default"
            yield (
                f"[limits.service-at-domain] {name} = {rate.text}: above the limit of all services together, "
                f"[limits.domain] {of} = {whole.text}"
            )


def _idle_parameters(policy: Policy) -> Iterator[str]:
    caps = policy.ramp.caps
    if any(after < before for before, after in pairwise(caps)):
        yield "[warm-up] caps fall from one day to the next: a ramp only rises"
    unknown = policy.rules["dns-unknown"]
    if unknown.retry_after > unknown.retry_after_max:
        yield "[rules.dns-unknown] retry_after is above retry_after_max, which then holds from the first attempt"


def _strange_streams(policy: Policy) -> Iterator[str]:
    """Names that none of the streams has that there are; and with none exempt an opt-out stops even what people ask
    for."""
    streams = policy.streams
    for name in sorted(streams.exempt):
        if not streams.knows(name):
            yield f"[streams] exempt: there is no stream {name} among those that are known{_near(name, streams.known)}"
    if policy.rules["recipient-unsubscribed"].mode == "reject" and not streams.exempt:
        yield "[streams] exempt is empty: who has opted out gets no mail at all, no password that they ask for either"


def _idle_release(policy: Policy) -> Iterator[str]:
    """Who is exempt where nobody is named, and who is both."""
    release = policy.release
    for name in sorted(release.exempt):
        if name in release.services:
            yield f"[release] exempt: {name} stands in services as well; its intents are not offered again"
        elif EVERY_SERVICE not in release.services:
            yield f'[release] exempt: {name} changes nothing where services = ["*"] does not stand'
    if release.services and release.interval_us > MINUTE_US:
        yield f"[release] rate = {release.rate.text}: that is less than one a minute for all services together"


def _near(name: str, known: Collection[str]) -> str:
    near = get_close_matches(name.casefold(), [each.casefold() for each in known], 1)
    return f"; is {near[0]} meant?" if near else ""


def rates_of(limits: Limits) -> Iterator[tuple[str, Rate]]:
    """The one for everybody, and those by name."""
    yield "default", limits.default
    yield from limits.named.items()
