"""DNSBLs against a real name server on loopback: listings, self-tests, faults, sharing, deadlines, the cache."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import pytest
import uvloop

from sidestep.schemas import Listing
from sidestep.streams.errors import SourcesError
from sidestep.streams.local.nameserver import NameServer
from sidestep.streams.screen.dns.answer import UNKNOWN_TTL, Answer, Question
from sidestep.streams.screen.dns.upstream import Upstream
from sidestep.streams.screen.sources.dnsbl.codes import TEST_EVERY, ZoneStatus
from sidestep.streams.screen.sources.dnsbl.zone import UNKNOWN_CODES_MAX
from sidestep.streams.screen.sources.dnsbl.zones import DnsblZones
from sidestep.streams.screen.sources.file import Dnsbl
from tests.waiting import until

GENERIC = {"dbl.example": Dnsbl()}
RECORDS = {
    "test.dbl.example": ["A 127.0.1.2"],
    "spam.example.dbl.example": ["100 A 127.0.1.2"],
    "test.uri.example": ["A 127.0.0.14"],
}
NOON = "2027-01-15T08:00:00Z"


class Clock:
    """Wall-clock time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class World:
    """A name server, zones that ask it, a clock."""

    def __init__(self, ns: NameServer, sections: Mapping[str, Dnsbl], cache_size: int, concurrency: int) -> None:
        self.ns = ns
        self.clock = Clock()
        self.upstream = Upstream([ns.address])
        self.zones = DnsblZones(sections, self.upstream.ask, self.clock, cache_size, concurrency=concurrency)

    @property
    def status(self) -> ZoneStatus:
        return self.zones.status()[0]

    async def reasons(self, domain: str) -> list[str]:
        return [listing.reason for listing in await self.zones.find(domain)]


@asynccontextmanager
async def world(
    sections: Mapping[str, Dnsbl] = GENERIC,
    records: Mapping[str, list[str]] = RECORDS,
    cache_size: int = 1000,
    concurrency: int = 64,
) -> AsyncIterator[World]:
    async with NameServer(records) as ns:
        it = World(ns, sections, cache_size, concurrency)
        yield it
        await it.zones.close()
        assert it.zones.in_flight == 0


@pytest.mark.parametrize("runner", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_what_is_listed_and_what_is_not(runner: Callable[..., None]) -> None:
    """A listing names list, version (the time of the answer), entry and reason, for each bit; all zones are asked."""

    async def scenario() -> None:
        sections = {"dbl.example": Dnsbl(codes="spamhaus-dbl"), "key.uri.example": Dnsbl(codes="uribl", name="uribl")}
        records = {
            "test.dbl.example": ["A 127.0.1.2"],
            "test.key.uri.example": ["A 127.0.0.2"],
            "spam.example.dbl.example": ["A 127.0.1.4"],
            "a.spam.example.key.uri.example": ["A 127.0.0.6"],
        }
        async with world(sections, records) as it:
            assert it.zones.cached("a.spam.example") is None
            expected = (
                Listing("dbl.example", NOON, "spam.example 127.0.1.4", "phish"),
                Listing("uribl", NOON, "a.spam.example 127.0.0.6", "black"),
                Listing("uribl", NOON, "a.spam.example 127.0.0.6", "grey", True),
            )
            assert expected == await it.zones.find("a.spam.example") == it.zones.cached("a.spam.example")
            assert () == await it.zones.find("good.example") == it.zones.cached("good.example")
            assert [("dbl.example", "usable", 3, 1, 0), ("uribl", "usable", 3, 1, 0)] == [
                (zone.name, zone.state, zone.asked, zone.listed, zone.errors) for zone in it.zones.status()
            ]

    runner(scenario())


def test_a_zone_is_tested_before_it_is_used() -> None:
    """TEST and INVALID are asked for once, first, however many domains wait for it; untested it has said nothing."""

    async def scenario() -> None:
        async with world() as it:
            assert ("untested", 0) == (it.status.state, it.ns.queries.total())
            found = await asyncio.gather(*(it.zones.find(f"n{i}.example") for i in range(20)))
            assert [()] * 20 == found
            assert (1, 1) == (it.ns.queries["test.dbl.example"], it.ns.queries["invalid.dbl.example"])
            assert it.ns.queries["invalid.dbl.example/A"] == 1
            assert ("usable", 20) == (it.status.state, it.status.asked)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ({"spam.example.dbl.example": ["A 127.0.0.2"]}, "test entry is not listed"),
        ({"*.dbl.example": ["A 127.0.0.2"]}, "lists INVALID"),
        ({"*.dbl.example": ["A 203.0.113.7"]}, "203.0.113.7"),
        ({"*.dbl.example": ["A 127.255.255.254"]}, "resolver of your own"),
        ({"*.dbl.example": ["A 127.0.0.1"]}, "does not serve"),
    ],
)
def test_a_zone_that_fails_its_test_is_not_used(records: dict[str, list[str]], words: str) -> None:
    """Nothing is asked of it but the test, nobody is listed, and the status says what to do."""

    async def scenario() -> None:
        async with world(records=records) as it:
            assert () == await it.zones.find("spam.example") == await it.zones.find("other.example")
            assert ("off", 0, 0) == (it.status.state, it.status.asked, it.ns.queries["spam.example.dbl.example"])
            assert words in it.status.why

    asyncio.run(scenario())


@pytest.mark.parametrize("test_point", ["test", "test.uribl.com"])
def test_an_operators_own_test_entry_will_do(test_point: str) -> None:
    """Lists older than RFC 5782 have test entries under other names."""

    async def scenario() -> None:
        async with world({"uri.example": Dnsbl(codes="uribl")}, {f"{test_point}.uri.example": ["A 127.0.0.14"]}) as it:
            await it.zones.test()
            assert it.status.state == "usable"

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("127.255.255.252", "typing error"),
        ("127.255.255.254", "public"),
        ("127.255.255.255", "quota"),
        ("127.0.1.255", "IP address"),
        ("127.0.0.1", "does not serve"),
        ("198.51.100.1", "198.51.100.1"),
    ],
)
def test_a_query_error_lists_nobody_and_switches_the_zone_off(address: str, words: str) -> None:
    """From the first such answer on, also for those that it has listed before; the others go on."""

    async def scenario() -> None:
        sections = {"dbl.example": Dnsbl(codes="spamhaus-dbl"), "uri.example": Dnsbl(codes="uribl")}
        async with world(sections, RECORDS | {"spam.example.uri.example": ["A 127.0.0.2"]}) as it:
            assert ["low-reputation", "black"] == await it.reasons("spam.example")
            it.ns.set("next.example.dbl.example", f"A {address}", "A 127.0.1.4")
            it.ns.set("a.next.example.dbl.example", "A 127.0.1.4")
            it.ns.set("next.example.uri.example", "A 127.0.0.2")
            assert ["black"] == await it.reasons("a.next.example")
            assert ("off", 1) == (it.status.state, it.status.errors)
            assert words in it.status.why
            assert it.zones.cached("spam.example") is None
            assert ["black"] == await it.reasons("spam.example")

    asyncio.run(scenario())


def test_a_zone_that_is_off_is_tested_again_later_and_nobody_waits_for_it() -> None:
    """Not before `retry_after`; then in the background; then it is used, and those passed over are asked about."""

    async def scenario() -> None:
        async with world({"dbl.example": Dnsbl(retry_after=100)}, {}) as it:
            assert () == await it.zones.find("spam.example")
            it.ns.set("test.dbl.example", "A 127.0.0.2")
            it.ns.set("spam.example.dbl.example", "A 127.0.0.2")
            it.ns.fault("invalid.dbl.example", "delay 0.2")
            it.clock.now += 99
            assert (() == it.zones.cached("spam.example")) and () == await it.zones.find("b.example")
            assert 1 == it.ns.queries["test.dbl.example"]
            it.clock.now += 1
            assert () == await it.zones.find("spam.example")
            assert it.status.state == "off", "the test is still under way"
            await until(lambda: it.status.state == "usable")
            assert 2 == it.ns.queries["test.dbl.example"]
            it.clock.now += UNKNOWN_TTL
            assert ["listed"] == await it.reasons("spam.example")

    asyncio.run(scenario())


def test_a_zone_that_goes_wildcard_is_found_out() -> None:
    """Every six hours it is tested while it goes on being used; then it is off, and what it listed is forgotten."""

    async def scenario() -> None:
        async with world() as it:
            assert ["listed"] == await it.reasons("spam.example")
            it.clock.now += TEST_EVERY - 1
            it.ns.set("invalid.dbl.example", "A 127.0.0.2")
            it.ns.set("good.example.dbl.example", "3600 A 127.0.0.2")
            assert ["listed"] == await it.reasons("good.example")
            it.clock.now += 1
            await it.zones.find("other.example")
            await until(lambda: it.status.state == "off")
            assert "INVALID" in it.status.why
            assert it.zones.cached("good.example") is None
            assert [] == await it.reasons("good.example")

    asyncio.run(scenario())


def test_a_lie_that_is_found_out_while_an_answer_is_under_way_is_not_kept() -> None:
    """What a zone says while its test fails is no listing, even when it came before."""

    async def scenario() -> None:
        sections = {"dbl.example": Dnsbl(), "uri.example": Dnsbl()}
        async with world(sections) as it:
            await it.zones.test()
            it.ns.fault("spam.example.uri.example", "delay 0.2")
            flight = asyncio.create_task(it.zones.find("spam.example"))
            await until(lambda: it.status.listed == 1)
            it.ns.set("evil.example.dbl.example", "A 203.0.113.7")
            evil = asyncio.create_task(it.zones.find("evil.example"))
            assert [(), ()] == list(await asyncio.gather(flight, evil))

    asyncio.run(scenario())


@pytest.mark.parametrize("fault", ["servfail", "refuse", "drop", "garble", "lame", "lie-id"])
def test_faults_are_no_statement_and_soon_asked_again(fault: str) -> None:
    """No fault lists anybody or takes longer than the timeout; a quarter of a minute later it is asked again."""

    async def scenario() -> None:
        async with world({"dbl.example": Dnsbl(timeout=1.0)}) as it:
            await it.zones.test()
            it.ns.fault("spam.example.dbl.example", fault)
            async with asyncio.timeout(5):
                assert () == await it.zones.find("spam.example") == it.zones.cached("spam.example")
            assert (1, "usable") == (it.status.errors, it.status.state)
            it.ns.fault("spam.example.dbl.example")
            it.clock.now += UNKNOWN_TTL
            assert ["listed"] == await it.reasons("spam.example")

    asyncio.run(scenario())


def test_failures_in_a_row_switch_a_zone_off() -> None:
    """The third does, unless an answer comes between; then nobody is asked. What was listed stays for its TTL."""

    async def scenario() -> None:
        async with world() as it:
            assert ["listed"] == await it.reasons("spam.example")
            for i in range(9):
                it.ns.fault(f"n{i}.example.dbl.example", "" if i == 2 else "servfail")
                assert () == await it.zones.find(f"n{i}.example")
            assert ("off", 5, 7) == (it.status.state, it.status.errors, it.status.asked)
            assert "servfail" in it.status.why
            assert ["listed"] == await it.reasons("spam.example")

    asyncio.run(scenario())


def test_a_dead_zone_does_not_hold_the_others_up() -> None:
    """Zones are asked at the same time; each is waited for as long as its own timeout says, self-test included."""

    async def scenario() -> None:
        sections = {"dead.example": Dnsbl(timeout=0.3), "dbl.example": Dnsbl()}
        async with world(sections) as it:
            for name in ("test.dead.example", "invalid.dead.example", "spam.example.dead.example"):
                it.ns.fault(name, "drop")
            flight = asyncio.create_task(it.zones.find("spam.example"))
            await until(lambda: it.zones.status()[1].listed == 1)
            assert not flight.done(), "the live zone has answered while the dead one is waited for"
            async with asyncio.timeout(5):
                assert ["listed"] == [listing.reason for listing in await flight]
            assert [("off", 0), ("usable", 1)] == [(zone.state, zone.asked) for zone in it.zones.status()]
            tested = it.ns.queries["test.dead.example"]
            assert [] == await it.reasons("other.example")
            assert tested == it.ns.queries["test.dead.example"]

    asyncio.run(scenario())


def test_a_wait_for_a_slot_is_bounded_and_not_the_zones_fault() -> None:
    """Who gets no slot in time has no statement; who gets it late leaves the zone no time, and that does not count."""

    async def scenario() -> None:
        async with world({"dbl.example": Dnsbl(timeout=0.6)}, concurrency=3) as it:
            await it.zones.test()
            for i in range(12):  # the first three hold the slots until Upstream's second try, after half of the time
                it.ns.fault(f"n{i}.example.dbl.example", "drop-first 1" if i < 3 else "drop")
            async with asyncio.timeout(5):
                found = await asyncio.gather(*(it.zones.find(f"n{i}.example") for i in range(12)))
            assert [()] * 12 == found
            assert it.status.errors >= 3, "enough in a row to switch it off, had it been given its time"
            assert "usable" == it.status.state

    asyncio.run(scenario())


def test_one_question_for_everyone_who_asks() -> None:
    """Also when one of them gives up; the next is answered from the cache."""

    async def scenario() -> None:
        async with world() as it:
            it.ns.fault("spam.example.dbl.example", "delay 0.05")
            finders = [asyncio.create_task(it.zones.find("spam.example")) for _ in range(50)]
            await until(lambda: it.status.asked > 0)
            finders[0].cancel()
            found = await asyncio.gather(*finders[1:])
            assert 1 == len(set(found)) == it.ns.queries["spam.example.dbl.example"]
            await it.zones.find("spam.example")
            assert (1, 0) == (it.ns.queries["spam.example.dbl.example"], it.zones.hits)

    asyncio.run(scenario())


def test_answers_hold_for_their_ttl_and_hot_names_are_refreshed() -> None:
    """After 80 % one question goes out in the background, answers come from the cache; delisting is seen."""

    async def scenario() -> None:
        async with world() as it:
            old = await it.zones.find("spam.example")
            it.clock.now += 79
            assert old == it.zones.cached("spam.example")
            assert it.zones.in_flight == 0
            it.ns.set("spam.example.dbl.example")
            it.clock.now += 2
            assert [old] * 9 == [it.zones.cached("spam.example") for _ in range(9)]
            await until(lambda: it.zones.in_flight == 0)
            assert () == it.zones.cached("spam.example")
            it.clock.now += 10_000
            assert it.zones.cached("spam.example") is None
            assert (11, 1) == (it.zones.hits, it.zones.misses)

    asyncio.run(scenario())


def test_a_refresh_that_fails_leaves_what_still_holds() -> None:
    """A listing outlives a failure until its own TTL is over, no longer."""

    async def scenario() -> None:
        async with world() as it:
            old = await it.zones.find("spam.example")
            it.ns.fault("spam.example.dbl.example", "servfail")
            it.clock.now += 81
            assert old == it.zones.cached("spam.example")
            await until(lambda: it.zones.in_flight == 0)
            it.clock.now += 14
            assert old == it.zones.cached("spam.example") == await it.zones.find("spam.example")
            assert 1 == it.status.errors
            it.clock.now += 5
            assert () == await it.zones.find("spam.example")

    asyncio.run(scenario())


def test_only_the_zone_that_failed_is_asked_again() -> None:
    """The others' answers hold for their own TTL, with their own time."""

    async def scenario() -> None:
        async with world({"dbl.example": Dnsbl(), "uri.example": Dnsbl(codes="uribl")}) as it:
            it.ns.set("spam.example.dbl.example", "900 A 127.0.0.2")
            it.ns.set("spam.example.uri.example", "900 A 127.0.0.2")
            it.ns.fault("spam.example.uri.example", "servfail")
            assert ["listed"] == await it.reasons("spam.example")
            it.ns.fault("spam.example.uri.example")
            it.clock.now += UNKNOWN_TTL
            assert [NOON, "2027-01-15T08:00:15Z"] == [found.version for found in await it.zones.find("spam.example")]
            assert 1 == it.ns.queries["spam.example.dbl.example"]

    asyncio.run(scenario())


def test_a_code_without_a_meaning_is_no_listing_but_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """It is counted each time, and logged once: somebody has to look the code up. The log knows no recipient."""

    async def scenario() -> None:
        async with world({"dbl.example": Dnsbl(codes="spamhaus-dbl")}) as it:
            it.ns.set("*.example.dbl.example", "A 127.0.1.77")
            for i in range(5):
                assert () == await it.zones.find(f"n{i}.example")
            assert ("usable", 5, 0) == (it.status.state, it.status.unknown_codes, it.status.listed)
            it.ns.set("flood.example.dbl.example", *(f"A 127.0.3.{i}" for i in range(1, 30)))
            for _ in range(UNKNOWN_CODES_MAX // 10):
                it.clock.now += 10_000
                await it.zones.find("flood.example")

    with caplog.at_level(logging.WARNING):
        asyncio.run(scenario())
    lines = [record.getMessage() for record in caplog.records]
    assert 1 == sum("127.0.1.77" in line for line in lines)
    assert len(lines) <= UNKNOWN_CODES_MAX
    assert not any("n0" in line or "flood" in line for line in lines)


def test_a_zones_key_stays_secret(caplog: pytest.LogCaptureFixture) -> None:
    """A zone whose name holds an account's key shows up as its name alone, whatever goes wrong."""

    async def ask(question: Question, deadline: float) -> Answer:
        raise RuntimeError(f"no way to ask for {question[0]}")

    async def scenario() -> None:
        sections = {"s3cr3tkey.dbl.example": Dnsbl(name="dbl")}
        async with world(sections, {"test.s3cr3tkey.dbl.example": ["A 127.0.0.2"]}) as it:
            it.ns.set("spam.example.s3cr3tkey.dbl.example", "A 127.0.0.2")
            assert "s3cr3tkey" not in str(await it.zones.find("spam.example"))
            it.ns.set("next.example.s3cr3tkey.dbl.example", "A 127.255.255.255")
            await it.zones.find("next.example")
            assert ("dbl", "off") == (it.status.name, it.status.state)
            assert "s3cr3tkey" not in str(it.status)
        broken = DnsblZones({"s3cr3tkey.dbl.example": Dnsbl(name="dbl")}, ask)
        assert () == await broken.find("spam.example")
        assert "s3cr3tkey" not in str(broken.status())

    with caplog.at_level(logging.DEBUG, logger="sidestep"):
        asyncio.run(scenario())
    assert "RuntimeError" in caplog.text
    assert "s3cr3tkey" not in caplog.text


def test_close_frees_those_who_wait() -> None:
    """Nobody hangs, nobody gets an exception; what is cached is still known, and nothing is asked any more."""

    async def scenario() -> None:
        async with world({"dbl.example": Dnsbl(timeout=30)}) as it:
            listed = await it.zones.find("spam.example")
            it.ns.fault("slow.example.dbl.example", "drop")
            waiters = asyncio.gather(*(it.zones.find("slow.example") for _ in range(3)))
            await until(lambda: it.status.asked == 2)
            await it.zones.close()
            assert [()] * 3 == await waiters
            assert (listed, ()) == (await it.zones.find("spam.example"), await it.zones.find("new.example"))
            assert 2 == it.status.asked

    asyncio.run(scenario())


def test_close_ends_a_self_test() -> None:
    """Also while a domain waits for it."""

    async def scenario() -> None:
        async with world({"dbl.example": Dnsbl(timeout=30)}) as it:
            it.ns.fault("test.dbl.example", "drop")
            waiter = asyncio.create_task(it.zones.find("spam.example"))
            await until(lambda: it.ns.queries["test.dbl.example"] > 0)
            await it.zones.close()
            assert () == await waiter
            assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(scenario())


def test_the_cache_keeps_within_its_size() -> None:
    """The oldest goes first."""

    async def scenario() -> None:
        async with world(cache_size=10) as it:
            for i in range(30):
                await it.zones.find(f"n{i}.example")
            assert list(range(20, 30)) == [i for i in range(30) if it.zones.cached(f"n{i}.example") is not None]

    asyncio.run(scenario())


@pytest.mark.parametrize("domain", ["", "example", "a..example", "x" * 64 + ".example", "\udc80.example", "192.0.2.1"])
def test_what_is_no_domain_is_not_asked_about(domain: str) -> None:
    """Nor does it count against the zone."""

    async def scenario() -> None:
        async with world() as it:
            assert () == await it.zones.find(domain) == it.zones.cached(domain)
            assert (0, 0) == (it.ns.queries.total(), it.status.errors)

    asyncio.run(scenario())


def test_without_zones_nobody_is_asked() -> None:
    """No section, no look-up, and nothing to wait for."""

    async def scenario() -> None:
        async with world({}) as it:
            assert () == it.zones.cached("spam.example") == await it.zones.find("spam.example")
            assert [] == it.zones.status()
            await it.zones.test()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"dbl example": Dnsbl()}, "no domain name"),
        ({"dbl.example": Dnsbl(codes="nope")}, "nope"),
        ({"dbl.example": Dnsbl(), "DBL.example.": Dnsbl()}, "two DNSBLs"),
        ({"d41d8cd98f00b204e9800998ec.dbl.example": Dnsbl()}, r"'….dbl.example' .* add name"),
        ({"d41d8cd98f00b204e9800998ec.dbl_example": Dnsbl(name="dbl")}, "'dbl' has no domain name"),
        ({"d41d8cd98f00b204e9800998ec.dbl_example": Dnsbl()}, "'….dbl_example' has no domain name"),
    ],
)
def test_mistakes_in_the_sources_file_are_told_at_the_start(sections: dict[str, Dnsbl], words: str) -> None:
    """Not at the first look-up; and no error shows what may be an account's key."""

    async def ask(question: Question, deadline: float) -> Answer:
        return Answer()

    with pytest.raises(SourcesError, match=words) as raised:
        DnsblZones(sections, ask)
    assert "d41d8" not in str(raised.value)
