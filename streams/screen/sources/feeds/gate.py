"""The quality gate: what speaks against taking a new version of a feed, as sentences. Pure."""

from collections.abc import Collection, Iterable, Iterator
from fractions import Fraction

from msgspec import Struct

from sidestep.streams.screen.address.domain import parents
from sidestep.streams.screen.sources.feeds.parse import Kind, Reading, thresholds


class Faults(Struct, frozen=True):
    """None: it may be taken."""

    unsound: tuple[str, ...] = ()
    """Nobody can overrule these."""
    resized: str = ""
    """This, a person who has looked at the list can."""

    @property
    def sentences(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.unsound, self.resized) if self.resized else self.unsound


def gate(reading: Reading, kind: Kind, previous: int | None, large: Collection[str]) -> Faults:
    """`previous`: entries of the version in use, None where there is none. `large`: domains that no list may hit."""
    unsound = [*_unreadable(reading)]
    if not (reading.entries or unsound or previous):
        unsound.append("it has no entries: an upload that is not finished, or the wrong folder")
    if kind == "domains":
        unsound += _hits(reading.entries, large)
    return Faults(tuple(unsound), resized(len(reading.entries), previous or 0))


def resized(size: int, previous: int) -> str:
    """The sentence against a list that changed its size too much; "" for one that may be taken."""
    share = Fraction(thresholds()["size_change"])
    if not previous or abs(size - previous) <= previous * share:
        return ""
    return f"{size} entries instead of {previous}: changed by more than {'a third' if share * 3 == 1 else share}"


def _unreadable(reading: Reading) -> Iterator[str]:
    share = thresholds()["unreadable_share"]
    if reading.unreadable > reading.lines * share:
        yield f"{reading.unreadable} of {reading.lines} lines are unreadable, more than {share:.0%}"
        yield from reading.examples


def _hits(entries: Iterable[object], large: Collection[str]) -> Iterator[str]:
    above = [(name, provider) for provider in sorted(large) for name in parents(provider)]
    wanted = {name for name, _ in above}
    found = {entry for entry in entries if entry in wanted}
    for entry, provider in above:
        if entry in found:
            yield f"{entry} is a large provider" if entry == provider else f"{entry} hits {provider}, a large provider"
