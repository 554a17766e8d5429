"""What came of a refresh, how far one is, and what is known of each feed. Pure."""

from typing import Literal, Protocol

from msgspec import Struct


class Outcome(Struct, frozen=True):
    """Of one feed's refresh."""

    name: str
    outcome: Literal["taken", "unchanged", "refused", "failed"]
    """Refused: it came and must not be used. Failed: nothing came. Both leave the last good form in use."""
    why: tuple[str, ...] = ()
    """Sentences; of a list that was taken, those about lines that were left out."""
    entries: int = 0
    """Of the form in use afterwards."""
    version: str = ""
    octets: int = 0
    """Of the files that came."""

    @property
    def sound(self) -> bool:
        """Nobody has to look at it."""
        return self.outcome in ("taken", "unchanged")

    @property
    def sentence(self) -> str:
        """The outcome in one line."""
        text = f"{self.name}: {self.outcome}"
        if self.outcome == "taken":
            text += f", {self.entries} entries, version {self.version}"
        return "; ".join((text, *self.why))


class FeedStatus(Struct, frozen=True):
    """Times are milliseconds since 1970, 0 for never."""

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
    """Of the last attempt; empty: there was none."""
    why: tuple[str, ...]
    next_at: int


class Progress(Protocol):
    """Hears how far each feed is. Called from several threads."""

    def octets(self, name: str, count: int) -> None:
        """So many have come so far."""

    def lines(self, name: str, count: int) -> None:
        """So many have been read so far."""

    def done(self, outcome: Outcome) -> None:
        """That feed is finished."""


class Silent:
    """A Progress for nobody."""

    def octets(self, name: str, count: int) -> None:
        """Nothing."""

    def lines(self, name: str, count: int) -> None:
        """Nothing."""

    def done(self, outcome: Outcome) -> None:
        """Nothing."""
