"""What DNSBLs' return codes say, which names are asked, when a zone may be used: no sockets here."""

import logging
import re
from collections.abc import Mapping
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.schemas import Listing
from sidestep.streams.errors import SourcesError
from sidestep.streams.screen.address.domain import NAME_MAX, is_host_name
from sidestep.streams.screen.dns.answer import UNKNOWN_TTL, Answer
from sidestep.streams.screen.sources.dnsbl import codes as dnsbl
from sidestep.streams.screen.sources.dnsbl.codes import HITS_MAX, ZoneAnswer, ZoneHealth, read_codes

DOCS = Path(__file__).parents[4] / "docs" / "block-lists.md"
KINDS = sorted(dnsbl._tables())
ADDRESSES = st.integers(0, 2**32 - 1).map(lambda number: str(IPv4Address(number)))
CODES = st.integers(127 << 24, (128 << 24) - 1).map(lambda number: str(IPv4Address(number)))


def said(kind: str, *addresses: str) -> list[tuple[str, bool]]:
    """Reasons, and whether they only doubt."""
    return [(hit.code.reason, hit.code.suspect) for hit in read_codes(addresses, dnsbl.codes_of(kind)).hits]


@pytest.mark.parametrize(
    ("kind", "address", "expected"),
    [
        ("generic", "127.0.0.2", [("listed", False)]),
        ("generic", "127.255.254.255", [("listed", False)]),
        ("new-domains", "127.0.0.2", [("new-domain", True)]),
        ("spamhaus-dbl", "127.0.1.2", [("low-reputation", False)]),
        ("spamhaus-dbl", "127.0.1.4", [("phish", False)]),
        ("spamhaus-dbl", "127.0.1.5", [("malware", False)]),
        ("spamhaus-dbl", "127.0.1.6", [("botnet", False)]),
        ("spamhaus-dbl", "127.0.1.102", [("abused-spam", True)]),
        ("spamhaus-dbl", "127.0.1.106", [("abused-botnet", True)]),
        ("spamhaus-zrd", "127.0.2.2", [("new-domain", True)]),
        ("spamhaus-zrd", "127.0.2.24", [("new-domain", True)]),
        ("surbl", "127.0.0.8", [("phish", False)]),
        ("surbl", "127.0.0.80", [("malware", False), ("abuse", False)]),
        ("surbl", "127.0.0.128", [("cracked", True)]),
        ("uribl", "127.0.0.14", [("black", False), ("grey", True), ("red", True)]),
        ("abusix-dblack", "127.0.1.1", [("spam", False)]),
    ],
)
def test_each_code_has_its_own_reason(kind: str, address: str, expected: list[tuple[str, bool]]) -> None:
    """One reason for each code, and for each bit where codes are sums."""
    assert expected == said(kind, address)


def test_an_answer_with_several_codes_says_them_all() -> None:
    """In the order of the codes: name servers give records in any order."""
    assert [("low-reputation", False), ("phish", False)] == said("spamhaus-dbl", "127.0.1.4", "127.0.1.2", "127.0.1.4")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.252",
        "127.255.255.254",
        "127.255.255.255",
        "127.255.255.7",
        "203.0.113.7",
        "128.0.0.2",
        "126.255.255.255",
        "0.0.0.0",
    ],
)
def test_query_errors_are_never_listings(kind: str, address: str) -> None:
    """Whatever else comes with them; the text says what a person has to do."""
    reading = read_codes(["127.0.0.2", "127.0.1.4", address], dnsbl.codes_of(kind))
    assert ((), ()) == (reading.hits, reading.unknown)
    assert len(reading.refused) > 40


@pytest.mark.parametrize(
    ("kind", "address", "word"),
    [
        ("generic", "127.255.255.252", "typing error"),
        ("generic", "127.255.255.254", "resolver of your own"),
        ("generic", "127.255.255.255", "quota"),
        ("generic", "203.0.113.7", "take its section out"),
        ("spamhaus-dbl", "127.0.1.255", "IP address"),
        ("spamhaus-zrd", "127.0.2.255", "IP address"),
        ("uribl", "127.0.0.1", "resolver of your own"),
        ("uribl", "127.0.0.3", "URIBL refuses"),
        ("surbl", "127.0.0.9", "does not serve"),
    ],
)
def test_what_to_do_about_a_query_error(kind: str, address: str, word: str) -> None:
    """Each kind of refusal has its own remedy."""
    assert word in read_codes([address], dnsbl.codes_of(kind)).refused


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        ("generic", "127.0.0.0"),
        ("spamhaus-dbl", "127.0.1.3"),
        ("spamhaus-dbl", "127.0.1.101"),
        ("spamhaus-zrd", "127.0.2.25"),
        ("surbl", "127.0.0.2"),
        ("uribl", "127.0.0.0"),
        ("abusix-dblack", "127.0.0.2"),
    ],
)
def test_codes_that_nobody_knows_are_no_listings(kind: str, address: str) -> None:
    """They are told apart, so that somebody adds them to the table."""
    reading = read_codes([address], dnsbl.codes_of(kind))
    assert ((), (address,), "") == (reading.hits, reading.unknown, reading.refused)


def test_an_unknown_bit_does_not_hide_a_known_one() -> None:
    """SURBL has had lists come and go."""
    reading = read_codes(["127.0.0.10"], dnsbl.codes_of("surbl"))
    assert (["phish"], ("127.0.0.10",)) == ([hit.code.reason for hit in reading.hits], reading.unknown)


@given(st.lists(ADDRESSES | CODES | st.text(max_size=20), max_size=40), st.sampled_from(KINDS))
def test_no_answer_makes_a_listing_outside_the_range(addresses: list[str], kind: str) -> None:
    """Any answer can be read; only 127.0.0.2 to 127.255.254.255 can be a listing, and there are never many."""
    reading = read_codes(addresses, dnsbl.codes_of(kind))
    numbers = [int(IPv4Address(hit.address)) for hit in reading.hits]
    assert all(0x7F000002 <= number <= 0x7FFFFEFF for number in numbers)
    assert len(numbers) <= HITS_MAX
    assert not (reading.refused and reading.listed)


@pytest.mark.parametrize("kind", KINDS)
def test_the_tables_are_sound(kind: str) -> None:
    """Each code is either a listing with a reason or a refusal with a remedy, and each bit is one bit of an octet."""
    codes = dnsbl.codes_of(kind)
    assert all(first <= last for first, last, _ in (*codes.ranges, *dnsbl._every()))
    assert {bit for bit, _ in codes.bits} <= {1 << place for place in range(8)}
    meanings = [code for _, _, code in (*codes.ranges, *dnsbl._every())] + [code for _, code in codes.bits]
    assert all(bool(code.reason) != bool(code.refused) for code in meanings)
    assert bool(codes.ranges) != bool(codes.bits)


def test_every_table_is_documented() -> None:
    """The page tells the operator which there are, and no others."""
    section = DOCS.read_text().split("\n### Tables of return codes\n")[1].split("\n### ")[0]
    assert KINDS == sorted(re.findall(r"^\| `([^`]+)` \|", section, re.M))


def test_every_reason_is_documented() -> None:
    """Whoever reads one in a verdict finds out what it means."""
    codes = [dnsbl.codes_of(kind) for kind in KINDS]
    meanings = [code for each in codes for _, _, code in each.ranges] + [
        code for each in codes for _, code in each.bits
    ]
    reasons = {code.reason for code in meanings} - {""}
    assert set() == {reason for reason in reasons if f"`{reason}`" not in DOCS.read_text()}


def test_a_table_that_is_not_there() -> None:
    """The error names those that are."""
    with pytest.raises(SourcesError, match=r"'spamhouse'.*spamhaus-dbl, spamhaus-zrd"):
        dnsbl.codes_of("spamhouse")


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        ("spam.example", ("spam.example",)),
        ("mail.spam.example", ("mail.spam.example", "spam.example")),
        ("a.b.spam.co.uk", ("a.b.spam.co.uk", "spam.co.uk")),
        ("co.uk", ("co.uk",)),
        ("", ()),
        ("example", ()),
        ("192.0.2.1", ()),
        ("a..example", ()),
        ("ü.example", ()),
        ("x y.example", ()),
    ],
)
def test_the_names_to_ask(domain: str, expected: tuple[str, ...]) -> None:
    """The domain, and its registrable domain where that is another; only host names, no IP address."""
    assert expected == dnsbl.names_to_ask(domain, "dbl.example")


def test_a_name_that_does_not_fit_before_the_zone() -> None:
    """Then the registrable domain only, or nothing: DNS holds 253 octets."""
    fits = ".".join(["x" * 59] * 3 + ["y" * 49, "example"])
    assert NAME_MAX == len(f"{fits}.dbl.example") + 4
    assert 2 == len(dnsbl.names_to_ask(fits, "dbl.example"))
    assert (f"{'y' * 49}.example",) == dnsbl.names_to_ask(fits, "longer.dbl.example")
    assert () == dnsbl.names_to_ask("spam.example", "z" * 250)


@given(st.text(max_size=30) | st.from_regex(r"([a-z0-9-]{1,30}\.){1,9}example", fullmatch=True), st.integers(3, 253))
def test_whatever_is_asked_fits_into_dns(domain: str, size: int) -> None:
    """A question that can't be sent would count against the zone."""
    zone = "z" * size
    assert all(is_host_name(name) and len(f"{name}.{zone}") <= NAME_MAX for name in dnsbl.names_to_ask(domain, zone))


def test_a_listing_names_list_version_and_entry() -> None:
    """The entry is what was asked for, without the zone and its key; a code that both names have is told once."""
    codes = dnsbl.codes_of("surbl")
    readings = {"a.spam.example": read_codes(["127.0.0.8"], codes), "spam.example": read_codes(["127.0.0.136"], codes)}
    again = {"a.spam.example": readings["spam.example"], "spam.example": readings["spam.example"]}
    assert [
        Listing("surbl", "now", "a.spam.example 127.0.0.8", "phish"),
        Listing("surbl", "now", "spam.example 127.0.0.136", "phish"),
        Listing("surbl", "now", "spam.example 127.0.0.136", "cracked", True),
    ] == list(dnsbl.listings("surbl", "now", readings))
    assert {"a.spam.example 127.0.0.136"} == {listing.entry for listing in dnsbl.listings("surbl", "now", again)}


def test_no_answer_is_no_statement() -> None:
    """A failure is neither listed nor not listed, and soon asked again."""
    reading = dnsbl.read(Answer(failure="servfail"), dnsbl.codes_of("generic"))
    assert ZoneAnswer(failure="servfail", ttl=UNKNOWN_TTL) == reading
    assert not reading.listed


@pytest.mark.parametrize(("ttl", "expected"), [(0, 30), (300, 300), (86_400, 3_600)])
def test_answers_hold_for_their_ttl_within_bounds(ttl: int, expected: int) -> None:
    """Whoever was taken off the list is free after an hour at the latest."""
    assert expected == dnsbl.read(Answer(exists=False, ttl=ttl), dnsbl.codes_of("generic")).ttl


YES, NO, SILENT = read_codes(["127.0.0.2"], dnsbl.codes_of("generic")), ZoneAnswer(), ZoneAnswer(failure="timeout")
ODD, REFUSED = ZoneAnswer(unknown=("127.9.9.9",)), ZoneAnswer(refused="ask elsewhere")


@pytest.mark.parametrize(
    ("listed", "unlisted", "words"),
    [
        ({"test": YES}, NO, ""),
        ({"test": ODD}, NO, ""),
        ({"test": NO, "own": YES}, NO, ""),
        ({"test": SILENT, "own": YES}, NO, ""),
        ({"test": NO, "own": NO}, NO, "its test entry is not listed (test, own)"),
        ({"test": YES}, YES, "lists INVALID"),
        ({"test": YES}, ODD, "lists INVALID"),
        ({"test": NO}, YES, "lists INVALID"),
        ({"test": YES}, SILENT, "got no answer (timeout)"),
        ({"test": SILENT}, NO, "got no answer (timeout)"),
        ({"test": NO, "own": SILENT}, NO, "got no answer (timeout)"),
        ({"test": REFUSED}, NO, "ask elsewhere"),
        ({"test": YES}, REFUSED, "ask elsewhere"),
    ],
)
def test_the_self_test(listed: Mapping[str, ZoneAnswer], unlisted: ZoneAnswer, words: str) -> None:
    """RFC 5782 section 5: TEST, or an entry of the operator's own, is listed, INVALID is not; else what to do."""
    fault = dnsbl.self_test_fault(listed, unlisted)
    assert words in fault
    assert bool(words) == bool(fault)


def test_health_goes_from_untested_to_usable_to_off_and_back() -> None:
    """Three failures in a row, not fewer, switch off; only a self-test switches on again."""
    health = ZoneHealth(300, 1000)
    assert ("untested", 1000) == (health.state, health.test_at)
    health.passed(1001)
    assert ("usable", 1001, 1001 + dnsbl.TEST_EVERY) == (health.state, health.since, health.test_at)
    for _ in range(3):
        health.failed("timeout", 1002)
        health.failed("timeout", 1002)
        health.answered()
    assert "usable" == health.state
    for now in (1003, 1004, 1005):
        health.failed("servfail", now)
    assert ("off", 1005, 1305) == (health.state, health.since, health.test_at)
    assert "servfail" in health.why
    health.answered()
    health.switch_off("still", 1305)
    assert ("off", 1005, 1605, "still") == (health.state, health.since, health.test_at, health.why)
    health.passed(1605)
    assert ("usable", 1605, "") == (health.state, health.since, health.why)


def test_nothing_is_logged_by_the_pure_part(caplog: pytest.LogCaptureFixture) -> None:
    """It is called for every answer."""
    with caplog.at_level(logging.DEBUG):
        said("surbl", "127.0.0.2", "203.0.113.7")
    assert [] == caplog.records
