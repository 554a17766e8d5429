"""MX providers: who runs a domain's mail, told by the names of its exchanges (data/mx_providers.toml)."""

from collections.abc import Iterable
from functools import cache

from sidestep.streams.screen.lists.shipped import fingerprint, read_table


def provider_of(exchanges: Iterable[str]) -> str:
    """The MX provider of exchanges, lower case, best first: google, microsoft, …; "" for hosts of one's own."""
    return next((name for name in map(_by_suffix, exchanges) if name), "")


def parking_of(hosts: Iterable[str]) -> str:
    """The parking service of name servers; "" for none."""
    return next((name for name in map(_by_suffix, hosts) if name in parking_services()), "")


@cache
def parking_services() -> frozenset[str]:
    """The parking services: providers that only sell or monetise domains, where no person reads mail."""
    return frozenset(read_table("mx_providers")["parking"])


@cache
def mailbox_providers() -> frozenset[str]:
    """The MX providers where people read their mail; gateways and forwarders are not among them."""
    return frozenset(read_table("mx_providers")["mailbox"])


@cache
def serving_many() -> frozenset[str]:
    """The names that exchanges of mailbox providers, gateways and forwarders lie below: anybody's mail goes there."""
    table = read_table("mx_providers")
    return frozenset(suffix for kind in ("mailbox", "gateway") for them in table[kind].values() for suffix in them)


@cache
def providers() -> frozenset[str]:
    """The names of all MX providers."""
    return frozenset(_suffixes().values())


@cache
def providers_version() -> str:
    """The version of the table: 12 hex digits that change with it."""
    return fingerprint(f"{name} {suffix}" for suffix, name in _suffixes().items())


def listed_suffix(hosts: Iterable[str]) -> str:
    """The entry of the table that provider_of goes by; "" when there is none."""
    return next((suffix for suffix in map(_suffix, hosts) if suffix), "")


def _by_suffix(host: str) -> str:
    return _suffixes().get(_suffix(host), "")


def _suffix(host: str) -> str:
    """The longest entry that `host` is or lies below."""
    while host and host not in _suffixes():
        host = host.partition(".")[2]
    return host


@cache
def _suffixes() -> dict[str, str]:
    table = read_table("mx_providers")
    kinds = (table["mailbox"], table["gateway"], table["parking"])
    return {suffix: name for kind in kinds for name, suffixes in kind.items() for suffix in suffixes}
