"""The parser of feeds: lines -> entries, and which lines can't be read. Pure.

One entry a line; comments, blank lines, CRLF, a byte order mark and upper case are what files come with. Domains may
stand behind the address of a hosts file, and behind a leading dot or "*."; mail servers behind the preference of an MX
record.
"""

import codecs
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from heapq import merge
from importlib.resources import files
from ipaddress import ip_address
from itertools import groupby
from typing import Any, BinaryIO, Literal

from msgspec import Struct

from sidestep.streams.masking import without_local_parts
from sidestep.streams.screen.address.domain import NAME_MAX, is_host_name, read_domain
from sidestep.streams.screen.address.parse import parse as parse_address

EntryKind = Literal["domains", "addresses", "exchanges", "sha256", "sha1", "md5"]
NAMES = ("domains", "exchanges")
"""Kinds whose lines a sentence may repeat: the others are of people."""
WIDTHS = {"sha256": 32, "sha1": 20, "md5": 16}
"""Octets of the digests of each kind of hash."""

_LOOKED_AT = 400  # octets of a line that is shown: enough for an address that begins within what is
_TELL_EVERY = 20_000  # lines
_CHECK_EVERY = 200  # lines: half a millisecond of them
ENTRIES_MOST = 20_000_000
"""Entries of a feed, whatever the sources file says."""

_SKIPPED_AT_ONCE = 65_536  # octets of a line that is too long
_RUN = 20_000  # entries
_HEXADECIMAL = re.compile(r"[0-9a-fA-F]+\Z")
_COMMENT = re.compile(r"[#;].*")
_COMMENT_OF_ADDRESS = re.compile(r"(?:^|\s)[#;].*")  # both may stand in a local part (RFC 5322 3.2.3)

Entries = list[str] | list[bytes]
"""Entries of a feed: domains or names of mail servers as A-labels, addresses in lower case, or digests. In order, none
twice."""


class UnreadableLine(ValueError):
    """A line that can't be read: its fault, as the end of a sentence that begins with the line."""


class TooMuch(ValueError):
    """A feed that is not read to its end: why, as a sentence."""


class ParsedFeed(Struct, frozen=True):
    """A feed that was read: its entries, and how many lines can't be read."""

    entries: Entries
    lines: int
    """Lines that are neither blank nor comments alone."""
    unreadable: int
    examples: tuple[str, ...] = ()
    """The first unreadable lines, as sentences."""


@cache
def thresholds() -> dict[str, Any]:
    """The thresholds in data/feeds.toml."""
    path = files("sidestep.streams.screen.sources.feeds") / "data" / "feeds.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


def read(
    parts: Iterable[tuple[str, Iterable[bytes]]],
    kind: EntryKind,
    tell: Callable[[int], None] = lambda _: None,
    most: int = ENTRIES_MOST,
    check: Callable[[], None] = lambda: None,
) -> ParsedFeed:
    """The entries in the files of a feed. `parts`: name and lines of each file; `tell` hears of the lines so far.

    `most`: entries, and lines that are neither blank nor comments; `check` is called often and may raise TooMuch.
    Raises TooMuch.
    """
    reader = _READERS[kind]
    entries: list[Any] = []
    examples: list[str] = []
    lines = unreadable = 0
    for name, number, octets in _numbered(parts):
        try:
            found = reader(_text(octets, first=number == 1), kind)
            lines += bool(found)
            entries += found
        except UnreadableLine as error:
            lines += 1
            unreadable += 1
            if len(examples) < thresholds()["examples"]:
                said = shown(octets) if kind in NAMES else "what stands there"
                examples.append(f"{name} line {number}: {said} {error}")
        if max(lines, len(entries)) > most:
            raise TooMuch(f"it has more than max_entries = {most}")
        if number % _CHECK_EVERY == 0:
            check()
        if number % _TELL_EVERY == 0:
            tell(lines)
    return ParsedFeed(_unique(entries), lines, unreadable, tuple(examples))


def _numbered(parts: Iterable[tuple[str, Iterable[bytes]]]) -> Iterator[tuple[str, int, bytes]]:
    for name, lines in parts:
        for number, octets in enumerate(lines, 1):
            yield name, number, octets


def lines_of(file: BinaryIO, most: int) -> Iterator[bytes]:
    """The lines of a file, of each no more than shows that it has more than `most` octets."""
    while line := file.readline(most + 1):
        yield line
        rest = line if len(line) > most else b""
        while rest and not rest.endswith(b"\n"):
            rest = file.readline(_SKIPPED_AT_ONCE)


def shown(octets: bytes, most: int = 60) -> str:
    """A line from a stranger, quoted, short, without control characters and local parts."""
    text = without_local_parts(octets[:_LOOKED_AT].decode("utf-8", "backslashreplace")).strip()[: most + 1]
    return ascii(text[:most] + ("…" if len(text) > most else "")) if not text.isprintable() else repr(text[:most])


def _unique(entries: list[Any]) -> Entries:
    """The entries in order, none twice. In runs: to sort a million at once would hold the interpreter up."""
    runs = [sorted(entries[start : start + _RUN]) for start in range(0, len(entries), _RUN)]
    return [entry for entry, _ in groupby(merge(*runs))]


def _text(octets: bytes, first: bool) -> str:
    if len(octets) > thresholds()["line_max"]:
        raise UnreadableLine("is too long")
    if first:
        octets = octets.removeprefix(codecs.BOM_UTF8)
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        raise UnreadableLine("is not UTF-8") from None


def _domains(line: str, kind: EntryKind) -> list[str]:
    fields = _COMMENT.sub("", line).split()
    if len(fields) > 1 and _is_ip(fields[0]):
        return _hosts(fields[0], fields[1:])
    if len(fields) > 1:
        raise UnreadableLine("holds more than one entry")
    return [_domain(field) for field in fields]


def _exchanges(line: str, kind: EntryKind) -> list[str]:
    """A name, or what an MX record says: `10 mx.trap.example.`"""
    fields = _COMMENT.sub("", line).split()
    if len(fields) == 2 and fields[0].isdecimal():
        fields = fields[1:]
    if len(fields) > 1:
        raise UnreadableLine("holds more than one entry")
    if fields and _is_ip(fields[0].partition("/")[0]):
        raise UnreadableLine("is an IP address: mail servers are told by their names")
    return [_domain(field) for field in fields]


def _hosts(address: str, names: list[str]) -> list[str]:
    """The names in a line of a hosts file (hosts(5)); those for the machine itself are left out."""
    own = thresholds()["own_names"]
    names = [name for name in names if "." in name and name.lower() not in own and not _is_ip(name)]
    if names and address not in thresholds()["sinkholes"]:
        raise UnreadableLine("gives a name a real address: no entry of a block list")
    return [_domain(name) for name in names]


def _domain(text: str) -> str:
    name = text.lower().removeprefix("*").removeprefix(".").removesuffix(".")
    if name.isascii():
        # IDNA labels are not looked into: emoji domains stand in such lists, IDNA 2008 has no place for them, DNS has
        if not is_host_name(name):
            raise UnreadableLine("is not a domain name")
        return name
    found = read_domain(name[: NAME_MAX + 1])
    if found.reason:
        raise UnreadableLine(f"is not a domain name ({found.reason})")
    return found.name


def _addresses(line: str, kind: EntryKind) -> list[str]:
    text = _COMMENT_OF_ADDRESS.sub("", line).strip()
    if not text:
        return []
    address = parse_address(text)
    if address.reason:
        raise UnreadableLine(f"is not an address ({address.reason})")
    return [address.normalized.lower()]


def _hashes(line: str, kind: EntryKind) -> list[bytes]:
    text = _COMMENT.sub("", line).strip()
    if not text:
        return []
    if len(text) != 2 * WIDTHS[kind] or not _HEXADECIMAL.match(text):
        raise UnreadableLine(f"is not a {kind.upper()} in {2 * WIDTHS[kind]} hexadecimal digits")
    return [bytes.fromhex(text)]


def _is_ip(text: str) -> bool:
    try:
        ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True


_READERS: dict[str, Callable[[str, EntryKind], Any]] = {
    "domains": _domains,
    "addresses": _addresses,
    "exchanges": _exchanges,
    **dict.fromkeys(WIDTHS, _hashes),
}
