"""Exchanges, the hosts behind a domain's MX records: can they be used, have they an address that takes mail?"""

import ipaddress
import re
from collections.abc import Generator, Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address
from sys import intern
from typing import Any, Literal

import dns.name

from sidestep.streams.screen.dns.answer import Answer, Question

LISTED = 5
"""Exchanges that a finding names; the first by preference."""

ASKED_MOST = 3
"""Exchanges whose addresses are asked for: with a healthy domain the first one is enough. Whoever owns a domain decides
how many it lists; what they cost us is for us to decide. With more than these nobody says that all of them are dead."""

LOCAL_SUFFIXES = frozenset({"local", "localdomain", "internal", "invalid"})
"""Names that mean nothing outside one network: RFC 6762, RFC 6761; ICANN reserves internal for private use."""

LOCAL_NETWORKS = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
        "224.0.0.0/3", "::/127", "fc00::/7", "fe80::/9", "ff00::/8",
    )
)  # fmt: skip
"""This host, private, shared, link-local and site-local space, multicast and what lies above (RFC 6890)."""

_HOST = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
"""A host name in lower case. Underscores are against RFC 952, and in use."""

_NAT64 = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))
"""IPv6 addresses whose last 32 bits are an IPv4 address: RFC 6052, RFC 8215."""

ExchangeHealth = Literal["reachable", "local", "dangling", "unproven"]

Hosts = Generator[tuple[Question, ...], tuple[Answer, ...], tuple[ExchangeHealth, tuple[Answer, ...]]]


def exchanges_of(records: Iterable[Any]) -> tuple[str, ...]:
    """The exchanges of MX records: lower-case host names without the last dot, best preference first, each once."""
    ranked = sorted((record.preference, _text(record.exchange)) for record in records)
    return tuple(dict.fromkeys(intern(name) for _, name in ranked))  # many domains share them


def grade(exchange: str) -> Literal["plausible", "dubious", "unusable"]:
    """The grade of an exchange: could a mailer use it? Dubious ones are worth a look-up, unusable ones are not."""
    if not _HOST.fullmatch(exchange) or _is_address(exchange):
        return "unusable"  # RFC 1035 section 3.3.9: the exchange is a host name
    last = exchange.rpartition(".")[2]
    if last == "localhost":
        return "unusable"  # RFC 6761 section 6.3
    return "dubious" if last == exchange or last in LOCAL_SUFFIXES else "plausible"


def ask_health(hosts: Sequence[str], allow_private: bool = False) -> Hosts:
    """The dialogue about exchanges, best first -> their health, and the answers that it follows from.

    local: each address that any of them has is one of LOCAL_NETWORKS. dangling: they have none, or don't exist.
    unproven: a question failed, or there are too many of them.
    """
    seen: tuple[Answer, ...] = ()
    for kind in ("A", "AAAA"):
        answers = yield tuple((host, kind) for host in hosts[:ASKED_MOST])
        seen += answers
        if any(allow_private or not is_local(address) for address in _addresses(answers)):
            return "reachable", seen
    if len(hosts) > ASKED_MOST or any(answer.failure for answer in seen):
        return "unproven", seen
    return "local" if any(_addresses(seen)) else "dangling", seen


def is_reachable(address: str, allow_private: bool = False) -> bool:
    """Can mail from outside be sent to an IP address? It is global and unicast, unless private ones are allowed."""
    ip = _behind(ipaddress.ip_address(address))
    if ip.is_multicast or ip.is_unspecified:
        return False
    return allow_private or (ip.is_global and not getattr(ip, "is_site_local", False))


def is_local(address: str) -> bool:
    """Does an IP address lead to ourselves, into our own network, or to no single host?

    Narrower than not is_reachable: an exchange is somebody's explicit word that a host takes mail, and only what can
    harm or can't be meant speaks against it. Space for documentation and benchmarks (RFC 5737, 2544) is neither.
    """
    ip = _behind(ipaddress.ip_address(address))
    return any(ip in network for network in LOCAL_NETWORKS)


def _behind(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 address leads to, where it stands for one: mapped, 6to4 (RFC 3056), NAT64."""
    if isinstance(ip, IPv4Address):
        return ip
    if any(ip in network for network in _NAT64):
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or ip


def _addresses(answers: Iterable[Answer]) -> list[str]:
    return [record.address for answer in answers for record in answer.records]


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower().rstrip(".")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
