"""Notices for people: which recipients they name, and what they say of each. No MTA is known by name here. Pure.

A line names a recipient by its form (an address alone, in brackets, before a colon) or by the word before it
(layouts.toml); the lines that follow are said of it, up to the next one.
"""

import re
import tomllib
from collections.abc import Set
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from sidestep.streams.screen.feedback.words import NOTICE_MAX

LINES_MAX = 1500
SAID_MAX = 4000
RECIPIENTS_MAX = 100

_MARKS = "。，、；：！（）「」『』【】《》\ufffd"
"""Marks of East Asian texts, which stand against an address without a blank; and an octet that is no character."""
_DOMAIN = rf"[^\s<>()\[\],;:\"'|@{_MARKS}]{{1,255}}"
_ADDRESS = rf"[^\s<>()\[\],;:\"|{_MARKS}]{{1,120}}@{_DOMAIN}"
_INSIDE = r"(?<!\w')(?<![\w.+-])"
ADDRESS = re.compile(rf"{_INSIDE}[^\s<>()\[\],;:\"'|{_MARKS}]{{1,120}}@{_DOMAIN}")
"""An address anywhere in a text. An apostrophe may as well be a quote or an elision: of an address with one, no part is
taken, for brien@example.com is not o'brien@example.com."""
_BRACKETED = re.compile(
    rf"^[\s>*]{{0,10}}[<\"(]({_ADDRESS})[>\")](?!\s+to\b)"
    r"(?:\s{1,4}\([^()]{0,400}<[^()]{0,400}\):)?[:,.]{0,4}\s*(.*)$"
)
_ALONE = re.compile(
    rf"^[\s>*•-]{{0,12}}(?:mailto:)?({_ADDRESS})"
    r"(?:\s{0,4}[<(\[](?:mailto:)?[^<>()]{3,300}[>)\]]){0,3}[\s:.]{0,6}$"
)
_COLON = re.compile(
    rf"^[\s*]{{0,12}}({_ADDRESS})(?:\s{{1,3}}<[^<>]{{3,300}}>)?"
    r"(?:\s?:\s|\s?\.{3}\s|\s{1,4}on (?=\w{3}, |\d{1,2}/)"
    r"|\s(?=Invalid Address\b|delivery failed\b|has been delayed)|\s{2,6}\()(.*)$"
)
_LINKED = re.compile(
    rf"(?i)^[\s>*]{{0,12}}({_ADDRESS})"
    r"(?:\s?<mailto:[^<>]{3,300}>\s+|\s+(?=\S{3,255}\s+remote server returned\b))(\S.*)$"
)
"""Exchange: a recipient with its link or with the host that refused, and the words about it in the same line."""
_TRANSCRIPT = re.compile(rf"^[45]\d\d\s(?:[245]\.\d\.\d{{1,3}}\s)?<?({_ADDRESS})>?\.\.\.\s*(.*)$")
_X400 = re.compile(rf"(?i)smtp=({_ADDRESS})")
_RULER = re.compile(r"^[\s\-=_*|#>]{4,}$")
_WORD = re.compile(r"\w{3}")
_HELP = re.compile(r"(?i)\b(?:contact|send (?:e-?)?mail to|forward .{3,60} to)[:\s]{0,3}$")
"""Words before an address that can help: the next line names no recipient."""
_DETAILS = "original message details"
"""Office 365's heading of a table about the message, in front of what went wrong with it."""
_UNDISCLOSED = re.compile(r"(?i)^\s{0,8}an undisclosed address\b")
_ALIAS = re.compile(r"(?i)\bafter rcpt to:|\bgenerated from ")
"""Words before an alias: where the recipient that is named already leads to, or comes from."""


class Layouts(NamedTuple):
    """layouts.toml, compiled."""

    original: tuple[str, ...]
    introduced: re.Pattern[str]
    labelled: re.Pattern[str]
    helpers: tuple[str, ...]
    quoted: re.Pattern[str]
    senders: tuple[str, ...]
    subjects: tuple[str, ...]
    failures: tuple[str, ...]
    delays: tuple[str, ...]
    deliveries: tuple[str, ...]
    absences: tuple[str, ...]
    given_up: tuple[str, ...]
    returning: tuple[str, ...]
    unsubscriptions: tuple[str, ...]


class Notice(NamedTuple):
    """The notice of a report. `said`: words by recipient as written, in order; `before`: the text in front."""

    text: str
    said: dict[str, str]
    before: str
    original: str
    with_ours: dict[str, str]
    """As `said`, with addresses of ours."""


def read(text: str, ours: Set[str] = frozenset()) -> Notice:
    """The notice in a report's text, the returned message cut off. `ours`: mailboxes of ours (`mailbox_of`), which a
    reply quotes and never means."""
    lines = text[:NOTICE_MAX].split("\n")[:LINES_MAX]
    end = _end(lines)
    reader = _Reader(ours)
    for line in lines[:end]:
        reader.take(line)
    said = reader.said()
    return Notice("\n".join(lines[:end]), said, " ".join(reader.before)[:SAID_MAX], "\n".join(lines[end:]), said)


def _end(lines: list[str]) -> int:
    """Index of the line behind which the returned message stands."""
    starts = layouts().original
    for index, line in enumerate(lines):
        bare = " ".join(line[:200].strip(" \t-=_*|>#").lower().split())
        if bare.startswith(_DETAILS):
            continue
        if bare.startswith(starts) and index + 1 < len(lines) and (index or "content-type" in bare):
            return index
        if index > 2 and line[:12].lower() in ("return-path:", "received: fr", "received:fro", "received: by"):
            return index
    return len(lines)


class _Reader:
    """Reads a notice line by line; words belong to the recipient that was named last."""

    def __init__(self, ours: Set[str]) -> None:
        self._ours = ours
        self.before: list[str] = []
        self._transcript = False
        """In a transcript what is said of a recipient stands in front of the line that names it (sendmail 5)."""
        self._pending: list[str] = []
        self._said: dict[str, list[str]] = {}
        self._current = ""
        self._helped = False
        self._names: dict[str, str] = {}

    def take(self, line: str) -> None:
        line = line[:2000].rstrip()
        if not line or _RULER.match(line) or layouts().quoted.match(line):
            return
        if _UNDISCLOSED.match(line):
            self._current = ""
        address, rest = _named(line)
        if self._helped or mailbox_of(address) in self._ours or (self._current and _ALIAS.search(line)):
            address, rest = "", line
        self._helped = bool(_HELP.search(line[-100:]))
        if not self._transcript and _TRANSCRIPT.match(line):
            self._transcript = True
            self._pending, self.before = self.before, []
        if address and len(self._names) < RECIPIENTS_MAX:
            self._current = address.lower()
            self._names.setdefault(self._current, address)
            said = self._said.setdefault(self._current, [])
            if self._transcript:
                said += self._pending
                self._pending = []
        elif self._transcript:
            said, rest = self._pending, line
        elif self._current:
            said, rest = self._said[self._current], line
        else:
            said, rest = self.before, line
        if rest.strip():
            said.append(rest.strip())

    def said(self) -> dict[str, str]:
        """The words about each recipient; addresses listed one below the other share those behind the last."""
        if self._current:
            self._said[self._current] += self._pending
        said = {name: " ".join(self._said[key])[:SAID_MAX] for key, name in self._names.items()}
        following = ""
        for name in reversed(said):
            following = said[name] = said[name] if _WORD.search(said[name]) else following
        return said


def _named(line: str) -> tuple[str, str]:
    """The recipient that a line names, and the words about it; ("", "") if it names none."""
    if "@" not in line:
        return "", ""
    labelled = layouts().labelled.search(line.strip())
    if labelled and labelled.start() == 0:
        return _clean(labelled[1]), line
    for pattern in (_BRACKETED, _ALONE, _COLON, _LINKED, _TRANSCRIPT):
        match = pattern.match(line)
        if match:
            rest = match[2] if match.lastindex and match.lastindex > 1 else ""
            return _clean(match[1]), line if pattern is _TRANSCRIPT else rest
    x400 = _X400.search(line)
    if x400:
        return _clean(x400[1]), ""
    match = layouts().introduced.search(line) or labelled
    return (_clean(match[1]), line) if match else ("", "")


def _clean(address: str) -> str:
    return address.strip(".*<>'\"`")


def mailbox_of(address: str) -> str:
    """The mailbox of an address, in lower case: without what stands behind a plus (RFC 5233 1), an id perhaps."""
    local, _, domain = address.lower().rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"


def only_address(text: str, ours: Set[str]) -> str:
    """The one address that a notice names, in whatever language; "" where it names none or several.

    Those of ours do not count, nor those of who can help.
    """
    quoted, helpers = layouts().quoted, layouts().helpers
    names: dict[str, str] = {}
    for line in text.split("\n"):
        if "@" in line and not quoted.match(line):
            names |= {name.lower(): name for name in map(_clean, ADDRESS.findall(line[:2000]))}
    names = {key: name for key, name in names.items() if mailbox_of(key) not in ours and not key.startswith(helpers)}
    return next(iter(names.values())) if len(names) == 1 else ""


@cache
def layouts() -> Layouts:
    """The layouts that ship with Sidestep."""
    text = (files("sidestep.streams.screen.feedback") / "data" / "layouts.toml").read_text("utf-8")
    table = tomllib.loads(text)
    words = "|".join(re.escape(word) for word in sorted(table["introduced"], key=len, reverse=True))
    labels = "|".join(re.escape(word) for word in sorted(table["labels"], key=len, reverse=True))
    names = "|".join(re.escape(name) for name in table["quoted"])
    return Layouts(
        tuple(table["original"]),
        re.compile(rf"(?i)(?:^|[\s(\[,])(?:{words})\s{{0,3}}[<\[\"]?(?:mailto:)?({_ADDRESS})"),
        re.compile(
            rf"(?i)(?:^|[\s(\[,'’•*·（【「-])(?:{labels})[\s】」）\])]{{0,4}}[:：]?\s{{0,4}}"
            rf"[<\[(\"«「【（]?(?:mailto:)?({_ADDRESS})"
        ),
        tuple(table["helpers"]),
        re.compile(rf"(?i)^[\s|>]{{0,12}}(?:{names})\s{{0,8}}(?:[:：]|=\[)"),
        *(tuple(table[name]) for name in Layouts._fields[5:]),
    )
