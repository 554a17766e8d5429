"""The name server on loopback, asked by dnspython over real sockets."""

import asyncio
import socket
import threading
import time

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import pytest

from sidestep.streams.local.nameserver import SMALL_WORLD, NameServer
from sidestep.streams.local.zones import FAULTS, Fault

ZONES = """
$TTL 600
outside.com MX 10 mx.outside.com
$ORIGIN zone.example.
@      SOA  ns hostmaster 1 2 3 4 77
a      MX   10 mx.a
b.c    A    93.184.215.14
*.wild MX   10 mx
alias  CNAME a
;! servfail half.zone.example/A
;! delay 0.5 late.zone.example a.zone.example/TXT
"""


def ask(ns: NameServer, name: str, kind: str = "MX", tcp: bool = False) -> dns.message.Message:
    query = dns.message.make_query(name, kind)
    return (dns.query.tcp if tcp else dns.query.udp)(query, ns.host, timeout=0.5, port=ns.port)


def answers(response: dns.message.Message) -> list[str]:
    return [str(record).lower() for rrset in response.answer for record in rrset]


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_records_aliases_and_wildcards(tcp: bool) -> None:
    """A name's own records, those behind an alias, and those of a wildcard, over both transports."""
    with NameServer(ZONES) as ns:
        assert answers(ask(ns, "A.zone.EXAMPLE", tcp=tcp)) == ["10 mx.a.zone.example."]
        assert answers(ask(ns, "outside.com", tcp=tcp)) == ["10 mx.outside.com."]
        assert answers(ask(ns, "x.y.wild.zone.example", tcp=tcp)) == ["10 mx.zone.example."]
        assert answers(ask(ns, "alias.zone.example", tcp=tcp)) == ["a.zone.example.", "10 mx.a.zone.example."]


@pytest.mark.parametrize(
    ("name", "kind", "rcode", "soa"),
    [
        ("gone.zone.example", "MX", "NXDOMAIN", "zone.example."),
        ("elsewhere.com", "MX", "NXDOMAIN", "."),
        ("a.zone.example", "A", "NOERROR", "zone.example."),
        ("c.zone.example", "A", "NOERROR", "zone.example."),  # nothing there, but b.c is below it
        ("wild.zone.example", "MX", "NOERROR", "zone.example."),  # a wildcard is not for the name above it
    ],
)
def test_negative_answers_bear_the_soa_of_their_zone(name: str, kind: str, rcode: str, soa: str) -> None:
    """So that whoever asks knows how long the "no" holds (RFC 2308)."""
    with NameServer(ZONES) as ns:
        response = ask(ns, name, kind)
        found = (dns.rcode.to_text(response.rcode()), [str(rrset.name) for rrset in response.authority])
        assert (rcode, [soa]) == found


def test_zones_change_while_running() -> None:
    """A name can be set, changed and removed; what lies below it stays."""
    with NameServer({"x.example": ["MX 10 old.example"], "sub.x.example": ["MX 10 sub.example"]}) as ns:
        ask(ns, "x.example")
        ns.set("x.example", "MX 10 new.example", "60 A 93.184.215.14")
        assert answers(ask(ns, "x.example")) == ["10 new.example."]
        assert ask(ns, "x.example", "A").answer[0].ttl == 60
        ns.set("x.example")
        assert (dns.rcode.to_text(ask(ns, "x.example").rcode()), answers(ask(ns, "x.example"))) == ("NOERROR", [])
        ns.set("sub.x.example")
        assert ask(ns, "x.example").rcode() == dns.rcode.NXDOMAIN


def test_names_can_be_set_from_many_threads() -> None:
    """Nothing set is lost, whatever is asked meanwhile."""

    def setter(letter: str) -> None:
        for i in range(50):
            ns.set(f"{letter}{i}.example", f"MX {i} mx.example")

    with NameServer() as ns:
        threads = [threading.Thread(target=setter, args=(letter,)) for letter in "abcd"]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            ask(ns, "a0.example")
        found = [answers(ask(ns, f"{letter}{i}.example")) for letter in "abcd" for i in range(50)]
        assert [[f"{i} mx.example."] for _ in "abcd" for i in range(50)] == found


def test_queries_are_counted_by_name_and_by_type() -> None:
    """Whatever their upper and lower case; UDP and TCP alike."""
    with NameServer(ZONES) as ns:
        ask(ns, "a.zone.example")
        ask(ns, "A.ZONE.example", tcp=True)
        ask(ns, "a.zone.example", "A")
        assert tuple(ns.queries[f"a.zone.example{kind}"] for kind in ("", "/MX", "/A")) == (3, 2, 1)


def test_faults_of_one_type_leave_the_others_alone() -> None:
    """NAME/TYPE in a directive is about that type only."""
    with NameServer(ZONES) as ns:
        ns.set("half.zone.example", "AAAA 2606:2800::1")
        assert ask(ns, "half.zone.example", "A").rcode() == dns.rcode.SERVFAIL
        assert answers(ask(ns, "half.zone.example", "AAAA")) == ["2606:2800::1"]


def test_delays_hold_up_nobody_else() -> None:
    """A late answer comes late, and names asked for meanwhile come at once."""
    with NameServer(ZONES) as ns:
        start = time.monotonic()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as late:
            late.settimeout(2)
            late.sendto(dns.message.make_query("late.zone.example", "MX").to_wire(), ns.address)
            ask(ns, "outside.com")
            assert time.monotonic() - start < 0.45
            late.recv(512)
            assert time.monotonic() - start > 0.49


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("drop", dns.exception.Timeout),
        ("lie-id", dns.query.BadResponse),
        ("lie-question", dns.query.BadResponse),
        ("garble", dns.exception.DNSException),
        ("drop-first 1", dns.exception.Timeout),
    ],
)
def test_faults_that_break_the_exchange(fault: str, error: type[Exception]) -> None:
    """Each breaks it in its own way, and only while it is set."""
    with NameServer(ZONES) as ns:
        ns.fault("a.zone.example", fault)
        with pytest.raises(error):
            ask(ns, "a.zone.example")
        ns.fault("a.zone.example")
        assert answers(ask(ns, "a.zone.example")) == ["10 mx.a.zone.example."]


def test_faults_that_answer() -> None:
    """Codes, loops and referrals are well-formed answers."""
    with NameServer(ZONES) as ns:
        ns.fault("a.zone.example", "refuse")
        assert ask(ns, "a.zone.example").rcode() == dns.rcode.REFUSED
        ns.fault("a.zone.example", "cname-loop")
        assert answers(ask(ns, "a.zone.example")) == ["loop.a.zone.example.", "a.zone.example."]
        ns.fault("a.zone.example", "lame")
        response = ask(ns, "a.zone.example")
        assert (response.answer, response.flags & dns.flags.AA) == ([], 0)
        assert [rrset.rdtype for rrset in response.authority] == [dns.rdatatype.NS]


def test_truncation() -> None:
    """`truncate` is cured by TCP, `no-tcp` is not; what is too large for a datagram is cut by itself."""
    with NameServer(ZONES) as ns:
        ns.set("large.example", *(f"MX {i} exchange-{i}.a-rather-long-name.example" for i in range(40)))
        ns.fault("a.zone.example", "truncate")
        for name, records in (("a.zone.example", 1), ("large.example", 40)):
            assert ask(ns, name).flags & dns.flags.TC
            assert records == len(answers(ask(ns, name, tcp=True)))
        ns.fault("a.zone.example", "no-tcp")
        assert ask(ns, "a.zone.example").flags & dns.flags.TC
        with pytest.raises((EOFError, ConnectionError)):
            ask(ns, "a.zone.example", tcp=True)


@pytest.mark.parametrize(
    "junk",
    [
        b"",
        b"\x00" * 11,
        b"\x00" * 40,
        b"\xff" * 40,
        b"\x00" * 12 + b"\xc0\x0c" + b"\x00" * 9,
    ],
)
def test_junk_is_ignored(junk: bytes) -> None:
    """What is no query gets no answer, and the server lives on."""
    with NameServer(ZONES) as ns, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(junk, ns.address)
        assert answers(ask(ns, "a.zone.example")) == ["10 mx.a.zone.example."]


def test_a_port_is_free_again_after_the_end() -> None:
    """One server after the other can have the same port, with `with` as with `async with`; two at once can't."""

    async def again(port: int) -> int:
        async with NameServer(port=port) as ns:
            return ns.port

    with NameServer() as ns, pytest.raises(OSError, match="in use"):
        NameServer(port=ns.port).start()
    assert ns.port == asyncio.run(again(ns.port))


def test_a_fault_that_does_not_exist_is_an_error() -> None:
    """A mistyped directive must not make a test pass."""
    with pytest.raises(ValueError, match="no fault is called 'servfial'"):
        NameServer(";! servfial x.example")
    assert all(Fault.parse([fault, "1"]) for fault in FAULTS)


def test_the_small_world_is_complete() -> None:
    """Large providers, companies, and every kind of trouble; mistyped providers do not exist."""
    with NameServer(SMALL_WORLD) as ns:
        for provider in ("gmail.com", "yahoo.com", "outlook.com", "hotmail.com", "icloud.com", "gmx.de", "web.de"):
            assert answers(ask(ns, provider)), provider
        assert ask(ns, "gmial.com").rcode() == dns.rcode.NXDOMAIN
        text = SMALL_WORLD.read_text("utf-8")
        assert text.split("$ORIGIN example.")[1].count(" MX ") >= 50


def test_it_is_fast_enough_for_the_demo() -> None:
    """Answering costs well under 200 µs of one core, without the sockets: 5,000 questions a second leave room."""
    ns = NameServer(SMALL_WORLD)
    query = dns.message.make_query("gmail.com", "MX").to_wire()
    start = time.process_time()
    for _ in range(5_000):
        ns.answer(query)
    assert time.process_time() - start < 0.5
