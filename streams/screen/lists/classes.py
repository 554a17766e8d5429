"""Classes of an address by the lists that ship.

disposable, relay, free: of the domain. role, honeypot, machine-made: of the local part. parked: of the mail service.
A class says what something is, not what to do about it: no list rejects by itself.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.metadata import version

from disposable_email_domains import blocklist

from sidestep.schemas import Listing, MxFinding
from sidestep.streams.screen.address.domain import parents
from sidestep.streams.screen.address.local_part import comparable_local
from sidestep.streams.screen.lists.honeypots import honeypots
from sidestep.streams.screen.lists.machine_made import machine_made, machine_made_version
from sidestep.streams.screen.lists.mailbox_providers import large_providers, large_webmail, word_names
from sidestep.streams.screen.lists.mx_providers import listed_suffix, parking_services, providers_version
from sidestep.streams.screen.lists.shipped import fingerprint, read_table, read_words
from sidestep.streams.screen.lists.typo import faint_misses

REMEMBERED = 100_000
"""Local parts whose classes are remembered; some 20 MB."""


@dataclass(frozen=True)
class Lists:
    """The lists at one version. Domains are lower-case A-labels."""

    disposable: frozenset[str]
    relay: frozenset[str]
    free: frozenset[str]
    role: frozenset[str]
    misspelled: frozenset[str]
    faint: frozenset[str]
    """Domains that are a key away from a large provider's."""
    versions: dict[str, str]
    """Versions by list. Of a list from a package: the package's, then the fingerprint of what is used of it."""

    @property
    def version(self) -> str:
        """The version of all lists together."""
        return version_of_lists(self.versions)

    def domain_classes(self, domain: str) -> tuple[str, ...]:
        """The classes of a domain: disposable or relay, also for names below a listed one; free, for the name alone."""
        names = tuple(parents(domain))
        found = []
        if not self.relay.isdisjoint(names):
            found.append("relay")
        elif not self.disposable.isdisjoint(names):
            found.append("disposable")
        if domain in self.free:
            found.append("free")
        return tuple(found)

    @cached_property
    def local_classes(self) -> Callable[[str], tuple[str, ...]]:
        """The classes of a local part, unquoted and case as given: role, honeypot or machine-made.

        role: it names a function, such as info, no-reply, Accounts-Payable+2024. At most one class holds.
        """
        # most mail goes to people who got some before; working it out takes a fifth of Screen's whole time
        return lru_cache(REMEMBERED)(self._classes_of)

    def _classes_of(self, local: str) -> tuple[str, ...]:
        if comparable_local(local) in self.role:
            return ("role",)
        if honeypots().entry(local):
            return ("honeypot",)
        return ("machine-made",) if machine_made().matches(local) else ()

    def matches(self, local: str, domain: str, mx: MxFinding | None = None) -> list[Listing]:
        """The listings behind the classes of an address, and of misspellings: every entry, by list."""
        found = [*self._domain_entries(domain), *self._local_entries(local)]
        if mx is not None and mx_classes(mx):
            found.append(("parked", listed_suffix(mx.exchanges) or mx.provider))
        return [Listing(name, self.versions[name], entry) for name, entry in found]

    def _domain_entries(self, domain: str) -> Iterator[tuple[str, str]]:
        for name, entries in (("relay", self.relay), ("disposable", self.disposable)):
            entry = next((parent for parent in parents(domain) if parent in entries), "")
            if entry:
                yield name, entry
                break  # as domain_classes: a relay is never disposable
        if domain in self.free:
            yield "free", domain
        if domain in self.misspelled:
            yield "misspellings", domain

    def _local_entries(self, local: str) -> Iterator[tuple[str, str]]:
        classes = self.local_classes(local)
        if "role" in classes:
            yield "role", comparable_local(local)
        elif "honeypot" in classes:
            yield "honeypot", honeypots().entry(local)


def version_of_lists(versions: Mapping[str, str]) -> str:
    """The version of some lists together: 12 hex digits, which change whenever an answer could."""
    return fingerprint(f"{name} {version}" for name, version in versions.items())


def load_lists() -> Lists:
    """The lists that ship, and the one of the package disposable-email-domains. Takes some 50 ms: call it once."""
    table = read_table("misspellings")
    misspellings = frozenset(slip for slips in table.values() for slip in slips)
    relay = read_words("relays")
    free = (large_webmail() | read_words("free_providers")) - misspellings
    disposable = frozenset(blocklist) - relay - free - large_providers()
    role = frozenset(comparable_local(name) for name in read_words("role_local_parts"))
    faint = faint_misses() - misspellings - relay - free - disposable
    versions = {
        "disposable": f"{version('disposable-email-domains')}-{fingerprint(disposable)}",
        "relay": fingerprint(relay),
        "free": fingerprint(free),
        "role": fingerprint(role),
        "large": fingerprint(large_providers()),
        "top-levels": fingerprint(
            f"{name} {entry}" for name, some in read_table("top_levels").items() for entry in some
        ),
        "words": fingerprint(word_names()),
        "misspellings": fingerprint(f"{slip} {meant}" for meant, slips in table.items() for slip in slips),
        "real": fingerprint(read_words("real_domains")),
        "publicsuffix": version("publicsuffixlist"),
        "honeypot": honeypots().version,
        "machine-made": machine_made_version(),
        "parked": providers_version(),
        "faint": fingerprint(faint),
    }
    return Lists(disposable, relay, free, role, misspellings, faint, versions)


def mx_classes(mx: MxFinding | None) -> tuple[str, ...]:
    """The classes of a mail service: parked, where a parking service takes the mail and nobody reads it."""
    return ("parked",) if mx is not None and mx.provider in parking_services() else ()
