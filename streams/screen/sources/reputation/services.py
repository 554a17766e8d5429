"""HTTP reputation services: all are asked at once, each as service.py says. One Services belongs to one event loop."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path

import aiohttp

from sidestep.streams.errors import SourcesError
from sidestep.streams.screen.address.parse import ParsedAddress
from sidestep.streams.screen.cache_room import STANDARD
from sidestep.streams.screen.sources.file import Reputation
from sidestep.streams.screen.sources.reputation import templates
from sidestep.streams.screen.sources.reputation.faults import faults
from sidestep.streams.screen.sources.reputation.service import (
    CONNECTIONS,
    Clock,
    Listings,
    ReputationService,
    ServiceStatus,
    read_token,
)


class Services:
    """The reputation services of the sources file, and their listings."""

    def __init__(
        self,
        services: Mapping[str, Reputation],
        base: Path,
        clock: Clock = time.time,
        cache_size: int = 200_000,
        *,
        cache_octets: int = STANDARD["reputation"],
    ) -> None:
        """`base`: folder that token files are relative to. `cache_size`: answers, of each; `cache_octets`: of all
        together. Raises SourcesError."""
        self._configured = dict(services)
        self._base = base
        self.check()
        each = cache_octets // max(1, len(services))
        self._services = tuple(
            ReputationService(name, service, base, clock, (cache_size, each)) for name, service in services.items()
        )
        self._digests = any(not service.by_domain for service in self._services)
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    def check(self) -> None:
        """Check that every service can be asked. Raises SourcesError that names each fault."""
        found = [
            f"[reputation.{name}] {fault}"
            for name, service in self._configured.items()
            for fault in _faults(service, self._base)
        ]
        if found:
            raise SourcesError("the sources file can't be used: " + "; ".join(found))

    def cached(self, address: ParsedAddress) -> Listings | None:
        """The listings that are known without asking; None: at least one service has to be asked."""
        if not address.normalized:
            return ()
        digest = templates.address_hash(address.normalized) if self._digests else b""
        found: Listings = ()
        for service in self._services:
            listings = service.cached(address.domain if service.by_domain else digest)
            if listings is None:
                return None
            found += listings
        return found

    async def find(self, address: ParsedAddress) -> Listings:
        """The listings of all services, asked if need be, after the longest timeout at the latest. Never raises."""
        known = self.cached(address)
        if known is not None or self._closed:
            return known or ()
        values = templates.values_of(address.normalized, address.domain)
        session = self._open()
        found = await asyncio.gather(*(service.find(values, session) for service in self._services))
        return tuple(listing for listings in found for listing in listings)

    async def close(self) -> None:
        """End the questions under way; those who wait for them get no listing."""
        self._closed = True
        await asyncio.gather(*(service.close() for service in self._services))
        if self._session is not None:
            await self._session.close()

    @property
    def cache_octets(self) -> int:
        """Octets of what is remembered of all services."""
        return sum(service.cache_octets for service in self._services)

    def status(self) -> dict[str, ServiceStatus]:
        """The status of each service, by name."""
        return {service.name: service.status() for service in self._services}

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS * len(self._services)),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,  # a compressed bomb is not unpacked
                timeout=aiohttp.ClientTimeout(total=None),  # each question has its own
                headers={"User-Agent": "Sidestep", "Accept": "application/json", "Accept-Encoding": "identity"},
            )
        return self._session


def _faults(config: Reputation, base: Path) -> list[str]:
    found = faults(config)
    try:
        read_token(config, base)
    except SourcesError as error:
        found.append(str(error))
    return found
