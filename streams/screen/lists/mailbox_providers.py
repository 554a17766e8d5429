"""Large mailbox providers (data/large_providers.toml)."""

from functools import cache

from sidestep.streams.screen.lists.shipped import read_table


@cache
def large_providers() -> frozenset[str]:
    """The domains of large providers: no list may call them disposable, and slips are slips of them."""
    table = read_table("large_providers")
    return frozenset(table["webmail"]) | frozenset(table["access"])


@cache
def large_webmail() -> frozenset[str]:
    """The domains among them where anyone can open a mailbox."""
    return frozenset(read_table("large_providers")["webmail"])


@cache
def word_names() -> frozenset[str]:
    """The names of large providers that are ordinary words: being near one of them means nothing."""
    return frozenset(read_table("large_providers")["words"])
