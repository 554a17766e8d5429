"""The resolver against a real name server on loopback: every finding, every fault, sharing, deadlines, the cache."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvloop

from sidestep.schemas import MxFinding
from sidestep.streams.errors import SettingsError
from sidestep.streams.local.nameserver import SMALL_WORLD, NameServer
from sidestep.streams.screen.dns.answer import UNKNOWN_TTL
from sidestep.streams.screen.dns.domain_slots import SHARES
from sidestep.streams.screen.dns.exchanges import LISTED
from sidestep.streams.screen.dns.resolver import STALE_MAX, Resolver
from tests.waiting import until

Scenario = Callable[[NameServer, Resolver], Awaitable[None]]


class Clock:
    """Wall-clock time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def world(zones: Any = "", **options: Any) -> AsyncIterator[tuple[NameServer, Resolver]]:
    async with NameServer(zones) as ns:
        resolver = Resolver([ns.address], **options)
        yield ns, resolver
        await resolver.close()


def silent_port() -> socket.socket:
    """A UDP port that takes questions and never answers."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    return sock


def closed_port() -> int:
    """A UDP port that was free a moment ago."""
    with silent_port() as sock:
        port: int = sock.getsockname()[1]
        return port


EXPECTED = {
    "gmail.com": ("yes", "mx"),
    "lantern-books.example": ("yes", "mx"),
    "any.branches.example": ("yes", "mx"),
    "alias.example": ("yes", "mx"),
    "bulky.example": ("yes", "mx"),
    "gnail.com": ("yes", "mx"),
    "no-mail.example": ("no", "null-mx"),
    "gmial.com": ("no", "nxdomain"),
    "never-heard.example": ("no", "nxdomain"),
    "address-only.example": ("yes", "address"),
    "address-only-v6.example": ("yes", "address"),
    "private-address.example": ("no", "no-global-address"),
    "web-only.example": ("no", "no-address"),
    "sends-nothing.example": ("no", "spf-refuses-all"),
    "mx-to-nowhere.example": ("no", "no-usable-mx"),
    "broken.example": ("unknown", "servfail"),
    "refusing.example": ("unknown", "refused"),
    "silent.example": ("unknown", "timeout"),
    "circular.example": ("unknown", "cname-loop"),
    "forged.example": ("unknown", "timeout"),
}


@pytest.mark.parametrize("runner", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_the_small_world(runner: Callable[..., None]) -> None:
    """Every kind of domain in the demo's DNS is found to be what it is, on either event loop."""

    async def scenario() -> None:
        async with world(SMALL_WORLD, timeout=2.0) as (_, resolver):
            findings = await asyncio.gather(*(resolver.find(domain) for domain in EXPECTED))
            assert {d: (f.outcome, f.reason) for d, f in zip(EXPECTED, findings, strict=True)} == EXPECTED
            assert len(EXPECTED) == sum(resolver.outcomes.values())
            assert resolver.in_flight == 0

    runner(scenario())


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("servfail", "servfail"),
        ("refuse", "refused"),
        ("drop", "timeout"),
        ("delay 9", "timeout"),
        ("lie-id", "timeout"),
        ("lie-question", "timeout"),
        ("garble", "timeout"),
        ("lame", "malformed"),
        ("no-tcp", "malformed"),
        ("cname-loop", "cname-loop"),
    ],
)
def test_faults_are_unknown_within_the_deadline(fault: str, reason: str) -> None:
    """No fault of a server is taken for a "no", none takes longer than the timeout, none asks for A instead."""

    async def scenario() -> None:
        async with world({"x.example": ["MX 10 mx.x.example"]}, timeout=0.4) as (ns, resolver):
            ns.fault("x.example", fault)
            start = time.monotonic()
            finding = await resolver.find("x.example")
            assert time.monotonic() - start < 5
            assert ("unknown", reason, UNKNOWN_TTL) == (finding.outcome, finding.reason, finding.ttl)
            assert ns.queries["x.example/A"] == 0

    asyncio.run(scenario())


def test_half_an_address_is_enough() -> None:
    """A SERVFAIL on A does not matter while AAAA has a global address."""

    async def scenario() -> None:
        async with world("x.example AAAA 2606:2800::1\n;! servfail x.example/A") as (_, resolver):
            finding = await resolver.find("x.example")
            assert (finding.outcome, finding.reason) == ("yes", "address")

    asyncio.run(scenario())


@pytest.mark.parametrize("domain", ["a..b", "x" * 64 + ".example", ".".join(["x" * 60] * 5), "", "\udc80.example"])
def test_names_that_dns_cannot_hold(domain: str) -> None:
    """Never an exception, and nothing is sent."""

    async def scenario() -> None:
        async with world() as (ns, resolver):
            finding = await resolver.find(domain)
            assert finding.outcome != "yes"
            assert domain == "" or ns.queries.total() == 0

    asyncio.run(scenario())


def test_truncated_answers_are_fetched_over_tcp() -> None:
    """A domain with more exchanges than fit into a datagram is read whole."""

    async def scenario() -> None:
        records = [f"MX {i} exchange-number-{i}.a-rather-long-name.x.example" for i in range(40)]
        async with world({"x.example": records}) as (ns, resolver):
            assert (await resolver.find("x.example")).outcome == "yes"
            assert ns.queries["x.example/MX"] == 2

    asyncio.run(scenario())


def test_a_domain_with_too_much_to_say_is_unknown_and_costs_little() -> None:
    """Hundreds of records over TCP are not even received: unknown, for that reason."""

    async def scenario() -> None:
        fat = [f"MX {number} mx{number}.x.example" for number in range(600)]
        async with world({"x.example": fat}, timeout=30.0) as (_, resolver):
            finding = await resolver.find("x.example")
            assert ("unknown", "too-large") == (finding.outcome, finding.reason)

    asyncio.run(scenario())


def test_many_records_are_a_yes_with_the_first_of_them() -> None:
    """A domain with more exchanges than are looked at takes mail all the same."""

    async def scenario() -> None:
        many = [f"MX {number} mx{number}.x.example" for number in range(40)]
        async with world({"x.example": many}) as (_, resolver):
            finding = await resolver.find("x.example")
            assert (finding.outcome, len(finding.exchanges)) == ("yes", LISTED)

    asyncio.run(scenario())


def test_one_query_for_everyone_who_asks() -> None:
    """A hundred concurrent questions for one name are one query, and all get the same finding."""

    async def scenario() -> None:
        async with world("x.example MX 10 mx.x.example\n;! delay 0.1 x.example") as (ns, resolver):
            findings = await asyncio.gather(*(resolver.find("x.example") for _ in range(100)))
            assert 1 == len(set(findings)) == ns.queries["x.example"] == resolver.queries

    asyncio.run(scenario())


def test_a_waiter_that_is_cancelled_leaves_the_query_to_the_others() -> None:
    """Neither the first nor a later waiter takes the shared query down with it."""

    async def scenario() -> None:
        async with world("x.example MX 10 mx.x.example\n;! delay 0.1 x.example") as (ns, resolver):
            waiters = [asyncio.create_task(resolver.find("x.example")) for _ in range(3)]
            await until(lambda: ns.queries["x.example"] == 1)
            waiters[0].cancel()
            waiters[1].cancel()
            *cancelled, result = await asyncio.gather(*waiters, return_exceptions=True)
            assert [asyncio.CancelledError] * 2 == [type(result) for result in cancelled]
            assert isinstance(result, MxFinding) and result.outcome == "yes"
            assert ns.queries["x.example"] == 1

    asyncio.run(scenario())


def test_no_more_than_the_cap_are_under_way() -> None:
    """While four names that never answer hold the four slots, a fifth is not asked for."""

    async def scenario() -> None:
        silent = [f"n{i}.example" for i in range(4)]
        async with world({"x.example": ["MX 10 mx.example"]}, concurrency=4) as (ns, resolver):
            for name in silent:
                ns.fault(name, "drop")
            finds = asyncio.gather(*(resolver.find(name) for name in silent))
            await until(lambda: all(ns.queries[name] for name in silent))
            fifth = asyncio.create_task(resolver.find("x.example"))
            done, _ = await asyncio.wait({fifth}, timeout=0.1)
            assert (set(), 0, 5) == (done, ns.queries["x.example"], resolver.in_flight)
            await resolver.close()
            await asyncio.gather(finds, fifth)

    asyncio.run(scenario())


def test_the_names_of_one_domain_leave_slots_for_others() -> None:
    """However many names of a silent domain wait: others are looked up meanwhile."""

    async def scenario() -> None:
        zones = {"*.silent.example": ["MX 10 mx"], "honest.example": ["MX 10 mx.honest.example"]}
        async with world(zones, concurrency=SHARES, timeout=120.0) as (ns, resolver):
            names = [f"n{number}.silent.example" for number in range(10 * SHARES)]
            for name in names:
                ns.fault(name, "drop")
            silent = [asyncio.create_task(resolver.find(name)) for name in names]
            await until(lambda: len(ns.queries) > 0)
            async with asyncio.timeout(30):
                assert (await resolver.find("honest.example")).outcome == "yes"
            assert not any(task.done() for task in silent)
            await resolver.close()
            assert {"closed"} == {finding.reason for finding in await asyncio.gather(*silent)}
            assert not resolver._slots._shares

    asyncio.run(scenario())


def test_those_beyond_the_cap_get_their_turn() -> None:
    """Slots are given back, whatever the answers were."""

    async def scenario() -> None:
        names = [f"n{i}.example" for i in range(50)]
        async with world({"*.example": ["MX 10 mx.example"]}, concurrency=2) as (ns, resolver):
            ns.fault("n0.example", "servfail")
            outcomes = [finding.outcome for finding in await asyncio.gather(*(resolver.find(name) for name in names))]
            assert outcomes == ["unknown"] + ["yes"] * 49

    asyncio.run(scenario())


def test_the_wait_for_a_slot_counts_towards_the_deadline() -> None:
    """With one slot taken by silence, whoever waits behind it is told "timeout" just as soon."""

    async def scenario() -> None:
        async with world(";! drop a.example b.example c.example", concurrency=1, timeout=0.3) as (_, resolver):
            start = time.monotonic()
            findings = await asyncio.gather(*(resolver.find(f"{name}.example") for name in "abc"))
            assert time.monotonic() - start < 5
            assert {("unknown", "timeout")} == {(finding.outcome, finding.reason) for finding in findings}

    asyncio.run(scenario())


def test_a_lost_datagram_is_asked_for_again() -> None:
    """UDP loses packets: the second try comes well before the deadline."""

    async def scenario() -> None:
        async with world("x.example MX 10 mx.x.example\n;! drop-first 1 x.example", timeout=1) as (ns, resolver):
            assert (await resolver.find("x.example")).outcome == "yes"
            assert ns.queries["x.example"] == 2

    asyncio.run(scenario())


def test_the_second_server_is_asked_when_the_first_cannot_answer() -> None:
    """Silence, a closed port and a refusal all lead to the next server; afterwards that one is asked first."""

    async def scenario(first: tuple[str, int]) -> None:
        async with NameServer({f"{c}.example": ["MX 10 mx.example"] for c in "ab"}) as ns:
            resolver = Resolver([first, ns.address], timeout=1)
            assert (await resolver.find("a.example")).outcome == "yes"
            before = resolver.queries
            assert (await resolver.find("b.example")).outcome == "yes"
            assert resolver.queries - before == 1
            await resolver.close()

    with silent_port() as sock, NameServer(";! refuse a.example") as refusing:
        for first in (sock.getsockname(), ("127.0.0.1", closed_port()), refusing.address):
            asyncio.run(scenario(first))


def test_a_closed_port_is_known_at_once() -> None:
    """Where no server listens, nobody waits for the deadline."""

    async def scenario() -> None:
        resolver = Resolver([("127.0.0.1", closed_port())], timeout=5)
        async with asyncio.timeout(1):
            finding = await resolver.find("x.example")
        assert (finding.outcome, finding.reason) == ("unknown", "unreachable")

    asyncio.run(scenario())


def test_answers_are_remembered_for_their_ttl() -> None:
    """No second query before the TTL is over; afterwards `cached` knows nothing and `find` asks."""

    async def scenario() -> None:
        clock = Clock()
        async with world({"x.example": ["600 MX 10 mx.x.example"]}, clock=clock) as (ns, resolver):
            assert resolver.cached("x.example") is None
            finding = await resolver.find("x.example")
            assert MxFinding("yes", "mx", int(clock.now * 1000), 600, ("mx.x.example",)) == finding
            clock.now += 470
            assert finding == resolver.cached("x.example") == await resolver.find("x.example")
            clock.now += 130
            assert resolver.cached("x.example") is None
            assert finding.checked_at + 600_000 == (await resolver.find("x.example")).checked_at
            assert (ns.queries["x.example"], resolver.hits, resolver.misses) == (2, 1, 2)

    asyncio.run(scenario())


def test_negative_answers_are_remembered_for_the_soa_minimum() -> None:
    """RFC 2308: the zone says for how long a name does not exist."""

    async def scenario() -> None:
        async with world("$TTL 900\n$ORIGIN zone.example.\n@ SOA ns hostmaster 1 2 3 4 77") as (_, resolver):
            assert (await resolver.find("gone.zone.example")).ttl == 77

    asyncio.run(scenario())


def test_a_hot_name_is_refreshed_before_it_expires() -> None:
    """After 80 % of the TTL one query goes out in the background; every answer meanwhile comes from the cache."""

    async def scenario() -> None:
        clock = Clock()
        async with world({"x.example": ["100 MX 10 mx.x.example"]}, clock=clock) as (ns, resolver):
            old = await resolver.find("x.example")
            clock.now += 79
            assert old == resolver.cached("x.example")
            assert resolver.in_flight == 0
            clock.now += 2
            ns.set("x.example", "MX 0 .")
            assert [old] * 50 == [resolver.cached("x.example") for _ in range(50)]
            await until(lambda: resolver.in_flight == 0)
            new = resolver.cached("x.example")
            assert new is not None
            assert ("no", "null-mx", int(clock.now * 1000)) == (new.outcome, new.reason, new.checked_at)
            assert (ns.queries["x.example"], resolver.misses) == (2, 0)

    asyncio.run(scenario())


def test_unknown_is_remembered_briefly() -> None:
    """A name in trouble is not asked for again for a quarter of a minute, then it is, and is well."""

    async def scenario() -> None:
        clock = Clock()
        async with world("x.example MX 10 mx.x.example\n;! servfail x.example", clock=clock) as (ns, resolver):
            assert (await resolver.find("x.example")).outcome == "unknown"
            asked = ns.queries["x.example"]
            ns.fault("x.example")
            clock.now += UNKNOWN_TTL - 1
            assert (await resolver.find("x.example")).outcome == "unknown"
            assert asked == ns.queries["x.example"]
            clock.now += 1
            assert (await resolver.find("x.example")).outcome == "yes"

    asyncio.run(scenario())


@pytest.mark.parametrize(("records", "outcome"), [(["60 MX 10 mx.x.example"], "yes"), (["60 MX 0 ."], "no")])
def test_what_was_known_outlives_an_outage_for_a_day(records: list[str], outcome: str) -> None:
    """While the servers fail, the old finding is given with its old time, until a day after it was checked."""

    async def scenario() -> None:
        clock = Clock()
        async with world({"x.example": records}, clock=clock) as (ns, resolver):
            old = await resolver.find("x.example")
            ns.fault("x.example", "servfail")
            clock.now += 3600
            assert old == await resolver.find("x.example") == resolver.cached("x.example")
            assert (outcome, 1) == (old.outcome, resolver.stale)
            clock.now = old.checked_at / 1000 + STALE_MAX
            assert resolver.cached("x.example") is None
            assert (await resolver.find("x.example")).outcome == "unknown"

    asyncio.run(scenario())


def test_an_outage_ends_for_stale_names_when_the_servers_answer_again() -> None:
    """A stale name that is asked for is retried in the background, and replaced by the first real answer."""

    async def scenario() -> None:
        clock = Clock()
        async with world({"x.example": ["60 MX 10 mx.x.example"]}, clock=clock) as (ns, resolver):
            old = await resolver.find("x.example")
            ns.fault("x.example", "servfail")
            clock.now += 61
            await resolver.find("x.example")
            ns.fault("x.example")
            clock.now += UNKNOWN_TTL
            assert old == resolver.cached("x.example")
            await until(lambda: resolver.in_flight == 0)
            assert old.checked_at + 76_000 == (await resolver.find("x.example")).checked_at

    asyncio.run(scenario())


def test_the_cache_keeps_within_its_size_and_to_what_is_asked_for() -> None:
    """A flood of names that nobody asks for twice does not push out one that is in use."""

    async def scenario() -> None:
        async with world({"*.example": ["MX 10 mx.example"]}, cache_size=10) as (_, resolver):
            await resolver.find("hot.example")
            for i in range(40):
                await resolver.find(f"n{i}.example")
                assert resolver.cached("hot.example") is not None
            known = [i for i in range(40) if resolver.cached(f"n{i}.example")]
            assert list(range(31, 40)) == known

    asyncio.run(scenario())


def test_close_frees_those_who_wait() -> None:
    """Nobody hangs and nobody gets an exception; afterwards what is cached is still known and nothing is asked."""

    async def scenario() -> None:
        async with world("y.example MX 10 mx.y.example\n;! drop x.example") as (ns, resolver):
            await resolver.find("y.example")
            waiters = asyncio.gather(*(resolver.find("x.example") for _ in range(3)))
            await until(lambda: ns.queries["x.example"] > 0)
            await resolver.close()
            assert [(finding.outcome, finding.reason) for finding in await waiters] == [("unknown", "closed")] * 3
            assert (await resolver.find("y.example")).outcome == "yes"
            assert (await resolver.find("z.example")).reason == "closed"

    asyncio.run(scenario())


def test_ipv6_servers_work() -> None:
    """The servers of many systems have IPv6 addresses only."""

    async def scenario() -> None:
        async with NameServer({"x.example": ["MX 10 mx.x.example"]}, host="::1") as ns:
            resolver = Resolver([ns.address])
            assert (await resolver.find("x.example")).outcome == "yes"
            await resolver.close()

    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind(("::1", 0))
        except OSError:
            pytest.skip("no IPv6 on loopback here")
    asyncio.run(scenario())


@pytest.mark.parametrize("servers", [[], [("dns.example", 53)]])
def test_servers_must_be_given_by_address(servers: list[tuple[str, int]]) -> None:
    """A mistake in the settings is told at the start, not at the first look-up."""
    with pytest.raises(SettingsError, match="name server"):
        Resolver(servers)
