"""The inquiry about an address: DNS and all sources in one object.

One Inquiry belongs to one event loop. It answers from what the sources remember, or asks them all at the same time;
each of them is bounded in time and says nothing where it doesn't know.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from sidestep.schemas import Listing, MailboxFinding, MxFinding
from sidestep.streams.screen.address.parse import ParsedAddress
from sidestep.streams.screen.lists.near_misses import own_exchanges
from sidestep.streams.screen.sources.answers import Answers


class Names(Protocol):
    """Whether domains take mail: a Resolver."""

    def cached(self, domain: str) -> MxFinding | None: ...
    def find(self, domain: str) -> Awaitable[MxFinding]: ...


class DomainLists(Protocol):
    """Block lists of domains: DnsblZones."""

    def cached(self, domain: str) -> tuple[Listing, ...] | None: ...
    def find(self, domain: str) -> Awaitable[tuple[Listing, ...]]: ...


class AddressLists(Protocol):
    """Lists that are asked for the whole address: reputation Services."""

    def cached(self, address: ParsedAddress) -> tuple[Listing, ...] | None: ...
    def find(self, address: ParsedAddress) -> Awaitable[tuple[Listing, ...]]: ...


class Book(Protocol):
    """A version of the feeds."""

    def matches(self, address: ParsedAddress) -> tuple[Listing, ...]: ...

    @property
    def exchanges(self) -> Callable[[tuple[str, ...]], tuple[Listing, ...]]: ...


class Feeds(Protocol):
    """Lists that we have ourselves."""

    @property
    def book(self) -> Book: ...


class Mailboxes(Protocol):
    """Whether mailboxes exist: the Prober."""

    def may_ask(self, address: ParsedAddress, mx: MxFinding) -> bool: ...
    def cached(self, address: ParsedAddress, mx: MxFinding) -> MailboxFinding | None: ...
    def find(self, address: ParsedAddress, mx: MxFinding) -> Awaitable[MailboxFinding]: ...


class Inquiry:
    """The inquiry of a process: `known` for the hot path, `ask` for the rest. All sources but DNS are optional."""

    def __init__(
        self,
        names: Names,
        *,
        zones: DomainLists | None = None,
        services: AddressLists | None = None,
        feeds: Feeds | None = None,
        mailboxes: Mailboxes | None = None,
    ):
        self._names = names
        self._zones = zones
        self._services = services
        self._feeds = feeds
        self._mailboxes = mailboxes
        self._only_names = zones is None and services is None and feeds is None and mailboxes is None
        self._by_address = services is not None or feeds is not None or mailboxes is not None

    def key(self, address: ParsedAddress) -> str:
        """The key of an address: those with the same one have the same answers, and are of one domain."""
        return address.normalized if self._by_address else address.domain

    def known(self, address: ParsedAddress) -> Answers | None:
        """The answers from memory; None where somebody has to be asked."""
        mx = self._names.cached(address.domain)
        if mx is None:
            return None
        return Answers(mx) if self._only_names else self._remembered(address, mx)

    def so_far(self, address: ParsedAddress) -> Answers | None:
        """The answers so far, for a caller that can't wait; None: not even DNS has answered."""
        mx = self._names.cached(address.domain)
        if mx is None:
            return None
        by_domain = self._zones.cached(address.domain) if self._zones is not None else ()
        by_address = self._services.cached(address) if self._services is not None else ()
        mailbox = None
        if self._mailboxes is not None and self._mailboxes.may_ask(address, mx):
            mailbox = self._mailboxes.cached(address, mx)
        return Answers(mx, self._own(address, mx) + (by_domain or ()) + (by_address or ()), mailbox)

    async def ask(self, address: ParsedAddress) -> Answers:
        """The answers of all sources, asked if need be. Never raises; one that fails or takes too long says nothing."""
        mx, by_domain, by_address = await asyncio.gather(
            self._names.find(address.domain), self._ask_zones(address.domain), self._ask_services(address)
        )
        mailbox = None
        if self._mailboxes is not None and self._mailboxes.may_ask(address, mx):
            mailbox = await self._mailboxes.find(address, mx)
        return Answers(mx, self._own(address, mx) + by_domain + by_address, mailbox)

    def _remembered(self, address: ParsedAddress, mx: MxFinding) -> Answers | None:
        listed = self._own(address, mx)
        if self._zones is not None:
            by_domain = self._zones.cached(address.domain)
            if by_domain is None:
                return None
            listed += by_domain
        if self._services is not None:
            by_address = self._services.cached(address)
            if by_address is None:
                return None
            listed += by_address
        if self._mailboxes is None or not self._mailboxes.may_ask(address, mx):
            return Answers(mx, listed)
        mailbox = self._mailboxes.cached(address, mx)
        return None if mailbox is None else Answers(mx, listed, mailbox)

    def _own(self, address: ParsedAddress, mx: MxFinding) -> tuple[Listing, ...]:
        if self._feeds is None:
            return ()
        book = self._feeds.book
        return book.matches(address) + book.exchanges(own_exchanges(mx))

    async def _ask_zones(self, domain: str) -> tuple[Listing, ...]:
        return await self._zones.find(domain) if self._zones is not None else ()

    async def _ask_services(self, address: ParsedAddress) -> tuple[Listing, ...]:
        return await self._services.find(address) if self._services is not None else ()
