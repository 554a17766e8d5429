"""Opens the sources of evidence that the settings and the sources file name, for workers, `check-address` and `serve`.

Nobody is asked here.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sidestep.streams.errors import SettingsError, SourcesError
from sidestep.streams.screen.address.domain import read_domain
from sidestep.streams.screen.cache_room import parts
from sidestep.streams.screen.dns.canaries import shipped_canaries
from sidestep.streams.screen.dns.resolver import Resolver
from sidestep.streams.screen.dns.upstream import Server
from sidestep.streams.screen.sources.dnsbl.zones import DnsblZones
from sidestep.streams.screen.sources.feeds.feeds import FOLDER, Feeds
from sidestep.streams.screen.sources.file import NO_SOURCES, SourcesFile, parse_sources
from sidestep.streams.screen.sources.inquiry import Inquiry
from sidestep.streams.screen.sources.probe.prober import Prober
from sidestep.streams.screen.sources.reputation.services import Services
from sidestep.streams.screen.sources.status import SourceStatus
from sidestep.streams.settings import Settings


@dataclass
class Sources:
    """The open sources of evidence by kind, DNS among them; None: there is none of the kind."""

    resolver: Resolver
    inquiry: Inquiry
    zones: DnsblZones | None = None
    services: Services | None = None
    feeds: Feeds | None = None
    prober: Prober | None = None

    def status(self) -> list[SourceStatus]:
        """The status of each source but DNS."""
        return [*self._zones(), *self._services(), *self._feeds(), *self._probe()]

    def _zones(self) -> Iterator[SourceStatus]:
        for zone in self.zones.status() if self.zones is not None else []:
            yield SourceStatus("dnsbl", zone.name, zone.state == "usable", zone.asked, zone.listed, zone.errors)

    def _services(self) -> Iterator[SourceStatus]:
        for name, service in self.services.status().items() if self.services is not None else ():
            usable = service.circuit != "open"
            yield SourceStatus("reputation", name, usable, service.asked, service.listed, service.failed)

    def _feeds(self) -> Iterator[SourceStatus]:
        for feed in self.feeds.status() if self.feeds is not None else []:
            taken_at = feed.taken_at / 1000
            yield SourceStatus("feed", feed.name, bool(feed.version), entries=feed.entries, taken_at=taken_at)

    def _probe(self) -> Iterator[SourceStatus]:
        if self.prober is not None:
            probe = self.prober.status()
            yield SourceStatus("probe", "mailboxes", not probe.open_circuits, probe.asked, probe.no, probe.unknown)

    def cache_octets(self) -> dict[str, int]:
        """Octets of what is remembered, by cache."""
        octets = dict(self.resolver.cache_octets)
        if self.zones is not None:
            octets["dnsbl"] = self.zones.cache_octets
        if self.services is not None:
            octets["reputation"] = self.services.cache_octets
        return octets | (self.prober.cache_octets if self.prober is not None else {})

    async def prepare(self) -> None:
        """Fetch the feeds of which nothing was ever taken: what is listed there must not slip through at the start.

        A feed that can't be had is logged and left to its schedule.
        """
        if self.feeds is not None:
            absent = [status.name for status in self.feeds.status() if not status.version]
            await asyncio.gather(*(self.feeds.refresh(name) for name in absent))

    async def close(self) -> None:
        """End the questions that are under way, and close every source."""
        for source in (self.prober, self.services, self.zones, self.feeds, self.resolver):
            if source is not None:
                await source.close()


def open_sources(settings: Settings, servers: list[Server] | None) -> Sources:
    """The sources that the settings and the sources file name. Call it where an event loop runs.

    `servers`: name servers; None: those of the system. Raises SettingsError, SourcesError.
    """
    file, base = read_sources(settings)
    room = parts(settings.cache_mb * 2**20, list(_caches(file)))
    resolver = Resolver(
        servers,
        timeout=settings.dns_timeout,
        concurrency=settings.dns_concurrency,
        check_exchanges=settings.check_exchanges,
        canaries=canaries(settings),
        cache_octets=room["findings"],
        exchange_octets=room["exchanges"],
    )
    zones = services = prober = None
    if file.dnsbl:
        zones = DnsblZones(file.dnsbl, resolver.ask, concurrency=settings.dns_concurrency, cache_octets=room["dnsbl"])
    if file.reputation:
        services = Services(file.reputation, base, cache_octets=room["reputation"])
    feeds = Feeds(file.feeds, settings.data / FOLDER, base=base) if file.feeds else None
    if file.probe.enabled:
        prober = Prober(file.probe, resolver.addresses, cache_octets=room["probe"], history_octets=room["history"])
    inquiry = Inquiry(resolver, zones=zones, services=services, feeds=feeds, mailboxes=prober)
    if feeds is not None:
        feeds.load()
    return Sources(resolver, inquiry, zones, services, feeds, prober)


def _caches(file: SourcesFile) -> Iterator[str]:
    """The caches that there are, by what is asked."""
    yield from ("findings", "exchanges")
    yield from ("dnsbl",) if file.dnsbl else ()
    yield from ("reputation",) if file.reputation else ()
    yield from ("probe", "history") if file.probe.enabled else ()


def canaries(settings: Settings) -> tuple[str, ...]:
    """The canaries that SIDESTEP_DNS_CANARIES names, as A-labels. Raises SettingsError."""
    if settings.dns_canaries.strip().lower() == "shipped":
        return shipped_canaries()
    texts = filter(None, (part.strip() for part in settings.dns_canaries.split(",")))
    return tuple(map(_canary, texts))


def _canary(text: str) -> str:
    read = read_domain(text)
    if not read.name:
        raise SettingsError(f"SIDESTEP_DNS_CANARIES: {text!r} is no domain ({read.reason}); name some with commas")
    return read.name


def read_sources(settings: Settings) -> tuple[SourcesFile, Path]:
    """The sources file that SIDESTEP_SOURCES names, and the folder that its paths start from. Raises SourcesError."""
    if not settings.sources:
        return NO_SOURCES, Path()
    path = Path(settings.sources)
    try:
        return parse_sources(path.read_text(encoding="utf-8")), path.parent
    except OSError as error:
        raise SourcesError(f"SIDESTEP_SOURCES: {path} can't be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise SourcesError(f"SIDESTEP_SOURCES: {path} is not UTF-8") from None
