"""The book of feeds: compiled once for each version of a feed, asked for every intent. Pure."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, cast

from sidestep.schemas import Listing
from sidestep.streams.screen.address.domain import parents
from sidestep.streams.screen.address.parse import ParsedAddress
from sidestep.streams.screen.address.parse import parse as parse_address
from sidestep.streams.screen.sources.feeds.packed import DigestSet, NameSet, joined
from sidestep.streams.screen.sources.feeds.parse import WIDTHS, Entries, EntryKind
from sidestep.streams.screen.sources.file import Feed

_DIGEST: dict[str, Callable[[bytes], Any]] = {
    "sha256": hashlib.sha256,
    "sha1": partial(hashlib.sha1, usedforsecurity=False),
    "md5": partial(hashlib.md5, usedforsecurity=False),
}


@dataclass(frozen=True)
class FeedForm:
    """The form of a feed: its entries at one version, ready to be asked."""

    kind: EntryKind
    version: str
    """12 hex digits, see lists.fingerprint."""
    index: NameSet | DigestSet
    """Domains, names of mail servers, identities of addresses, or digests."""
    spelled: Mapping[str, str]
    """Identity -> address as it stands in the list, where the two differ."""
    size: int
    """Number of entries."""


def compiled(kind: EntryKind, entries: Entries) -> FeedForm:
    """The form of a feed's entries, as parse.read gives them."""
    version = _fingerprint(as_lines(entries))
    if kind in WIDTHS:
        return form_of_digests(kind, joined(b"", cast(list[bytes], entries)), version)  # the kind says which they are
    return form_of_names(kind, cast(list[str], entries), version)


def as_lines(entries: Iterable[str] | Iterable[bytes]) -> Iterator[str]:
    """The entries as lines of a file: digests in hexadecimal."""
    return (entry.hex() if isinstance(entry, bytes) else entry for entry in entries)


def _fingerprint(ordered: Iterable[str]) -> str:
    """lists.fingerprint of what is in order already, without another copy of it all."""
    digest = hashlib.blake2b(digest_size=6)
    between = b""
    for line in ordered:
        digest.update(between + line.encode())
        between = b"\n"
    return digest.hexdigest()


def form_of_digests(kind: EntryKind, blob: bytes, version: str) -> FeedForm:
    """The form of a feed of hashes. `blob`: digests in order, without repetitions, side by side."""
    index = DigestSet(blob, WIDTHS[kind])
    return FeedForm(kind, version, index, {}, len(index))


def form_of_names(kind: EntryKind, names: list[str], version: str) -> FeedForm:
    """The form of a feed of domains, mail servers or addresses. `names`: without repetitions."""
    if kind != "addresses":
        return FeedForm(kind, version, NameSet(names), {}, len(names))
    same = {parse_address(name).identity: name for name in reversed(names)}
    spelled = {identity: name for identity, name in same.items() if identity != name}
    return FeedForm(kind, version, NameSet(list(same)), spelled, len(names))


class FeedBook:
    """The book of all feeds at one moment. It never changes; a refresh makes another one."""

    __slots__ = ("_addresses", "_by_hash", "_domains", "_exchanges", "_feeds", "exchanges", "sizes", "versions")

    def __init__(self, feeds: Mapping[str, Feed], forms: Mapping[str, FeedForm]) -> None:
        """`forms` of the feeds that have any; the others say nothing."""
        self._feeds = dict(feeds)
        self.versions = {name: form.version for name, form in forms.items()}
        """Feed -> 12 hex digits."""
        self.sizes = {name: form.size for name, form in forms.items()}
        """Feed -> entries."""
        self._domains = [
            (name, form.index, form.index.may_hold, form.index.slots)
            for name, form in forms.items()
            if form.kind == "domains" and isinstance(form.index, NameSet)
        ]
        self._exchanges = [
            (name, form.index)
            for name, form in forms.items()
            if form.kind == "exchanges" and isinstance(form.index, NameSet)
        ]
        self.exchanges = lru_cache(maxsize=32_768)(self._by_exchange) if self._exchanges else _no_listings
        """exchanges(hosts): the listings of a domain whose mail goes to these mail servers, one a feed."""
        self._addresses = [
            (name, form.index, form.spelled)
            for name, form in forms.items()
            if form.kind == "addresses" and isinstance(form.index, NameSet)
        ]
        self._by_hash: dict[str, list[tuple[str, DigestSet]]] = {}
        for name, form in forms.items():
            if isinstance(form.index, DigestSet):
                self._by_hash.setdefault(form.kind, []).append((name, form.index))

    def matches(self, address: ParsedAddress) -> tuple[Listing, ...]:
        """The listings of an address or its domain, one a feed; none for an address that was refused.

        Domains also count for the names below them, the most specific entry is named. Addresses count for all
        spellings of the same mailbox (address/mailbox.py), hashes for the address in lower case.
        """
        if address.reason:
            return ()
        found: list[Listing] = []
        for domain in _parents(address.domain):
            slot = hash(domain)
            for name, index, may_hold, slots in self._domains:
                if may_hold[slot % slots] and domain in index:
                    found.append(self._listing(name, domain))
        if self._addresses or self._by_hash:
            found += self._by_address(address)
        return _by_feed(found) if found else ()

    def _by_address(self, address: ParsedAddress) -> Iterator[Listing]:
        for name, addresses, spelled in self._addresses:
            if address.identity in addresses:
                yield self._listing(name, spelled.get(address.identity, address.identity))
        for kind, feeds in self._by_hash.items():
            digest = _DIGEST[kind](address.normalized.lower().encode()).digest()
            for name, digests_ in feeds:
                if digest in digests_:
                    yield self._listing(name, digest.hex())

    def _by_exchange(self, hosts: tuple[str, ...]) -> tuple[Listing, ...]:
        """An entry is the mail server itself, or a name above it; the most specific one is named."""
        found = [
            self._listing(name, entry, host)
            for host in hosts
            for entry in _parents(host)
            for name, index in self._exchanges
            if entry in index
        ]
        return _by_feed(found)

    def _listing(self, name: str, entry: str, exchange: str = "") -> Listing:
        feed = self._feeds[name]
        return Listing(name, self.versions[name], entry, feed.reason, feed.suspect, exchange)


def _no_listings(hosts: tuple[str, ...]) -> tuple[Listing, ...]:
    return ()


def _by_feed(found: Iterable[Listing]) -> tuple[Listing, ...]:
    """The first listing of each feed: names come from the most specific on."""
    first: dict[str, Listing] = {}
    for listing in found:
        first.setdefault(listing.list, listing)
    return tuple(first.values())


@lru_cache(maxsize=32_768)
def _parents(domain: str) -> tuple[str, ...]:
    return tuple(parents(domain))
