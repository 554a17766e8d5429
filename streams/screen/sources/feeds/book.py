"""What the feeds say of an address: compiled once for each version, asked for every intent. Pure."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from sidestep.schemas import Listing
from sidestep.streams.screen.address.domain import parents
from sidestep.streams.screen.address.parse import ParsedAddress
from sidestep.streams.screen.address.parse import parse as parse_address
from sidestep.streams.screen.sources.feeds.packed import Digests, Names
from sidestep.streams.screen.sources.feeds.parse import WIDTHS, Entries, Kind
from sidestep.streams.screen.sources.file import Feed

_DIGEST: dict[str, Callable[[bytes], Any]] = {
    "sha256": hashlib.sha256,
    "sha1": partial(hashlib.sha1, usedforsecurity=False),
    "md5": partial(hashlib.md5, usedforsecurity=False),
}


@dataclass(frozen=True)
class Form:
    """The entries of one feed at one version."""

    kind: Kind
    version: str
    """12 hex digits, see lists.fingerprint."""
    index: Names | Digests
    """Domains, identities of addresses, or digests."""
    spelled: Mapping[str, str]
    """Identity -> address as it stands in the list, where the two differ."""
    size: int
    """Entries of the list."""


def compiled(kind: Kind, entries: Entries) -> Form:
    """`entries` as parse.read gives them."""
    version = _fingerprint(written(entries))
    if kind in WIDTHS:
        return digests(kind, b"".join(entries), version)  # type: ignore[arg-type]
    return named(kind, entries, version)  # type: ignore[arg-type]


def written(entries: Iterable[str] | Iterable[bytes]) -> Iterator[str]:
    """Entries as they stand in a file: digests in hexadecimal."""
    return (entry.hex() if isinstance(entry, bytes) else entry for entry in entries)


def _fingerprint(ordered: Iterable[str]) -> str:
    """lists.fingerprint of what is in order already, without another copy of it all."""
    digest = hashlib.blake2b(digest_size=6)
    between = b""
    for line in ordered:
        digest.update(between + line.encode())
        between = b"\n"
    return digest.hexdigest()


def digests(kind: Kind, blob: bytes, version: str) -> Form:
    """`blob`: digests in order, without repetitions, side by side."""
    index = Digests(blob, WIDTHS[kind])
    return Form(kind, version, index, {}, len(index))


def named(kind: Kind, names: list[str], version: str) -> Form:
    """`names`: domains or addresses, without repetitions."""
    if kind == "domains":
        return Form(kind, version, Names(names), {}, len(names))
    same = {parse_address(name).identity: name for name in reversed(names)}
    spelled = {identity: name for identity, name in same.items() if identity != name}
    return Form(kind, version, Names(list(same)), spelled, len(names))


class FeedBook:
    """All feeds at one moment. Never changes; a refresh makes another one."""

    __slots__ = ("_addresses", "_by_hash", "_domains", "_feeds", "sizes", "versions")

    def __init__(self, feeds: Mapping[str, Feed], forms: Mapping[str, Form]) -> None:
        """`forms` of the feeds that have any; the others say nothing."""
        self._feeds = dict(feeds)
        self.versions = {name: form.version for name, form in forms.items()}
        """Feed -> 12 hex digits."""
        self.sizes = {name: form.size for name, form in forms.items()}
        """Feed -> entries."""
        self._domains = [
            (name, form.index, form.index.may_hold, form.index.slots)
            for name, form in forms.items()
            if form.kind == "domains" and isinstance(form.index, Names)
        ]
        self._addresses = [
            (name, form.index, form.spelled)
            for name, form in forms.items()
            if form.kind == "addresses" and isinstance(form.index, Names)
        ]
        self._by_hash: dict[str, list[tuple[str, Digests]]] = {}
        for name, form in forms.items():
            if isinstance(form.index, Digests):
                self._by_hash.setdefault(form.kind, []).append((name, form.index))

    def matches(self, address: ParsedAddress) -> tuple[Listing, ...]:
        """Every feed that the address or its domain hits; nothing for an address that was refused.

        Domains also count for the names below them, the most specific entry is named. Addresses count for all
        spellings of the same mailbox (identity.py), hashes for the address in lower case.
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

    def _listing(self, name: str, entry: str) -> Listing:
        feed = self._feeds[name]
        return Listing(name, self.versions[name], entry, feed.reason, feed.suspect)


def _by_feed(found: Iterable[Listing]) -> tuple[Listing, ...]:
    """The first of each feed: names come from the most specific on."""
    first: dict[str, Listing] = {}
    for listing in found:
        first.setdefault(listing.list, listing)
    return tuple(first.values())


@lru_cache(maxsize=32_768)
def _parents(domain: str) -> tuple[str, ...]:
    return tuple(parents(domain))
