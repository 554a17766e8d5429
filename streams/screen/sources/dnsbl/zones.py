"""DNSBL zones: all are asked about a domain at the same time, and their listings are remembered for their TTL.

A zone is used only after its self-test (RFC 5782 section 5), which is repeated while it is in use. A zone that refuses,
lies or fails is switched off and tested again later; meanwhile it makes no statement, which never is a listing. One
Zones belongs to one event loop.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from functools import partial

from msgspec import Struct

from sidestep.schemas import Listing
from sidestep.streams.errors import SourcesError
from sidestep.streams.screen.cache_room import STANDARD, octets_of_listings
from sidestep.streams.screen.single_flight import Flights, arrival
from sidestep.streams.screen.sources.dnsbl.codes import ZoneStatus
from sidestep.streams.screen.sources.dnsbl.zone import Ask, DnsblZone, ZoneListings
from sidestep.streams.screen.sources.file import Dnsbl
from sidestep.streams.screen.ttl_cache import BoundedCache

PER_ZONE = 70
"""Octets of what is remembered of a zone, besides its listings."""

log = logging.getLogger(__name__)


class _Cached(Struct, frozen=True, gc=False):
    """The listings of a domain; `by_zone` in the order of the zones."""

    listings: tuple[Listing, ...]
    refresh_at: float
    expires_at: float
    by_zone: tuple[ZoneListings, ...]


class DnsblZones:
    """The DNSBL zones of the sources file; domains are given as lower-case A-labels.

    Counters: `hits` and `misses` of `cached`.
    """

    def __init__(
        self,
        zones: Mapping[str, Dnsbl],
        ask: Ask,
        clock: Callable[[], float] = time.time,
        cache_size: int = 100_000,
        *,
        cache_octets: int = STANDARD["dnsbl"],
        concurrency: int = 64,
    ) -> None:
        """`zones`: zone -> its section. `concurrency`: questions to one zone under way at once. `cache_size` and
        `cache_octets`: of the listings of domains. Raises SourcesError."""
        self.hits = self.misses = 0
        self._zones = [DnsblZone(zone, section, ask, clock, concurrency) for zone, section in zones.items()]
        names = [zone.name for zone in self._zones]
        for name in names:
            if names.count(name) > 1:
                raise SourcesError(f"two DNSBLs are called {name!r}: give them different names")
        for index, zone in enumerate(self._zones):
            zone.on_distrust = partial(self._forget, index)
        self._clock = clock
        self._cache: BoundedCache[str, _Cached] = BoundedCache(cache_size, cache_octets, _octets)
        self._flights: Flights[str, tuple[Listing, ...]] = Flights()
        self._closed = False

    @property
    def cache_octets(self) -> int:
        """Octets of what is remembered."""
        return self._cache.octets

    @property
    def in_flight(self) -> int:
        """Domains that are being asked about."""
        return len(self._flights)

    def cached(self, domain: str) -> tuple[Listing, ...] | None:
        """The listings that are known without asking: () when no zone has any, None when the zones have to be asked.

        Near the end of its TTL a domain that is asked for here is asked about anew, in the background.
        """
        cached = self._cache.get(domain)
        now = self._clock()
        if cached is None or now >= cached.expires_at:
            self.misses += 1
            return None if self._zones else ()
        self.hits += 1
        if now >= cached.refresh_at and domain not in self._flights and not self._closed:
            self._depart(domain)
        return cached.listings

    async def find(self, domain: str) -> tuple[Listing, ...]:
        """The listings of all usable zones, after the longest of their timeouts at the latest. Never raises."""
        cached = self._cache.get(domain)
        if cached is not None and self._clock() < cached.expires_at:
            return cached.listings
        if self._closed or not self._zones:
            return ()
        return await arrival(self._depart(domain), ())

    async def test(self) -> None:
        """Test all zones now, whatever their state, and wait for the tests: `status` tells more afterwards."""
        await asyncio.gather(*(zone.test() for zone in self._zones))

    async def close(self) -> None:
        """End the questions under way; those who wait for them get ()."""
        self._closed = True
        await self._flights.close()
        await asyncio.gather(*(zone.close() for zone in self._zones))

    def status(self) -> list[ZoneStatus]:
        """The status of each zone, in the order of the sources file."""
        return [zone.status() for zone in self._zones]

    def _depart(self, domain: str) -> asyncio.Task[tuple[Listing, ...]]:
        return self._flights.join(domain, lambda: self._fly(domain))

    async def _fly(self, domain: str) -> tuple[Listing, ...]:
        old = self._cache.get(domain)
        by_zone = old.by_zone if old else (None,) * len(self._zones)
        epochs = [zone.epoch for zone in self._zones]
        try:
            asking = [zone.renewed(domain, listings) for zone, listings in zip(self._zones, by_zone, strict=True)]
            found = await asyncio.gather(*asking)
        except Exception as error:  # noqa: BLE001 - not with its text, which may hold a zone's key
            log.error("asking the DNSBLs failed inside: %s", type(error).__name__)
            return ()
        # what a zone said before it was found out is not worth keeping
        settled = zip(self._zones, epochs, found, strict=True)
        return self._keep(domain, tuple(p if zone.epoch == epoch else zone.passed_over() for zone, epoch, p in settled))

    def _keep(self, domain: str, by_zone: tuple[ZoneListings, ...]) -> tuple[Listing, ...]:
        found = tuple(listing for listings in by_zone for listing in listings.listings)
        refresh_at, expires_at = (
            min(listings.refresh_at for listings in by_zone),
            min(listings.expires_at for listings in by_zone),
        )
        self._cache.put(domain, _Cached(found, refresh_at, expires_at, by_zone))
        return found

    def _forget(self, index: int) -> None:
        for domain in [domain for domain, cached in self._cache.items() if cached.by_zone[index].listings]:
            self._cache.drop(domain)


def _octets(domain: str, cached: _Cached) -> int:
    return octets_of_listings(domain, cached.listings) + PER_ZONE * len(cached.by_zone)
