"""The allow-list of the mailbox probe: about whom it may ask which exchange. Pure."""

from functools import cache
from typing import NamedTuple

from sidestep.schemas import MxFinding
from sidestep.streams.errors import SourcesError
from sidestep.streams.gcra import Rate, parse_rate
from sidestep.streams.screen.address.domain import is_host_name, read_domain, registrable
from sidestep.streams.screen.address.local_part import comparable_local
from sidestep.streams.screen.address.parse import ParsedAddress, parse
from sidestep.streams.screen.lists.honeypots import honeypots
from sidestep.streams.screen.lists.mx_providers import parking_services, provider_of
from sidestep.streams.screen.lists.shipped import read_table, read_words
from sidestep.streams.screen.sources.file import Probe

EXCHANGES_MOST = 2
"""Exchanges that are tried for one address."""


class AllowList(NamedTuple):
    """The allow-list: recipient domains and MX providers that may be asked about, and how fast."""

    enabled: bool
    domains: frozenset[str]
    providers: frozenset[str]
    rate: Rate

    def exchanges(self, address: ParsedAddress, mx: MxFinding) -> tuple[str, ...]:
        """The exchanges to ask about an address, best preference first; none: nobody may be asked.

        By the provider only its own hosts: anybody can put somebody else's exchange below their own.
        """
        if not self.enabled or address.reason or mx.outcome != "yes" or mx.provider in parking_services():
            return ()
        if address.domain not in self.domains and mx.provider not in self.providers:
            return ()
        if not _is_a_persons(address.local):
            return ()
        hosts = mx.exchanges or (address.domain,)  # RFC 5321 5.1: without an MX the domain itself
        if address.domain not in self.domains:
            hosts = tuple(host for host in hosts if provider_of((host,)) in self.providers)
        return hosts[:EXCHANGES_MOST]


def allow_list(settings: Probe) -> AllowList:
    """The allow-list of a probe's settings. Raises SourcesError for settings of no use, unless the probe is off."""
    if not settings.enabled:
        return AllowList(False, frozenset(), frozenset(), parse_rate("1/day"))
    if not is_host_name(settings.helo.lower()):
        raise SourcesError("[probe] helo: give the host name that this machine's address resolves to, and that to it")
    sender = parse(settings.mail_from) if settings.mail_from else None
    if sender is not None and (sender.reason or not sender.normalized.isascii()):
        raise SourcesError("[probe] mail_from: give a plain address of yours, or leave it empty for the null sender")
    if not settings.domains and not settings.providers:
        raise SourcesError("[probe] is enabled but nobody may be asked: name some domains or providers")
    return AllowList(True, _domains(settings.domains), _providers(settings.providers), _rate(settings.rate))


def _domains(names: tuple[str, ...]) -> frozenset[str]:
    read = {name: read_domain(name) for name in names}
    faulty = next((name for name, domain in read.items() if domain.reason), None)
    if faulty is not None:
        raise SourcesError(f"[probe] domains: {faulty!r} is not a domain name ({read[faulty].reason})")
    return frozenset(domain.name for domain in read.values())


def _providers(names: tuple[str, ...]) -> frozenset[str]:
    table = read_table("mx_providers")
    unknown = next((name for name in names if name not in table["mailbox"] and name not in table["gateway"]), None)
    if unknown is not None:
        raise SourcesError(f"[probe] providers: {unknown!r} is none of screen/lists/data/mx_providers.toml")
    return frozenset(names)


def _rate(text: str) -> Rate:
    try:
        return parse_rate(text)
    except ValueError as error:
        raise SourcesError(f"[probe] rate: {error}") from None


def _is_a_persons(local: str) -> bool:
    """Roles are read by those who look for probes, and traps report them. postmaster is there by RFC 5321 4.5.1."""
    bare = comparable_local(local)
    return (bare == "postmaster" or bare not in _roles()) and not honeypots().entry(local)


@cache
def _roles() -> frozenset[str]:
    return frozenset(comparable_local(name) for name in read_words("role_local_parts"))


def operator_of(exchange: str) -> str:
    """The operator of an exchange: MX provider or registrable domain. Its many hosts share one rate and one circuit."""
    return provider_of((exchange,)) or registrable(exchange)
