"""What `parse-feedback --explain` shows of an outcome: what was looked at, and what spoke for a reason, in order."""

from functools import cache
from typing import Any

from sidestep.streams.screen.feedback.classify import shipped, shipped_texts
from sidestep.streams.screen.feedback.diagnostic import Diagnostic
from sidestep.streams.screen.feedback.outcome import Outcome
from sidestep.streams.screen.feedback.why import Weighed, places_of, weighed
from sidestep.streams.terminal import printable

LOOKED_AT = ("status", "reply", "command", "action", "kind", "host", "reporter", "text")
"""Fields of a diagnostic that rules compare, besides the report's notice."""
WORDS_SHOWN = 200
WORDS = {"reply": "", "report": "in the whole report", "provider": "a category of the provider's own"}


def explanation(outcome: Outcome) -> dict[str, Any]:
    """As fields: what was looked at, and what was weighed."""
    diagnostic = outcome.diagnostic
    return {
        "looked_at": {} if diagnostic is None else {name: getattr(diagnostic, name) for name in LOOKED_AT},
        "weighed": [ruling._asdict() for ruling in _weighed(outcome)],
    }


def explained_lines(outcome: Outcome) -> list[str]:
    """As lines for people: `>` before what decided."""
    if outcome.diagnostic is None:
        return ["    nothing was weighed: its form says what it is"]
    found = _weighed(outcome)
    widths = [max(map(len, column)) for column in zip(*map(_columns, found), strict=True)]
    return [_looked_at(outcome.diagnostic), *(_line(number, it, widths) for number, it in enumerate(found, 1))]


def _weighed(outcome: Outcome) -> list[Weighed]:
    return weighed(outcome, shipped(), _places())


@cache
def _places() -> dict[str, str]:
    return places_of(shipped_texts())


def _looked_at(diagnostic: Diagnostic) -> str:
    told = {name: " ".join(getattr(diagnostic, name).split()) for name in LOOKED_AT}
    text = told.pop("text")
    said = ", ".join(f"{name} {value}" for name, value in told.items() if value)
    cut = text[:WORDS_SHOWN] + ("…" if len(text) > WORDS_SHOWN else "")
    return printable(f"    looked at: {said}" + (f"; {cut}" if cut else ""))


def _line(number: int, it: Weighed, widths: list[int]) -> str:
    columns = (text.ljust(width) for text, width in zip(_columns(it), widths, strict=True))
    mark = ">" if it.decided else " "
    return printable(f"  {mark} {number:>2}  {'  '.join(columns)}  {WORDS[it.words]}".rstrip())


def _columns(it: Weighed) -> tuple[str, str, str]:
    return it.reason, it.rule, it.place
