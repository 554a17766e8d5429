"""What was counted over a list: verdicts, reasons, sources, and kinds of rows that tell a bad list. Pure."""

import tomllib
from collections import Counter
from collections.abc import Mapping
from importlib.resources import files
from typing import NamedTuple

from sidestep.streams.importing.row_answer import RowAnswer
from sidestep.streams.importing.told_histories import HISTORY_RULES
from sidestep.streams.masking import without_local_parts

SOURCES_MAX = 1_000
PROVIDERS_MAX = 1_000
SOURCE_NAME_MAX = 60
PAST_STOPS_MAX = 50
"""Rows that are told one by one; the list that comes back has all."""
OTHERS = "(all others)"
"""Sources beyond the most that are told apart, and providers: the memory of a run is bounded."""


class ListKind(NamedTuple):
    """A kind of rows, and from when on a list with so many is bad as a whole."""

    name: str
    rules: frozenset[str]
    share: float
    least: int
    text: str
    advice: str
    """Told of the list alone; begins with its own punctuation."""


class BadWhole(NamedTuple):
    """That a list, or a source of it, is bad as a whole: so many of so many rows are of the kind."""

    source: str | None
    """None: the whole list."""
    kind: ListKind
    bad: int
    of: int


class PastStop(NamedTuple):
    """A row that is stopped by what happened before: its number from 1, the rule, and why."""

    row: int
    rule: str
    sentence: str


class ImportCounts:
    """The counts of one list."""

    def __init__(self, kinds: tuple[ListKind, ...], source_rows: int) -> None:
        self._kinds = kinds
        self._source_rows = source_rows
        self.rows = self.empty = self.duplicates = self.suggestions = 0
        self.usable = 0
        """Rows to send to, each mailbox once."""
        self.verdicts: Counter[str] = Counter()
        self.reasons: Counter[tuple[str, str]] = Counter()
        """By verdict and the rule that stops."""
        self.past: Counter[str] = Counter()
        """By rule: rows that are stopped by what happened before."""
        self.past_stops: list[PastStop] = []
        """The first of them."""
        self.flags: Counter[str] = Counter()
        self.providers: Counter[str] = Counter()
        self.sources: dict[str, Counter[str]] = {}
        """By source: verdicts, kinds, and `rows`."""
        self.kinds: Counter[str] = Counter()

    def add(self, answer: RowAnswer, source: str | None, empty: bool) -> None:
        """One row, the next of the list. `source`: None where the list has no such column."""
        self.rows += 1
        self.empty += empty
        self.duplicates += answer.duplicate_of is not None
        self.suggestions += bool(answer.suggestion)
        self.usable += answer.verdict == "send" and answer.duplicate_of is None
        self.verdicts[answer.verdict] += 1
        self.flags.update(answer.flags)
        if answer.reason:
            self.reasons[answer.verdict, answer.reason] += 1
        if answer.reason in HISTORY_RULES:
            self._add_past(PastStop(self.rows, answer.reason, answer.sentence))
        _count(self.providers, answer.provider or "(none known)", PROVIDERS_MAX)
        kinds = self._kinds_of(answer)
        self.kinds.update(kinds)
        if source is not None:
            self._source(source).update([*kinds, answer.verdict, "rows"])

    def _add_past(self, stop: PastStop) -> None:
        self.past[stop.rule] += 1
        if len(self.past_stops) < PAST_STOPS_MAX:
            self.past_stops.append(stop)

    def bad(self) -> list[BadWhole]:
        """What is bad as a whole: the list first, then sources, the largest first."""
        found = list(self._bad(None, self.kinds, self.rows))
        for name, counts in sorted(self.sources.items(), key=lambda each: (-each[1]["rows"], each[0])):
            if counts["rows"] >= self._source_rows and name != OTHERS:
                found += self._bad(name, counts, counts["rows"])
        return found

    def _bad(self, source: str | None, counts: Mapping[str, int], rows: int) -> list[BadWhole]:
        return [
            BadWhole(source, kind, counts[kind.name], rows)
            for kind in self._kinds
            if counts[kind.name] >= max(kind.least, kind.share * rows)
        ]

    def _kinds_of(self, answer: RowAnswer) -> list[str]:
        fired = {answer.reason, *answer.flags}
        found = [kind.name for kind in self._kinds if not kind.rules.isdisjoint(fired)]
        if answer.duplicate_of is not None:
            found.append("duplicates")
        if answer.verdict == "drop":
            found.append("stopped")
        return found

    def _source(self, name: str) -> Counter[str]:
        if name not in self.sources and len(self.sources) >= SOURCES_MAX:
            name = OTHERS
        return self.sources.setdefault(name, Counter())


def shipped_counts() -> ImportCounts:
    """Nothing counted yet, by the kinds of whole.toml."""
    table = tomllib.loads(files("sidestep.streams.importing").joinpath("whole.toml").read_text("utf-8"))
    kinds = (
        ListKind(name, frozenset(each["rules"]), each["share"], each["least"], each["text"], each["advice"])
        for name, each in table["kinds"].items()
    )
    return ImportCounts(tuple(kinds), table["source"]["rows"])


def source_name(cell: str) -> str:
    """A cell as a source is called in counts: short, and without addresses if it holds any."""
    return without_local_parts(cell.strip())[:SOURCE_NAME_MAX]


def _count(counts: Counter[str], name: str, most: int) -> None:
    counts[name if name in counts or len(counts) < most else OTHERS] += 1
