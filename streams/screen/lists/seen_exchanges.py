"""Exchanges of near misses: the memory by which a collector of mistyped mail is told. Bounded.

The memory is of the domains that were asked for, in one process, since its start.
"""

from collections import OrderedDict

from sidestep.schemas import MxFinding
from sidestep.streams.screen.lists.near_misses import is_cluster, telling
from sidestep.streams.screen.lists.typo import NearMiss

REMEMBERED = 20_000
"""Exchanges; the one that was seen longest ago goes first."""

PER_EXCHANGE = 8
"""Near misses remembered for one exchange: more would not say more."""


class SeenExchanges:
    """Near misses by exchange.

    Exchanges of providers that anyone can be a customer of are left out: aspmx.l.google.com is not a trap.
    """

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self._at: OrderedDict[str, dict[str, NearMiss]] = OrderedDict()

    def note(self, domain: str, near_miss: NearMiss, mx: MxFinding) -> None:
        """Note a near miss of a large provider, with its MX finding."""
        for exchange in telling(mx):
            domains = self._at.setdefault(exchange, {})
            self._at.move_to_end(exchange)
            if len(domains) < PER_EXCHANGE:
                domains[domain] = near_miss
        while len(self._at) > self._remembered:
            self._at.popitem(last=False)

    def clustered(self, domain: str, near_miss: NearMiss, mx: MxFinding) -> bool:
        """Does a near miss share an exchange with other near misses seen so far, in a way that chance does not?"""
        return any(is_cluster(self._at.get(exchange, {}) | {domain: near_miss}) for exchange in telling(mx))
