"""Near misses, weighed by what DNS says: somebody's own name, a slip, or one of a cluster of typo traps. Pure.

Distance alone proves nothing: hotmall.com may be a shop. What tells them apart is the mail service behind the name. A
person's or firm's domain has one of its own; a collector of mistyped mail points many near misses at one host.
"""

from collections.abc import Mapping
from typing import NamedTuple

from sidestep.schemas import MxFinding
from sidestep.streams.screen.address.domain import registrable
from sidestep.streams.screen.lists.mx_providers import mailbox_providers, parking_services
from sidestep.streams.screen.lists.typo import NearMiss

CLUSTER = 3
"""Near misses at one exchange that make it a trap, whatever they are near to."""

MEANT = 2
"""… or near misses of so many providers, one of them a known misspelling: a firm that protects its own name is near to
no other's, and two unlucky names at one host are in no list."""


class Suspicion(NamedTuple):
    """The suspicion that a near miss deserves. `meant`: the domain to suggest, "" where the name is left alone.

    `classes`: typo, near-miss, misspelling, trap-cluster.
    """

    classes: tuple[str, ...] = ()
    meant: str = ""


def is_cluster(near_misses: Mapping[str, NearMiss]) -> bool:
    """Is it more than chance that these near misses share an exchange? By domain, with what each is near to."""
    meant = {near_miss.domain.partition(".")[0] for near_miss in near_misses.values()}
    known = any(near_miss.certain for near_miss in near_misses.values())
    return len(near_misses) >= CLUSTER or (len(meant) >= MEANT and known)


def weigh(domain: str, near_miss: NearMiss | None, mx: MxFinding, clustered: bool = False) -> Suspicion:
    """The suspicion that a near miss deserves. `clustered`: it shares its exchanges with others, see is_cluster.

    In a cluster, parked or without mail: a slip. A mail service of its own: left alone, class near-miss, and
    misspelling where the curated list has it. Otherwise a known misspelling is a slip, and a name that is only near
    stays a question: class near-miss, with a suggestion. Under a top-level domain that does not exist: a slip if DNS
    has nothing there, a suggestion while DNS does not answer.
    """
    if near_miss is None:
        return Suspicion()
    if clustered:
        return Suspicion(("typo", "trap-cluster"), near_miss.domain)
    if near_miss.top_level and mx.outcome != "no":
        # there all the same: under a root of somebody's own, and DNS knows better than a list
        return Suspicion(meant="" if mx.outcome == "yes" else near_miss.domain)
    if mx.outcome == "no" or mx.provider in parking_services():
        return Suspicion(("typo",), near_miss.domain)
    if _healthy(mx) and (_own(domain, mx) if near_miss.certain else True):
        return Suspicion(("near-miss", "misspelling") if near_miss.certain else ("near-miss",))
    return Suspicion(("typo",) if near_miss.certain else ("near-miss",), near_miss.domain)


def _healthy(mx: MxFinding) -> bool:
    # an address without MX is what every parked web page has
    return mx.outcome == "yes" and mx.reason == "mx"


def _own(domain: str, mx: MxFinding) -> bool:
    """Exchanges below the domain itself, or mailboxes at a provider that someone opened and pays for."""
    if mx.provider in mailbox_providers():
        return True
    name = registrable(domain)
    return any(registrable(exchange) == name for exchange in mx.exchanges)


def telling(mx: MxFinding) -> tuple[str, ...]:
    """The registrable names of the exchanges that could be a collector's: a host name of its own for each domain hides
    none."""
    return tuple(dict.fromkeys(map(registrable, own_exchanges(mx))))


def own_exchanges(mx: MxFinding) -> tuple[str, ...]:
    """The exchanges that say something of a domain: those of providers that anyone can be a customer of say nothing."""
    if mx.outcome != "yes" or (mx.provider and mx.provider not in parking_services()):
        return ()
    return mx.exchanges
