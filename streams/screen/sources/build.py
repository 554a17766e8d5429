"""Puts together whom Screen asks, for whoever needs it: workers, `check-address`, `serve`. Nothing is asked here."""

import asyncio
from dataclasses import dataclass

from sidestep.streams.observe.askers import Asker
from sidestep.streams.screen.dns.resolver import Resolver, Server
from sidestep.streams.screen.sources.dnsbl.zones import Zones
from sidestep.streams.screen.sources.feeds import Feeds
from sidestep.streams.screen.sources.feeds.feeds import FOLDER
from sidestep.streams.screen.sources.inquiry import Inquiry
from sidestep.streams.screen.sources.probe.prober import Prober
from sidestep.streams.screen.sources.reputation.services import Services
from sidestep.streams.screen.sources.sources_file import read_sources
from sidestep.streams.settings import Settings


@dataclass
class Asked:
    """Whoever can be asked, by name; None: nobody of the kind. `close` ends what is under way."""

    resolver: Resolver
    inquiry: Inquiry
    zones: Zones | None = None
    services: Services | None = None
    feeds: Feeds | None = None
    prober: Prober | None = None

    def states(self) -> list[Asker]:
        """How each of them is doing, besides the resolver."""
        return [*self._list_states(), *self._feed_states(), *self._probe_states()]

    def _list_states(self) -> list[Asker]:
        zones = self.zones.status() if self.zones is not None else []
        services = self.services.status() if self.services is not None else {}
        return [Asker("dnsbl", it.name, it.state == "usable", it.asked, it.listed, it.errors) for it in zones] + [
            Asker("reputation", name, it.circuit != "open", it.asked, it.listed, it.failed)
            for name, it in services.items()
        ]

    def _feed_states(self) -> list[Asker]:
        feeds = self.feeds.status() if self.feeds is not None else []
        return [
            Asker("feed", it.name, bool(it.version), entries=it.entries, taken_at=it.taken_at / 1000) for it in feeds
        ]

    def _probe_states(self) -> list[Asker]:
        if self.prober is None:
            return []
        it = self.prober.status()
        return [Asker("probe", "mailboxes", not it.open_circuits, it.asked, it.no, it.unknown)]

    async def prepare(self) -> None:
        """Fetch the feeds of which nothing was ever taken: what is listed there must not slip through at the start.

        One that can't be had is logged and left to its schedule.
        """
        if self.feeds is not None:
            absent = [status.name for status in self.feeds.status() if not status.version]
            await asyncio.gather(*(self.feeds.refresh(name) for name in absent))

    async def close(self) -> None:
        """End it all."""
        for asker in (self.prober, self.services, self.zones, self.feeds, self.resolver):
            if asker is not None:
                await asker.close()


def ask_whom(settings: Settings, servers: list[Server] | None) -> Asked:
    """Everybody that the settings and the sources file name. Call it where an event loop runs.

    Raises SettingsError, SourcesError.
    """
    sources, base = read_sources(settings)
    resolver = Resolver(
        servers,
        timeout=settings.dns_timeout,
        concurrency=settings.dns_concurrency,
        check_exchanges=settings.check_exchanges,
    )
    zones = Zones(sources.dnsbl, resolver.ask, concurrency=settings.dns_concurrency) if sources.dnsbl else None
    services = Services(sources.reputation, base) if sources.reputation else None
    feeds = Feeds(sources.feeds, settings.data / FOLDER, base=base) if sources.feeds else None
    prober = Prober(sources.probe, resolver.addresses) if sources.probe.enabled else None
    inquiry = Inquiry(resolver, zones=zones, services=services, feeds=feeds, mailboxes=prober)
    asked = Asked(resolver, inquiry, zones, services, feeds, prober)
    if feeds is not None:
        feeds.load()
    return asked
