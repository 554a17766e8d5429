"""Trust in the name servers: what follows from the answers about canaries and made-up names, and what may be believed
of the servers' other answers. Pure.

Two ways of lying are told apart. In a network without a way out, name servers deny every name: canaries, which
certainly exist, are denied too. A captive portal answers every name with an address of its own: so it does for made-up
names, which certainly do not exist. Silence says neither.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from sidestep.schemas import MxFinding
from sidestep.streams.screen.dns.answer import Answer
from sidestep.streams.screen.dns.mx import is_null_mx

DENIES_ALL = "resolver-denies-all"
"""Reason of an unknown: a "no" of name servers that deny canaries."""

ANSWERS_ALL = "resolver-answers-all"
"""Reason of an unknown: an address from name servers that have one for every name."""

DISTRUST = (DENIES_ALL, ANSWERS_ALL)

DISTRUST_TTL = 5
"""Seconds that an unknown of distrust holds: when the name servers are mended, the next attempt finds out."""

RESERVED = "invalid"
"""No name below it exists in any DNS (RFC 6761 section 6.4). Many resolvers answer for it without asking anybody, so
that alone it says little of what lies behind them."""

SHOWN = 3
"""Names and addresses that a sentence shows."""

ON_ADDRESSES = frozenset({"address", "no-global-address", "mx-not-global"})
"""Reasons of findings that rest on the address that a name has."""

Said = Literal["exists", "denied", "silent"]


@dataclass(frozen=True, slots=True)
class Trust:
    """What speaks against the name servers; nothing as long as nobody has caught them lying."""

    denied: tuple[str, ...] = ()
    """Canaries that they deny, where that is most of them."""
    invented: tuple[str, ...] = ()
    """Addresses that they give to names that do not exist."""

    @property
    def sound(self) -> bool:
        """Are they to be believed?"""
        return not (self.denied or self.invented)

    @property
    def reasons(self) -> tuple[str, ...]:
        """A clause for each way of lying; "they" are the name servers."""
        denied = f"they deny domains that certainly exist: {_some(self.denied)}"
        invented = f"they give an address to names that do not exist: {_some(self.invented)}"
        return ((denied,) if self.denied else ()) + ((invented,) if self.invented else ())


def canary_said(answer: Answer) -> Said:
    """What the answer to a canary's MX question says. No data is a denial too, and so is a null MX (RFC 7505)."""
    if answer.failure:
        return "silent"
    return "exists" if answer.records and not is_null_mx(answer.records) else "denied"


def denied_canaries(said: Mapping[str, Said]) -> tuple[str, ...] | None:
    """What canaries said -> those that are denied, where they are the majority of those that anything was said of, else
    none; None where nothing was said.
    """
    denied = tuple(sorted(name for name, each in said.items() if each == "denied"))
    spoken = sum(each != "silent" for each in said.values())
    if not spoken:
        return None
    return denied if 2 * len(denied) > spoken else ()


def invented_addresses(given: Mapping[str, Collection[str] | None]) -> tuple[str, ...] | None:
    """The addresses given to made-up names (None: no answer) -> those that were invented; None where nothing was said.

    An address below RESERVED is; elsewhere a domain may have a wildcard of its own (RFC 4592), so that only an address
    that made-up names of several domains share is.
    """
    answered = {name: set(addresses) for name, addresses in given.items() if addresses is not None}
    if not answered:
        return None
    counts = Counter(address for addresses in answered.values() for address in addresses)
    reserved = {a for name, addresses in answered.items() if name.endswith(f".{RESERVED}") for a in addresses}
    return tuple(sorted(reserved | {address for address, count in counts.items() if count > 1}))


def rests_on_denial(finding: MxFinding) -> bool:
    """Does a finding follow from what name servers deny? Each "no" is taken for that: it costs an intent its mail."""
    return finding.outcome == "no"


def rests_on_addresses(finding: MxFinding) -> bool:
    """Does a finding follow from the address that a name was given?"""
    return finding.outcome != "unknown" and finding.reason in ON_ADDRESSES


def believed(finding: MxFinding, trust: Trust) -> MxFinding:
    """The finding as far as the name servers can be believed."""
    if trust.invented and rests_on_addresses(finding):
        return MxFinding("unknown", ANSWERS_ALL, ttl=DISTRUST_TTL)
    if trust.denied and rests_on_denial(finding):
        return MxFinding("unknown", DENIES_ALL, ttl=DISTRUST_TTL)
    return finding


def _some(things: tuple[str, ...]) -> str:
    more = len(things) - SHOWN
    return ", ".join(things[:SHOWN]) + (f" and {more} more" if more > 0 else "")
