"""The gate: what speaks against taking a new version of a feed, as sentences. Pure."""

from collections.abc import Collection, Iterable, Iterator
from fractions import Fraction

from msgspec import Struct

from sidestep.streams.screen.address.domain import parents
from sidestep.streams.screen.lists.mx_providers import serving_many
from sidestep.streams.screen.sources.feeds.packed import DigestSet, NameSet
from sidestep.streams.screen.sources.feeds.parse import EntryKind, ParsedFeed, thresholds


class GateFaults(Struct, frozen=True):
    """The faults of a feed's new version; without any it may be taken."""

    unsound: tuple[str, ...] = ()
    """Faults that nobody can overrule."""
    resized: str = ""
    replaced: str = ""
    """Faults that a person who has looked at the list can overrule."""

    @property
    def doubts(self) -> tuple[str, ...]:
        """The faults that a person can overrule."""
        return tuple(filter(None, (self.resized, self.replaced)))

    @property
    def sentences(self) -> tuple[str, ...]:
        """The faults, all of them."""
        return (*self.unsound, *self.doubts)


def gate(parsed: ParsedFeed, kind: EntryKind, previous: int | None, large: Collection[str]) -> GateFaults:
    """The faults of a feed that was read. `previous`: entries of the version in use, None where there is none.

    `large`: domains that no list may hit.
    """
    unsound = [*_unreadable(parsed)]
    if not (parsed.entries or unsound or previous):
        unsound.append("it has no entries: an upload that is not finished, or the wrong folder")
    if kind in ("domains", "exchanges"):
        unsound += _hits(parsed.entries, large if kind == "domains" else serving_many())
    return GateFaults(tuple(unsound), resized(len(parsed.entries), previous or 0))


def resized(size: int, previous: int) -> str:
    """The sentence against a feed that changed its size too much; "" for one that may be taken."""
    share = Fraction(thresholds()["size_change"])
    if not previous or abs(size - previous) <= previous * share:
        return ""
    return f"{size} entries instead of {previous}: changed by more than {'a third' if share * 3 == 1 else share}"


def replaced(before: NameSet | DigestSet, now: NameSet | DigestSet) -> str:
    """The sentence against a feed most of whose entries are others than before; "" for one that may be taken.

    Whoever holds the server of a list may change every line of it and keep its size, to which `resized` says nothing.
    """
    share = Fraction(thresholds()["gone_share"])
    if len(before) < thresholds()["gone_least"]:
        return ""
    gone = sum(entry not in now for entry in before)
    if gone <= len(before) * share:
        return ""
    return f"{gone} of {len(before)} entries are gone: more than {'half' if share * 2 == 1 else share}"


def _unreadable(parsed: ParsedFeed) -> Iterator[str]:
    share = thresholds()["unreadable_share"]
    if parsed.unreadable > parsed.lines * share:
        yield f"{parsed.unreadable} of {parsed.lines} lines are unreadable, more than {share:.0%}"
        yield from parsed.examples


def _hits(entries: Iterable[object], large: Collection[str]) -> Iterator[str]:
    above = [(name, provider) for provider in sorted(large) for name in parents(provider)]
    wanted = {name for name, _ in above}
    found = {entry for entry in entries if entry in wanted}
    for entry, provider in above:
        if entry in found:
            yield f"{entry} is a large provider" if entry == provider else f"{entry} hits {provider}, a large provider"
