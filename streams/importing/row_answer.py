"""The answer to one row of a list, and its cells in a file that a spreadsheet opens. Pure."""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sidestep.streams.web.validate.answer import Result

VERDICTS = {"approved": "send", "rejected": "drop", "unknown": "defer"}
HEADER = (
    "sidestep_verdict",
    "sidestep_reason",
    "sidestep_sentence",
    "sidestep_flags",
    "sidestep_suggestion",
    "sidestep_duplicate_of",
)
WriteRow = Callable[[Sequence[str]], None]
"""Takes the cells of one row."""
_FORMULA = re.compile(r"[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-][\d .,()/-]*")


class RowAnswer(NamedTuple):
    """`reason` is the rule that stops it, "" for send; `flags` are the rules that told something besides."""

    verdict: str
    reason: str
    sentence: str
    flags: tuple[str, ...]
    suggestion: str
    provider: str
    """Whose mail servers the domain has, "" where nobody's that is known."""
    duplicate_of: int | None
    """The row of the same mailbox that comes first, counted from 1 without the header."""

    def cells(self) -> list[str]:
        """In the order of HEADER."""
        first = "" if self.duplicate_of is None else str(self.duplicate_of)
        return [self.verdict, self.reason, self.sentence, " ".join(self.flags), self.suggestion, first]


def row_answer(result: Result, duplicate_of: int | None) -> RowAnswer:
    """What the answer to /v1/validate about the same address comes to."""
    verdict = VERDICTS[result.outcome]
    rules = result.rules
    stop = rules[0] if verdict != "send" and rules else None
    flags = tuple(rule.id for rule in rules[stop is not None :])
    reason, sentence = (stop.id, stop.text) if stop is not None else ("", "; ".join(rule.text for rule in rules))
    return RowAnswer(verdict, reason, sentence, flags, result.suggestion or "", result.mx_provider, duplicate_of)


def safe_cell(cell: str) -> str:
    """The cell with an apostrophe before what a spreadsheet would run as a formula
    (https://owasp.org/www-community/attacks/CSV_Injection); numbers, of telephones too, stay as they are."""
    return "'" + cell if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell
