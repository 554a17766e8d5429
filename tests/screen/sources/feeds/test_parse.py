"""Lines of feeds, the quality gate, the packed sets and the book: everything that asks nobody."""

import hashlib
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.schemas import Listing
from sidestep.streams.screen.address.parse import parse as address
from sidestep.streams.screen.lists.shipped import fingerprint
from sidestep.streams.screen.sources.feeds.book import FeedBook, compiled
from sidestep.streams.screen.sources.feeds.gate import gate
from sidestep.streams.screen.sources.feeds.packed import AT_ONCE, DigestSet, NameSet, joined
from sidestep.streams.screen.sources.feeds.parse import WIDTHS, ParsedFeed, lines_of, read, thresholds
from sidestep.streams.screen.sources.feeds.trust import checksum_fault
from sidestep.streams.screen.sources.file import Feed

SHA = hashlib.sha256(b"jane@lantern.example").hexdigest()


def parsed(text: str | bytes, kind: Any = "domains") -> ParsedFeed:
    octets = text.encode() if isinstance(text, str) else text
    return read([("list.txt", octets.splitlines(keepends=True))], kind)


def book(kind: Any, text: str, **options: Any) -> FeedBook:
    feeds = {"own": Feed(source="x", kind=kind, **options)}
    return FeedBook(feeds, {"own": compiled(kind, parsed(text, kind).entries)})


@pytest.mark.parametrize(
    ("line", "entries"),
    [
        ("evil.example", ["evil.example"]),
        ("\ufeffEvil.Example\r\n", ["evil.example"]),
        ("  evil.example  # why", ["evil.example"]),
        ("evil.example;why", ["evil.example"]),
        ("# evil.example", []),
        ("; evil.example", []),
        ("", []),
        (".evil.example", ["evil.example"]),
        ("*.evil.example", ["evil.example"]),
        ("evil.example.", ["evil.example"]),
        ("bücher.example", ["xn--bcher-kva.example"]),
        ("xn--i-7iq.ws", ["xn--i-7iq.ws"]),
        ("0.0.0.0 evil.example", ["evil.example"]),
        ("127.0.0.1\tevil.example bad.example # both", ["bad.example", "evil.example"]),
        (":: evil.example", ["evil.example"]),
        ("127.0.0.1 localhost localhost.localdomain", []),
        ("fe80::1%lo0 localhost", []),
        ("255.255.255.255 broadcasthost", []),
        ("0.0.0.0 0.0.0.0", []),
    ],
)
def test_forms_of_domains(line: str, entries: list[str]) -> None:
    """What lists come with is understood: comments, hosts files, wildcards, IDNs, another system's line ends."""
    assert ParsedFeed(entries, bool(entries), 0) == parsed(line)


@pytest.mark.parametrize(
    ("line", "kind", "problem"),
    [
        (b"evil", "domains", "'evil' is not a domain name"),
        (b"http://evil.example/", "domains", "is not a domain name"),
        (b"<html>", "domains", "is not a domain name"),
        (b"evil.example bad.example", "domains", "holds more than one entry"),
        (b"192.0.2.7 mail.example", "domains", "gives a name a real address"),
        (b"192.0.2.7", "domains", "is not a domain name"),
        (b"\xff.example", "domains", "is not UTF-8"),
        (b"a" * 3_000, "domains", "is too long"),
        ("ex\u2044ample.com".encode(), "domains", "is not a domain name ("),
        (b"jane", "addresses", "is not an address (no-at-sign)"),
        (b"Jane <jane@lantern.example>", "addresses", "is not an address (display-name)"),
        (SHA[:-1].encode(), "sha256", "is not a SHA256 in 64 hexadecimal digits"),
        (SHA.encode(), "sha1", "is not a SHA1 in 40"),
        (b"z" * 32, "md5", "is not a MD5 in 32"),
        (b"192.0.2.7", "exchanges", "is an IP address: mail servers are told by their names"),
        (b"2001:db8::/32", "exchanges", "is an IP address: mail servers are told by their names"),
        (b"evil.example MX", "exchanges", "holds more than one entry"),
    ],
)
def test_unreadable_lines_are_named(line: bytes, kind: Any, problem: str) -> None:
    """Each with its file, its number and what is wrong; none becomes an entry."""
    found = parsed(b"\n# first\n" + line + b"\n", kind)
    assert (found.entries, found.lines, found.unreadable) == ([], 1, 1)
    assert found.examples[0].startswith("list.txt line 3: ")
    assert problem in found.examples[0]


def test_a_line_cannot_steer_a_terminal() -> None:
    """What a stranger wrote is quoted before a person sees it."""
    assert parsed("\x1b[2Jevil\u202egpj").examples[0].isprintable()


@given(st.binary(max_size=300), st.sampled_from(["domains", "addresses", *WIDTHS]))
def test_any_octets_can_be_read(octets: bytes, kind: Any) -> None:
    """Nothing a file holds raises; entries are in order, none twice, and read back as themselves."""
    found = parsed(octets, kind)
    assert found.entries == sorted(set[Any](found.entries))
    again = [entry.hex() if isinstance(entry, bytes) else entry for entry in found.entries]
    if kind != "addresses":
        assert parsed("\n".join(again), kind).entries == found.entries
    assert compiled(kind, found.entries).version == fingerprint(again)


def test_addresses_keep_signs_that_begin_comments_elsewhere() -> None:
    """RFC 5322 allows # in a local part: only behind a space, or first, does it begin a comment."""
    text = "Jane#1@Lantern.example # hers\n# nobody@lantern.example\njoe@lantern.example\n"
    assert parsed(text, "addresses").entries == ["jane#1@lantern.example", "joe@lantern.example"]


@pytest.mark.parametrize(("bad", "taken"), [(0, True), (1, True), (2, True), (3, False)])
def test_few_unreadable_lines_are_left_out(bad: int, taken: bool) -> None:
    """One in a hundred, not more; then the first ones are named."""
    good = 200 - bad
    found = parsed("".join(f"a{n}.example\n" for n in range(good)) + "no domain\n" * bad)
    faults = gate(found, "domains", None, ())
    assert taken == (faults.sentences == ())
    if not taken:
        assert faults.sentences[0] == "3 of 200 lines are unreadable, more than 1%"
        assert "line 198" in faults.sentences[1]


@pytest.mark.parametrize(
    ("entry", "problem"),
    [("gmail.com", "gmail.com is a large provider"), ("onet.pl", "onet.pl hits poczta.onet.pl, a large provider")],
)
def test_a_large_provider_refuses_the_list(entry: str, problem: str) -> None:
    """Also by an entry above its name, which would hit it as well."""
    faults = gate(parsed(f"evil.example\n{entry}\n"), "domains", 2, {"gmail.com", "poczta.onet.pl"})
    assert (faults.unsound, faults.resized) == ((problem,), "")


@pytest.mark.parametrize("entry", ["google.com", "amazonaws.com", "pphosted.com", "*.mail.protection.outlook.com"])
def test_what_serves_many_refuses_a_list_of_mail_servers(entry: str) -> None:
    """Anybody's mail goes there. What is below such a name is no fault, and no hit either."""
    faults = gate(parsed(f"mx.evil.example\n{entry}\n", "exchanges"), "exchanges", 2, {"gmail.com"})
    assert bool(faults.unsound) == (not entry.startswith("*"))
    assert all(sentence.endswith("large provider") for sentence in faults.unsound)


@pytest.mark.parametrize(
    ("line", "entries"),
    [
        ("mx.trap.example", ["mx.trap.example"]),
        ("  MX.Trap.Example.  # why", ["mx.trap.example"]),
        ("*.trap.example", ["trap.example"]),
        (".trap.example", ["trap.example"]),
        ("10 mx.trap.example.", ["mx.trap.example"]),
        ("# mx.trap.example", []),
        ("", []),
    ],
)
def test_forms_of_mail_servers(line: str, entries: list[str]) -> None:
    """A name, or what stands behind MX in a zone file."""
    assert ParsedFeed(entries, bool(entries), 0) == parsed(line, "exchanges")


def test_a_mail_server_hits_its_own_name_and_those_above() -> None:
    """The most specific entry is named, and which server it was; a domain of the same name is not listed by that."""
    listed = book("exchanges", "trap.example\nmx.trap.example\n", reason="trap")
    version = listed.versions["own"]
    hit = Listing("own", version, "mx.trap.example", "trap", False, "mx.trap.example")
    assert (hit,) == listed.exchanges(("mx.trap.example", "mx2.trap.example"))
    below = Listing("own", version, "trap.example", "trap", False, "mx2.trap.example")
    assert (below,) == listed.exchanges(("mx.good.example", "mx2.trap.example"))
    assert () == listed.exchanges(("mx.good.example",)) == listed.exchanges(())
    assert () == listed.matches(address("jane@trap.example"))
    assert () == book("domains", "mx.trap.example").exchanges(("mx.trap.example",))


def test_an_address_at_a_large_provider_is_no_fault() -> None:
    """People on a list of addresses mostly are there."""
    assert gate(parsed("postmaster@gmail.com", "addresses"), "addresses", 1, {"gmail.com"}).sentences == ()


@pytest.mark.parametrize(
    ("previous", "size", "taken"),
    [
        (None, 0, True),
        (0, 9, True),
        (3, 4, True),
        (6, 4, True),
        (100, 133, True),
        (100, 134, False),
        (100, 66, False),
        (100, 0, False),
        (2, 3, False),
    ],
)
def test_the_size_gate(previous: int | None, size: int, taken: bool) -> None:
    """A third is taken, more is not; with nothing to compare, any size is."""
    faults = gate(parsed("".join(f"a{n}.example\n" for n in range(size))), "domains", previous, ())
    assert taken == (not faults.resized)
    if not taken:
        assert faults.resized == f"{size} entries instead of {previous}: changed by more than a third"


@given(st.sets(st.text("ab.@é", min_size=1)), st.text("ab.@é"))
def test_packed_names_are_a_set(names: set[str], other: str) -> None:
    """Exactly those that were put in, however they overlap."""
    packed = NameSet(sorted(names))
    assert set(packed) == names
    assert len(packed) == len(names)
    assert all(name in packed and packed.may_hold[hash(name) % packed.slots] for name in names)
    assert (other in names) == (other in packed)


@pytest.mark.parametrize("count", [0, 1, AT_ONCE - 1, AT_ONCE, AT_ONCE + 1, 2 * AT_ONCE + 1])
def test_joining_in_portions_is_joining(count: int) -> None:
    """Nothing is lost or doubled where one portion ends and the next one begins."""
    parts = [str(number) for number in range(count)]
    assert "\n".join(parts) == joined("\n", parts)


@given(st.sets(st.text("\x00\x01\x02", min_size=4, max_size=4)), st.text("\x00\x01\x02", min_size=4, max_size=4))
def test_packed_digests_are_a_set(digests: set[str], other: str) -> None:
    """DigestSet that only stand across the border of two others are not in it."""
    packed = DigestSet("".join(sorted(digests)).encode(), 4)
    assert len(packed) == len(digests)
    assert (other in digests) == (other.encode() in packed)
    assert all(digest.encode() in packed for digest in digests)


def test_what_stands_across_two_digests_is_not_in_the_set() -> None:
    """They lie side by side without anything between."""
    packed = DigestSet(b"\0\0\0\1" + b"\0\0\1\1", 4)
    assert (b"\0\0\1\0" in packed, b"\0\0\1\1" in packed) == (False, True)


def test_domains_count_for_names_below() -> None:
    """Down to the registrable name; the most specific entry is named, once."""
    found = book("domains", "evil.example\nmail.evil.example\nco.uk\n", reason="spam", suspect=True)
    version = fingerprint(["evil.example", "mail.evil.example", "co.uk"])
    assert (Listing("own", version, "evil.example", "spam", True),) == found.matches(address("a@x.evil.example"))
    assert ["mail.evil.example"] == [hit.entry for hit in found.matches(address("a@b.mail.evil.example"))]
    for sound in ("a@notevil.example", "a@evil.example.org", "a@shop.co.uk", "evil.example"):
        assert () == found.matches(address(sound))
    assert ({"own": version}, {"own": 3}) == (found.versions, found.sizes)


def test_addresses_count_for_all_spellings() -> None:
    """The mailbox is what is listed; the entry is named as it stands in the list."""
    found = book("addresses", "Jane.Doe@googlemail.com\njoe@lantern.example\n")
    for spelling in ("jane.doe@googlemail.com", "janedoe+shop@gmail.com", "JaneDoe@gmail.com"):
        assert ["jane.doe@googlemail.com"] == [hit.entry for hit in found.matches(address(spelling))]
    assert ["joe@lantern.example"] == [hit.entry for hit in found.matches(address("Joe@Lantern.Example"))]
    assert () == found.matches(address("ann@lantern.example"))


@given(st.emails())
def test_any_address_on_a_list_is_found(text: str) -> None:
    """Whatever sound address a list holds, that address hits it."""
    if not address(text).reason and not text.startswith("#"):
        assert len(book("addresses", text).matches(address(text))) == 1


@pytest.mark.parametrize("kind", WIDTHS)
def test_hashes_are_of_the_lower_case_address(kind: str) -> None:
    """In hexadecimal of either case; evidence names the hash, never the address."""
    digest = hashlib.new(kind, b"jane@lantern.example").hexdigest()
    found = book(kind, f"{digest.upper()}\n{'0' * len(digest)}\n")
    assert [digest] == [hit.entry for hit in found.matches(address("Jane@LANTERN.example"))]
    assert () == found.matches(address("joe@lantern.example"))


@pytest.mark.parametrize(
    ("published", "fault"),
    [
        (SHA, ""),
        (SHA.upper() + "\n", ""),
        (f"{SHA}  another-name.txt\n", ""),
        (f"{SHA} *dir/list.txt\n", ""),
        (f"{'0' * 64}  other.txt\n{SHA}  list.txt\n", ""),
        (f"{SHA}  other.txt\n{'0' * 64}  list.txt\n", "does not match"),
        (f"{SHA}  a.txt\n{SHA}  b.txt\n", "holds no SHA-256 of list.txt"),
        ("0" * 64, "does not match"),
        ("<html>not found</html>", "holds no SHA-256"),
        ("", "holds no SHA-256"),
    ],
)
def test_checksum_files(published: str, fault: str) -> None:
    """Bare, or as sha256sum writes them; of several the one that names the file."""
    said = checksum_fault(published.encode(), "list.txt", SHA)
    assert bool(fault) == bool(said)
    assert fault in said


@given(st.lists(st.binary(max_size=12)), st.integers(1, 5), st.sampled_from([b"", b"\n"]))
def test_lines_are_those_of_the_file_cut_where_they_are_too_long(lines: list[bytes], most: int, end: bytes) -> None:
    """However long one is, the next one begins where it should, and no more of it is held than shows its fault."""
    content = b"\n".join(lines) + end
    whole = list(BytesIO(content))
    cut = list(lines_of(BytesIO(content), most))
    assert [line[: most + 1] for line in whole] == cut


def test_a_line_that_is_all_of_the_file_is_skipped() -> None:
    """Not held in memory; what comes behind it is read."""
    content = b"x" * 1_000_000 + b"\nb.example\n"
    found = read([("list", lines_of(BytesIO(content), thresholds()["line_max"]))], "domains")
    assert (["b.example"], 2, 1) == (found.entries, found.lines, found.unreadable)
