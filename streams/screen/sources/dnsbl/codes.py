"""Return codes of DNSBL zones (RFC 5782): the names to ask, what codes say, when a zone may be used. Pure.

A zone says something only while it passes its self-test; whatever is not a listing beyond doubt is no statement.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from ipaddress import AddressValueError, IPv4Address
from typing import Any, Literal

import msgspec
from msgspec import Struct

from sidestep.schemas import Listing
from sidestep.schemas.typed import as_type
from sidestep.streams.errors import SourcesError
from sidestep.streams.screen.address.domain import NAME_MAX, is_host_name, registrable
from sidestep.streams.screen.dns.answer import UNKNOWN_TTL, Answer, ttl_within

TTL = (30, 3_600)
"""Seconds. Lists change by the minute: nobody stays listed here for longer than an hour after being taken off."""

LISTED, UNLISTED = "test", "invalid"
"""Test entries that every zone of domains has, and has not (RFC 5782 section 5)."""

TEST_EVERY = 6 * 3_600.0
"""Seconds between self-tests of a zone in use. A list that ends may list everything from one day to the next."""

FAILURES_MAX = 3
"""Questions in a row without an answer that switch a zone off."""

HITS_MAX = 16
"""Return codes of one answer that are used. A zone is a stranger: it must not blow up the evidence."""

KEY_MIN = 20
"""Octets of a label that may be an account's key: Spamhaus' have 26, Abusix' 32, and names of zones are shorter."""

ZoneState = Literal["untested", "usable", "off"]


class ReturnCode(Struct, frozen=True, forbid_unknown_fields=True):
    """The meaning of a return code: either a listing with a `reason`, or `refused`, what a person has to do."""

    reason: str = ""
    suspect: bool = False
    refused: str = ""


class CodeTable(Struct, frozen=True):
    """The table of return codes of one kind of zone."""

    ranges: tuple[tuple[int, int, ReturnCode], ...]
    """Ranges by first and last address, as numbers; the first that fits holds."""
    bits: tuple[tuple[int, ReturnCode], ...]
    """Meanings by the value of a bit of the last octet."""
    tests: tuple[str, ...]
    """Test entries, one of which must be listed."""


class Hit(Struct, frozen=True):
    """A hit: a return code that is a listing, and what it means."""

    address: str
    code: ReturnCode


class ZoneAnswer(Struct, frozen=True):
    """The answer of a zone about a name. With `refused` or `failure` it says nothing about the name."""

    hits: tuple[Hit, ...] = ()
    unknown: tuple[str, ...] = ()
    """Return codes that the zone's table does not have."""
    refused: str = ""
    """Why the zone can't be used, and what a person has to do."""
    failure: str = ""
    """Why there is no answer: timeout, servfail, …"""
    ttl: int = UNKNOWN_TTL
    """Seconds."""

    @property
    def listed(self) -> bool:
        """Is the name in the zone, whatever that means there?"""
        return bool(self.hits or self.unknown)


class ZoneStatus(Struct, frozen=True):
    """The status of a zone, for metrics and for people. Times are seconds since 1970, counts are since the start."""

    name: str
    """The name in evidence; never the zone itself where it was given a name, as that may hold an account's key."""
    state: ZoneState
    since: float
    why: str
    """Why the zone is off, and what to do about it."""
    test_at: float
    """When the next self-test is due, which waits for the next question."""
    asked: int
    """Questions about domains, without self-tests."""
    listed: int
    """Answers with a listing."""
    errors: int
    """Questions without an answer, and refusals."""
    unknown_codes: int
    """Return codes that are not in the zone's table: they are no listings."""


class ZoneHealth:
    """The health of a zone: whether it may be used. Times are seconds since 1970, given by the caller."""

    def __init__(self, retry_after: float, now: float) -> None:
        self.state: ZoneState = "untested"
        self.why = ""
        """Why the zone is off, and what to do."""
        self.since = now
        self.test_at = now
        """When the next self-test is due."""
        self._retry_after = retry_after
        self._failures = 0

    def passed(self, now: float) -> None:
        """The self-test found no fault."""
        self._failures = 0
        self._turn("usable", "", now)
        self.test_at = now + TEST_EVERY

    def switch_off(self, why: str, now: float) -> None:
        """The zone is not used until a self-test, due after `retry_after`, finds no fault."""
        self._turn("off", why, now)
        self.test_at = now + self._retry_after

    def answered(self) -> None:
        """A question got an answer."""
        self._failures = 0

    def failed(self, failure: str, now: float) -> None:
        """A question got no answer."""
        self._failures += 1
        if self._failures >= FAILURES_MAX and self.state == "usable":
            self.switch_off(
                f"{self._failures} questions in a row got no answer (the last: {failure}): see that the name servers "
                "reach the zone",
                now,
            )

    def _turn(self, state: ZoneState, why: str, now: float) -> None:
        if state != self.state:
            self.state, self.since = state, now
        self.why = why


def codes_of(kind: str) -> CodeTable:
    """The table of return codes that a section names. Raises SourcesError when none is called so."""
    known = _tables()
    if kind not in known:
        raise SourcesError(f"no table of return codes is called {kind!r}; codes may be: {', '.join(sorted(known))}")
    return known[kind]


def shown_name(zone: str, name: str) -> str:
    """The name of a zone that may be shown, without the key that a zone may hold. Raises SourcesError."""
    shown = name or ".".join("…" if len(label) >= KEY_MIN else label for label in zone.split("."))
    if not is_host_name(zone):
        raise SourcesError(f'the DNSBL {shown!r} has no domain name: write [dnsbl."dbl.example.org"]')
    if not name and shown != zone:
        raise SourcesError(f'the DNSBL {shown!r} seems to hold an account\'s key: add name = "…", to be shown instead')
    return shown


def names_to_ask(domain: str, zone: str) -> tuple[str, ...]:
    """The names to ask a zone about: a domain and its registrable domain, where that differs and DNS can hold it.

    What is no host name is not asked about: a failure for its sake would count against the zone.
    """
    if not is_host_name(domain):
        return ()
    names = dict.fromkeys((domain, registrable(domain)))
    return tuple(name for name in names if len(name) + 1 + len(zone) <= NAME_MAX)


def read(answer: Answer, codes: CodeTable) -> ZoneAnswer:
    """The zone's answer in DNS' answer to a question for A records. NXDOMAIN and "no such data" mean: not listed."""
    if answer.failure:
        return ZoneAnswer(failure=answer.failure)
    return read_codes((record.address for record in answer.records), codes, ttl_within(TTL, answer))


def read_codes(addresses: Iterable[str], codes: CodeTable, ttl: int = TTL[0]) -> ZoneAnswer:
    """The zone's answer in its return codes, in any order. A code that refuses makes the others worthless."""
    hits: list[Hit] = []
    unknown: list[str] = []
    for number, address in sorted({_number(text): text for text in addresses}.items()):
        meanings = tuple(_meanings(number, address, codes))
        for code in meanings:
            if code is None:
                unknown.append(address)
            elif code.refused:
                return ZoneAnswer(refused=code.refused)
            else:
                hits.append(Hit(address, code))
    return ZoneAnswer(tuple(hits[:HITS_MAX]), tuple(unknown[:HITS_MAX]), ttl=ttl)


def listings(zone: str, version: str, answers: Mapping[str, ZoneAnswer]) -> Iterator[Listing]:
    """The listings in a zone's answers by name, the most precise name first: one for each code or bit.

    `zone` is what the list is called, `version` the time of the answer (ISO 8601). An entry is the name asked, without
    the zone, and the return code: "spam.example 127.0.1.4". A code that both names have is told once.
    """
    told: set[Hit] = set()
    for name, answer in answers.items():
        for hit in answer.hits:
            if hit not in told:
                told.add(hit)
                yield Listing(zone, version, f"{name} {hit.address}", hit.code.reason, hit.code.suspect)


def self_test_fault(listed: Mapping[str, ZoneAnswer], unlisted: ZoneAnswer) -> str:
    """The fault that a self-test finds in a zone, and what to do; "" for none (RFC 5782 section 5).

    `listed`: entry that must be listed -> what the zone says; of entries by the operator's own custom one is enough.
    `unlisted`: what it says of INVALID.
    """
    answers = (*listed.values(), unlisted)
    refused = next((each.refused for each in answers if each.refused), "")
    if refused:
        return refused
    if unlisted.listed:
        return "it lists INVALID, and so every name: the list has ended or is broken; take its section out"
    found = any(each.listed for each in listed.values())
    failures = [each.failure for each in ((unlisted,) if found else answers) if each.failure]
    if failures:
        return f"the self-test got no answer ({failures[0]}): see that the name servers reach the zone"
    if not found:
        return (
            f"its test entry is not listed ({', '.join(listed)}): the section's name is no zone of domains, or the "
            "list does not serve this resolver; ask through a resolver of your own, not through a public one"
        )
    return ""


def _meanings(number: int, address: str, codes: CodeTable) -> Iterator[ReturnCode | None]:
    """The meanings of an address, one or several; None: the table does not have it."""
    if number >> 24 != 127:
        yield ReturnCode(
            refused=(
                f"it answers {address}, which no list does (RFC 5782: 127.0.0.0/8): the list has ended and its domain "
                "is somebody else's, or the resolver makes up answers; take its section out, or ask through another "
                "resolver"
            )
        )
        return
    ranges = (*_every(), *(() if codes.bits else codes.ranges))
    code = next((code for first, last, code in ranges if first <= number <= last), None)
    if code or not codes.bits:
        yield code
        return
    meanings = dict(codes.bits)
    bits = [bit for bit in (1 << index for index in range(8)) if number & bit]
    yield from map(meanings.get, bits or [0])


def _number(text: str) -> int:
    try:
        return int(IPv4Address(text))
    except AddressValueError:
        return 0  # in no list's range, and so refused


@cache
def _every() -> tuple[tuple[int, int, ReturnCode], ...]:
    return _compiled(_data()["every"]).ranges


@cache
def _tables() -> dict[str, CodeTable]:
    return {kind: _compiled(table) for kind, table in _data()["zones"].items()}


def _data() -> dict[str, Any]:
    path = files("sidestep.streams.screen.sources.dnsbl") / "data" / "dnsbl_codes.toml"
    return msgspec.toml.decode(path.read_bytes(), type=dict[str, Any])


class _Table(Struct, forbid_unknown_fields=True):
    codes: dict[str, ReturnCode] = {}
    bits: dict[str, ReturnCode] = {}
    test: tuple[str, ...] = ()


def _compiled(table: object) -> CodeTable:
    written = as_type(table, _Table)
    ranges = tuple((*_span(text), code) for text, code in written.codes.items())
    return CodeTable(ranges, tuple((int(bit), code) for bit, code in written.bits.items()), (LISTED, *written.test))


def _span(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    return int(IPv4Address(first)), int(IPv4Address(last or first))
