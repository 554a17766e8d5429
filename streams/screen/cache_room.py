"""Room for what Screen remembers of other people's answers: octets in all, and which part of them each cache has. Pure.

Who is asked decides how much there is to remember of it, so a number of entries bounds nothing. Octets are those that
Python takes for an entry, about, as counted by tracemalloc.
"""

from collections.abc import Collection

from sidestep.schemas import Listing

PARTS = {"findings": 10, "exchanges": 2, "dnsbl": 2, "reputation": 2, "probe": 1, "history": 2}
"""Cache -> its part of the room: the MX findings of domains, the addresses of exchanges, the listings of zones and of
reputation services, what the probe has found, and what feedback says of mailboxes. Parts of their own, so that a flood
of one kind pushes out nothing of another. What does not exist has no part."""

ROOM = 192 * 2**20
"""Octets of all caches together, unless a setting says otherwise."""

PER_ENTRY = 350
PER_TEXT = 60
PER_RECORD = 150
PER_NUMBER = 150
PER_LISTING = 320
"""Octets of an entry with its key's object, of a text besides its letters, of an address record, of a number
under a key, and of a listing."""


def parts(octets: int, caches: Collection[str]) -> dict[str, int]:
    """The octets of each of these caches, of so many in all."""
    whole = sum(PARTS[name] for name in caches)
    return {name: octets * PARTS[name] // whole for name in caches}


STANDARD = parts(ROOM, PARTS)
"""The octets of each cache, where all of them exist."""


def octets_of_texts(*texts: str) -> int:
    """The octets of texts, which are ASCII."""
    return sum(map(len, texts)) + PER_TEXT * len(texts)


def octets_of_entry(key: str | bytes, value: object) -> int:
    """The octets of an entry of a fixed size under a key."""
    return PER_ENTRY + len(key)


def octets_of_number(key: bytes, value: int) -> int:
    """The octets of a number under a key."""
    return PER_NUMBER + len(key)


def octets_of_listings(key: str | bytes, listings: Collection[Listing]) -> int:
    """The octets of an entry that says what is listed under a key."""
    entries = sum(len(listing.entry) + len(listing.reason) for listing in listings)
    return PER_ENTRY + len(key) + PER_LISTING * len(listings) + entries
