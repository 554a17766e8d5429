"""Whom commands ask about addresses: DNS and all sources that the settings name, or nobody."""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple

from sidestep.streams.errors import SettingsError
from sidestep.streams.screen.address.parse import ParsedAddress
from sidestep.streams.screen.sources.answers import NOT_ASKED, OFFLINE, Answers
from sidestep.streams.screen.sources.build import open_sources
from sidestep.streams.settings import Settings, name_servers


class AskedSources(NamedTuple):
    """Who answers for as long as a command runs."""

    ask: Callable[[ParsedAddress], Awaitable[Answers]]
    known: Callable[[ParsedAddress], Answers | None]
    """The answers from memory; None: ask."""
    key: Callable[[ParsedAddress], str]
    """Addresses with the same one have the same answers."""
    unasked: Answers = NOT_ASKED
    """The answers about an address that is refused."""
    versions: Callable[[], Mapping[str, str]] = dict
    """Those of the feeds in use."""


@asynccontextmanager
async def sources_asked(settings: Settings, offline: bool) -> AsyncIterator[AskedSources]:
    """Opens the sources, and closes them in the end. Raises SettingsError, SourcesError, OSError."""
    if offline:
        yield AskedSources(_offline, lambda _: OFFLINE, lambda address: address.domain, OFFLINE)
        return
    servers = name_servers(settings)
    sources = open_sources(settings, servers and [_address_of(host, port) for host, port in servers])
    try:
        await sources.prepare()
        feeds, inquiry = sources.feeds, sources.inquiry
        versions = (lambda: feeds.book.versions) if feeds is not None else dict[str, str]
        yield AskedSources(inquiry.ask, inquiry.known, inquiry.key, versions=versions)
    finally:
        await sources.close()


async def _offline(_: ParsedAddress) -> Answers:
    return OFFLINE


def _address_of(host: str, port: int) -> tuple[str, int]:
    """`localhost` is fine for a person at a shell; a resolver needs the address."""
    if not 0 < port < 65_536:
        raise SettingsError(f"name server {host!r}: {port} is no port")
    try:
        return str(socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)[0][4][0]), port
    except (OSError, UnicodeError) as error:
        raise SettingsError(f"name server {host!r}: {error}; give its IP address") from None
