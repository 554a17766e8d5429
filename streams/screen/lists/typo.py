"""Slips: is a domain a slip of a large provider's, or of a top-level domain? Known ones first; in doubt, none.

Pure look-ups in lists that ship with Sidestep; the caller keeps the answer with the domain.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import NamedTuple

from rapidfuzz import process
from rapidfuzz.distance import OSA

from sidestep.streams.screen.address.domain import suffixes
from sidestep.streams.screen.address.mailbox import mailbox_rules
from sidestep.streams.screen.lists import key_slips, top_levels
from sidestep.streams.screen.lists.mailbox_providers import large_providers, word_names
from sidestep.streams.screen.lists.shipped import read_table, read_words

SHORTEST = 5
"""Letters of a name: shorter ones (aol, live, qq) have too many real neighbours (aon.com, love.com)."""
LONG = 8
"""Letters of a name from which on two slips still leave no doubt about it."""


class NearMiss(NamedTuple):
    """A near miss: a domain close to a large provider's, which is `domain`."""

    domain: str
    certain: bool
    """Whether the curated list of misspellings has it. Otherwise it is only near: a sign, not a proof."""
    distance: int
    """Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment)."""
    top_level: bool = False
    """Whether it is near for its top-level domain alone, which does not exist: then `domain` is anybody's."""


class Typos:
    """The lists of misspellings and names, arranged for look-up."""

    def __init__(
        self,
        misspellings: Mapping[str, Iterable[str]],
        large: Iterable[str],
        real: Iterable[str],
        words: Iterable[str] = (),
    ):
        """`words`: names of large providers that only a broken suffix may lead to, being ordinary words."""
        self.known = {slip: meant for meant, slips in misspellings.items() for slip in slips}
        self.real = frozenset(real)
        self.suffixes_of: dict[str, list[str]] = {}
        """Name of a large provider -> the suffixes it is found under: yahoo -> com, co.uk, …"""
        for domain in large:
            name, _, suffix = domain.partition(".")
            self.suffixes_of.setdefault(name, []).append(suffix)
        self.names = list(self.suffixes_of)
        ordinary = frozenset(words)
        self.slips = {name: 0 if name in ordinary else slips_allowed(name) for name in self.names}
        self.slips_most = max(self.slips.values(), default=0)

    def suggest(self, domain: str) -> NearMiss | None:
        """The near miss that a lower-case A-label domain is; None for real domains, for far ones and on a tie."""
        meant = self.known.get(domain)
        if meant:
            return NearMiss(meant, True, OSA.distance(domain, meant))
        name, _, suffix = domain.partition(".")
        exists = suffixes().is_public(suffix, accept_unknown=False)
        if domain in self.real or (exists and f"{name}.*" in self.real):
            return None
        return _nearest(self._candidates(name, suffix, exists))

    def _candidates(self, name: str, suffix: str, suffix_exists: bool) -> list[NearMiss]:
        # A suffix that exists was meant: gmail.co.uk is no slip of gmail.com, and company.io none of company.com.
        slips = 0 if suffix_exists else 1
        return [
            NearMiss(f"{target}.{ending}", False, in_name + int(in_suffix))
            for target, in_name in self._near_names(name)
            for ending, in_suffix, _ in process.extract(
                suffix, self.suffixes_of[target], scorer=OSA.distance, score_cutoff=slips, limit=None
            )
        ]

    def _near_names(self, name: str) -> list[tuple[str, int]]:
        found = process.extract(name, self.names, scorer=OSA.distance, score_cutoff=self.slips_most, limit=None)
        # People rarely miss the first letter, but real names differ in it: hmail, ymail, cloud, horizon.
        return [
            (target, int(distance))
            for target, distance, _ in found
            if distance <= self.slips[target] and target[0] == name[:1]
        ]


def slips_allowed(name: str) -> int:
    """The number of slips in a provider's name that still leave no doubt."""
    if len(name) < SHORTEST:
        return 0
    return 2 if len(name) >= LONG else 1


def suggest(domain: str) -> NearMiss | None:
    """The near miss that a domain is by the lists that ship: of a large provider's, see Typos.suggest, or else of its
    own name under a top-level domain that exists."""
    return typos().suggest(domain) or _under_another_top_level(domain)


def _under_another_top_level(domain: str) -> NearMiss | None:
    meant = top_levels.meant_domain(domain)
    return NearMiss(meant, False, OSA.distance(domain, meant), True) if meant else None


@cache
def faint_misses() -> frozenset[str]:
    """The domains that a slip of one key makes of a large provider's, names that suggest() has nothing to say of among
    them: too short, ordinary words, another first letter. By itself that means nothing."""
    left_alone = typos().real
    names = {domain.partition(".")[0] for domain in large_providers()}
    slips = {name: set(key_slips.key_slips(name)) for name in names if len(name) >= key_slips.SHORTEST}
    found = {
        f"{slip}.{ending}"
        for name, _, ending in (domain.partition(".") for domain in large_providers())
        for slip in slips.get(name, ())
        if len(slip) >= key_slips.SHORTEST and f"{slip}.*" not in left_alone
    }
    return frozenset(found) - left_alone


@cache
def typos() -> Typos:
    """The lists that ship, read once and arranged for look-up."""
    large = large_providers()
    names = {domain.partition(".")[0] for domain in large}
    # the same providers under other suffixes: as likely meant as those that are large there
    meant = large | {domain for domain in mailbox_rules() if domain.partition(".")[0] in names}
    left_alone = meant | read_words("free_providers") | read_words("relays") | read_words("real_domains")
    return Typos(read_table("misspellings"), sorted(meant), left_alone, word_names())


def _nearest(candidates: list[NearMiss]) -> NearMiss | None:
    if not candidates:
        return None
    least = min(candidate.distance for candidate in candidates)
    nearest = [candidate for candidate in candidates if candidate.distance == least]
    return nearest[0] if len(nearest) == 1 else None
