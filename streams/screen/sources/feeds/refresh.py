"""A refresh of a feed: how far it is, what came of it, and the feed's status since. Pure."""

from typing import Literal, Protocol

from msgspec import Struct

RefreshOutcome = Literal["taken", "unchanged", "refused", "failed"]


class Refresh(Struct, frozen=True):
    """A refresh of one feed, when it has ended."""

    name: str
    outcome: RefreshOutcome
    """Refused: what came must not be used. Failed: nothing came. Both leave the last good form in use."""
    why: tuple[str, ...] = ()
    """Sentences; of a list that was taken, those about lines that were left out."""
    entries: int = 0
    """Number of entries of the form in use afterwards."""
    version: str = ""
    octets: int = 0
    """Size of the files that came."""

    @property
    def sound(self) -> bool:
        """Whether nobody has to look at it."""
        return self.outcome in ("taken", "unchanged")

    @property
    def sentence(self) -> str:
        """The refresh in one line."""
        text = f"{self.name}: {self.outcome}"
        if self.outcome == "taken":
            text += f", {self.entries} entries, version {self.version}"
        return "; ".join((text, *self.why))


class FeedStatus(Struct, frozen=True):
    """The status of a feed. Times are milliseconds since 1970, 0 for never."""

    name: str
    kind: str
    source: str
    """Without secrets."""
    entries: int
    version: str
    """Empty: nothing was ever taken."""
    taken_at: int
    checked_at: int
    outcome: str
    """Outcome of the last refresh; empty: there was none."""
    why: tuple[str, ...]
    next_at: int


class RefreshProgress(Protocol):
    """The progress of refreshes, as an audience hears it. Called from several threads."""

    def octets(self, name: str, count: int) -> None:
        """So many octets have come so far."""

    def lines(self, name: str, count: int) -> None:
        """So many lines have been read so far."""

    def done(self, refresh: Refresh) -> None:
        """The refresh of that feed has ended."""


class NoProgress:
    """The progress that nobody hears."""

    def octets(self, name: str, count: int) -> None:
        """Nothing."""

    def lines(self, name: str, count: int) -> None:
        """Nothing."""

    def done(self, refresh: Refresh) -> None:
        """Nothing."""


class CountedProgress:
    """The progress that somebody hears, with the octets that have come noted by the feed's name."""

    def __init__(self, progress: RefreshProgress, octets: dict[str, int]):
        self._progress = progress
        self._octets = octets

    def octets(self, name: str, count: int) -> None:
        """Noted, and told."""
        self._octets[name] = count
        self._progress.octets(name, count)

    def lines(self, name: str, count: int) -> None:
        """Told."""
        self._progress.lines(name, count)

    def done(self, refresh: Refresh) -> None:
        """Told."""
        self._progress.done(refresh)
