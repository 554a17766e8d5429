"""What a soak comes to: who was acknowledged, who has how many verdicts, how workers ended. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Self

from tests.guarantees.harness.records import Key

Name = int | Key
"""An intent of the plain load by its number, one of the mixed traffic by its key."""

BY_ITSELF = 3
"""Exit code of a worker that can't go on and says why."""
LOOP = 3
"""So many ends in a row, while nothing is wrong around the worker: it will never work again by itself."""


class Counts:
    """How often each name was counted. An octet for each number: a soak has millions of them."""

    def __init__(self) -> None:
        self._numbers = bytearray()
        self._keys: Counter[Key] = Counter()

    def add(self, name: Name) -> int:
        """One more; how many that makes, 255 at the most."""
        if not isinstance(name, int):
            self._keys[name] += 1
            return self._keys[name]
        if name >= len(self._numbers):
            self._numbers.extend(bytes(name + 1024 - len(self._numbers)))
        self._numbers[name] = min(255, self._numbers[name] + 1)
        return self._numbers[name]

    def __getitem__(self, name: Name) -> int:
        if isinstance(name, int):
            return self._numbers[name] if name < len(self._numbers) else 0
        return self._keys.get(name, 0)

    def names(self) -> Iterator[Name]:
        """Whatever was counted at least once."""
        yield from (number for number, count in enumerate(self._numbers) if count)
        yield from self._keys


@dataclass
class Account:
    """Intents and their verdicts. Not thread-safe."""

    sent: Counts = field(default_factory=Counts)
    taken: Counts = field(default_factory=Counts)
    judged: Counts = field(default_factory=Counts)
    acknowledged: int = 0
    """Intents that Kafka has, each once, however often it was published."""
    verdicts: int = 0
    behind: int = 0
    """Acknowledged, and without a verdict so far."""

    def acknowledge(self, name: Name) -> None:
        """Kafka has taken this intent."""
        if self.taken.add(name) == 1:
            self.acknowledged += 1
            self.behind += not self.judged[name]

    def judge(self, name: Name) -> None:
        """A verdict was read."""
        self.verdicts += 1
        if self.judged.add(name) == 1:
            self.behind -= bool(self.taken[name])

    def anew(self) -> Self:
        """The same intents without any verdict, to read those again from the beginning."""
        return type(self)(self.sent, self.taken, Counts(), self.acknowledged, 0, self.acknowledged)

    def lost(self) -> list[Name]:
        """Acknowledged, without a verdict."""
        return [name for name in self.taken.names() if not self.judged[name]]

    def repeated(self) -> list[Name]:
        """With more than one verdict."""
        return [name for name in self.judged.names() if self.judged[name] > 1]

    def strange(self) -> list[Name]:
        """Verdicts about what nobody has sent."""
        return [name for name in self.judged.names() if not self.sent[name]]


@dataclass(frozen=True)
class Exit:
    """How a worker has ended. `cause`: "" by itself, "kill" or "term" by us, "hung" when it did not heed SIGTERM.

    `calm`: nothing was wrong around it while it lived.
    """

    worker: int
    code: int
    cause: str
    calm: bool


def ends(exits: Sequence[Exit]) -> str:
    """How often workers ended how, for people."""
    counts = Counter((each.cause or "by itself", each.code) for each in exits)
    return "; ".join(f"{cause} with {code}: {count}" for (cause, code), count in sorted(counts.items()))


def bad_exits(exits: Sequence[Exit]) -> list[str]:
    """A sentence for each way in which a worker must not end."""
    said = Counter(text for each in exits if (text := _bad(each)))
    found = [f"{text}, {count} times" if count > 1 else text for text, count in said.items()]
    return found + [f"worker {number} ended again and again with nothing wrong around it" for number in _loops(exits)]


def _bad(end: Exit) -> str:
    if end.cause == "hung":
        return f"worker {end.worker} did not end when it was told to"
    # -15: it was told to end before it had begun
    allowed = {"": {BY_ITSELF}, "kill": {-9, BY_ITSELF, 0}, "term": {0, BY_ITSELF, -15}}[end.cause]
    asked = "by itself" if not end.cause else f"after {end.cause}"
    return "" if end.code in allowed else f"worker {end.worker} ended {asked} with {end.code}"


def _loops(exits: Sequence[Exit]) -> list[int]:
    row: Counter[int] = Counter()
    found = set()
    for each in exits:
        row[each.worker] = row[each.worker] + 1 if each.cause == "" and each.calm else 0
        if row[each.worker] == LOOP:
            found.add(each.worker)
    return sorted(found)


@dataclass(frozen=True)
class Outcome:
    """The last line of a soak, and whether it is to be content with."""

    acknowledged: int
    verdicts: int
    stalled: int
    """Without a verdict when everything was healed and no more came, before workers were restarted."""
    lost: int
    """… and after that."""
    repeated: int
    kills: int
    faults: int
    failures: tuple[str, ...] = ()
    """Whatever else must not be, a sentence each."""

    @property
    def fine(self) -> bool:
        """Exactly one verdict for each, in time, and nothing else to complain of."""
        return not (self.stalled or self.lost or self.repeated or self.failures)

    def __str__(self) -> str:
        return (
            f"acknowledged={self.acknowledged} verdicts={self.verdicts} stalled={self.stalled} lost={self.lost} "
            f"repeated={self.repeated} kills={self.kills} faults={self.faults}"
        )
