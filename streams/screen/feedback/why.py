"""Why a bounce was understood as it was: all that spoke for a reason, in the order in which it was weighed. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from sidestep.streams.screen.feedback.classify import Classifier, Ruling, codes_like
from sidestep.streams.screen.feedback.diagnostic import Diagnostic
from sidestep.streams.screen.feedback.outcome import Outcome
from sidestep.streams.screen.feedback.parse import VAGUE, whole_report

_NAME = re.compile(r'^name = "([^"]+)"', re.MULTILINE)
_STATUS = re.compile(r'^"([0-9x.]+)" = ', re.MULTILINE)


class Weighed(NamedTuple):
    """A ruling for which something spoke."""

    reason: str
    rule: str
    place: str
    """File of rules and line, `phrases.toml:88`, or a provider's file; "" where no file has it."""
    words: str
    """Whose words it is about: `reply`, those about the recipient; `report`, with all others; `provider`, a category of
    the provider's own."""
    decided: bool = False


def weighed(outcome: Outcome, rules: Classifier, places: Mapping[str, str]) -> list[Weighed]:
    """What was weighed for an outcome, in that order; [] where its form alone said what it is. `places`: places_of."""
    if outcome.diagnostic is None:
        return []
    found = list(dict.fromkeys(_rulings(outcome.diagnostic, rules)))
    decision = (outcome.reason, outcome.rule)
    at = next((number for number, (ruling, _) in enumerate(found) if ruling[:2] == decision), -1)
    listed = [
        Weighed(ruling.reason, ruling.rule, _place(ruling, places), words, number == at)
        for number, (ruling, words) in enumerate(found)
    ]
    return listed if at >= 0 else [Weighed(*decision, f"webhooks/{outcome.source}.py", "provider", True), *listed]


def _rulings(diagnostic: Diagnostic, rules: Classifier) -> Iterator[tuple[Ruling, str]]:
    """As parse.classify asks: the reply first, and where that says nothing the whole report."""
    own = list(rules.rulings(diagnostic))
    yield from ((ruling, "reply") for ruling in own)
    if own[0].reason in VAGUE and diagnostic.notice:
        yield from ((ruling, "report") for ruling in rules.rulings(whole_report(diagnostic)))


def places_of(texts: Mapping[str, str]) -> dict[str, str]:
    """Where each rule and each status code stands, by name, in the texts of the rule files."""
    found: dict[str, str] = {}
    for file, text in texts.items():
        names = [(match[1], text.count("\n", 0, match.start()) + 1) for match in _NAME.finditer(text)]
        prefix = f"{names.pop(0)[0]}-" if file.startswith("provider-") else ""
        found |= {f"{prefix}{name}": f"{file}:{line}" for name, line in names}
    codes = texts["statuses.toml"]
    for match in _STATUS.finditer(codes):
        found[f"status {match[1]}"] = f"statuses.toml:{codes.count(chr(10), 0, match.start()) + 1}"
    return found


def _place(ruling: Ruling, places: Mapping[str, str]) -> str:
    if ruling.rule in places:
        return places[ruling.rule]
    kind, _, code = ruling.rule.partition(" ")
    if kind == "status":
        return next((places[f"status {like}"] for like in codes_like(code) if f"status {like}" in places), "")
    return "" if ruling.rule == "nothing" else "order.toml"
