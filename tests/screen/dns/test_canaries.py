"""A resolver whose name servers lie: what it believes, from when to when, and what that costs honest ones."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from sidestep.streams.local.nameserver import NameServer
from sidestep.streams.screen.dns import canaries
from sidestep.streams.screen.dns.canaries import CALM, HASTY, MANY_DENIALS, shipped_canaries
from sidestep.streams.screen.dns.resolver import Resolver
from sidestep.streams.screen.dns.trust import ANSWERS_ALL, DENIES_ALL, DISTRUST_TTL

PUBLIC = "A 93.184.215.14"
PORTAL = "A 198.105.244.11"
CANARIES = ("one.example", "two.example", "three.example")
HONEST = {name: [f"MX 10 mx.{name}"] for name in CANARIES}

Scenario = Callable[["World"], Awaitable[None]]


class World:
    """A name server, a resolver that asks it, and a clock that goes when a test says so."""

    def __init__(self, ns: NameServer, **options: Any) -> None:
        self.ns = ns
        self.now = 1_800_000_000.0
        self.resolver = Resolver([ns.address], clock=lambda: self.now, canaries=CANARIES, **options)

    async def find(self, domain: str) -> tuple[str, str]:
        """Outcome and reason."""
        finding = await self.resolver.find(domain)
        return finding.outcome, finding.reason

    def set(self, zones: dict[str, list[str]]) -> None:
        """Change names while the server runs; no records: the name is gone."""
        for name, records in zones.items():
            self.ns.set(name, *records)

    @property
    def asked(self) -> int:
        """Questions about canaries themselves."""
        return sum(self.ns.queries[name] for name in CANARIES)


@asynccontextmanager
async def world(zones: dict[str, list[str]], **options: Any) -> AsyncIterator[World]:
    async with NameServer(zones) as ns:
        made = World(ns, **options)
        yield made
        await made.resolver.close()


def run(scenario: Scenario, zones: dict[str, list[str]], **options: Any) -> None:
    """Run a scenario in a world."""

    async def main() -> None:
        async with world(zones, **options) as it:
            await scenario(it)

    asyncio.run(main())


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Little patience with canaries that are silent."""
    monkeypatch.setattr(canaries, "PATIENCE_FIRST", 0.1)
    monkeypatch.setattr(canaries, "PATIENCE", 0.2)


DENYING = {
    "nxdomain": {"y.example": ["MX 10 mx.y.example"]},
    "no-data": {"*": ["TXT nothing"]},
    "null-mx": {"*": ["MX 0 ."]},
    "dangling-mx": {"x.example": ["MX 10 mx.x.example"]},
}


@pytest.mark.parametrize("zones", DENYING.values(), ids=DENYING)
def test_denials_of_who_denies_canaries_are_unknown(zones: dict[str, list[str]]) -> None:
    """From the first one on, however they are worded, and for a few seconds only."""

    async def scenario(at: World) -> None:
        finding = await at.resolver.find("x.example")
        assert ("unknown", DENIES_ALL, DISTRUST_TTL) == (finding.outcome, finding.reason, finding.ttl)
        assert not at.resolver.trust.sound
        at.now += DISTRUST_TTL
        assert at.resolver.cached("x.example") is None

    run(scenario, zones, check_exchanges=True)


def test_what_takes_mail_is_believed_of_liars_too() -> None:
    """An internal name server that knows only names of its own denies canaries; what it has, it has."""

    async def scenario(at: World) -> None:
        assert ("unknown", DENIES_ALL) == await at.find("x.example")
        assert ("yes", "mx") == await at.find("y.example")

    run(scenario, DENYING["nxdomain"])


def test_without_canaries_name_servers_are_believed() -> None:
    """For those who switched it off all is as it was, and nothing more is asked."""

    async def scenario() -> None:
        async with NameServer({"*.w.example": [PORTAL]}) as ns:
            resolver = Resolver([ns.address])
            assert "no" == (await resolver.find("x.example")).outcome
            assert "yes" == (await resolver.find("x.w.example")).outcome
            assert {"x.example", "x.w.example"} == {name for name in ns.queries if "/" not in name}
            await resolver.close()

    asyncio.run(scenario())


def test_honest_servers_are_asked_one_question_a_minute() -> None:
    """The first denial asks for one canary; the denials of the minute that follows do not."""

    async def scenario(at: World) -> None:
        for minute in range(1, 4):
            for number in range(MANY_DENIALS - 1):
                assert ("no", "nxdomain") == await at.find(f"gone{minute}-{number}.example")
            assert minute == at.asked
            assert ("yes", "mx") == await at.find(f"x{minute}.good.example")
            at.now += CALM

    run(scenario, HONEST | {"*.good.example": ["MX 10 mx.example"]})


def test_mail_that_is_taken_asks_for_no_canary() -> None:
    """Most look-ups end in an exchange: they cost what they always did."""

    async def scenario(at: World) -> None:
        for number in range(20):
            assert ("yes", "mx") == await at.find(f"x{number}.good.example")
        assert (0, 20) == (at.asked, at.resolver.queries)

    run(scenario, HONEST | {"*.good.example": ["MX 10 mx.example"]})


def test_everybody_who_waits_shares_the_look() -> None:
    """A hundred denials at once ask for one canary."""

    async def scenario(at: World) -> None:
        found = await asyncio.gather(*(at.find(f"gone{number}.example") for number in range(100)))
        assert ({("no", "nxdomain")}, 1) == (set(found), at.asked)

    run(scenario, HONEST)


def test_many_denials_in_a_row_are_looked_into() -> None:
    """A network that loses its way out within the minute is caught soon, however well the canaries were before."""

    async def scenario(at: World) -> None:
        assert ("no", "nxdomain") == await at.find("gone.example")
        at.set({name: [] for name in CANARIES})
        at.now += HASTY
        found = [await at.find(f"x{number}.example") for number in range(2 * MANY_DENIALS)]
        assert found.count(("no", "nxdomain")) < MANY_DENIALS
        assert ("unknown", DENIES_ALL) == found[-1]

    run(scenario, HONEST)


def test_a_domain_that_took_mail_is_not_denied_without_a_fresh_look() -> None:
    """A lie within the minute must not reach the names in use, of all; a canary's own denial is a sign at once."""

    async def scenario(at: World) -> None:
        assert ("yes", "mx") == await at.find("x.example")
        at.now += CALM
        assert ("no", "nxdomain") == await at.find("gone.example")
        at.set({name: [] for name in ("x.example", *CANARIES)})
        assert ("yes", "mx") == await at.find("x.example")
        assert (1, False) == (at.resolver.stale, at.resolver.trust.sound)

    async def canary(at: World) -> None:
        assert ("no", "nxdomain") == await at.find("gone.example")
        at.set({name: [] for name in CANARIES})
        assert ("unknown", DENIES_ALL) == await at.find("one.example")

    run(scenario, HONEST | {"x.example": ["60 MX 10 mx.x.example"]})
    run(canary, HONEST)


def test_what_was_believed_since_they_were_last_sound_is_forgotten() -> None:
    """It may have been the first lie; what was denied before that stays known."""

    async def scenario(at: World) -> None:
        await at.find("gone.example")
        at.now += CALM
        await at.find("gone-too.example")
        at.now += 1
        at.set({name: [] for name in CANARIES} | {"lie.example": ["600 MX 0 ."]})
        assert ("no", "null-mx") == await at.find("lie.example")
        at.now += CALM
        assert ("unknown", DENIES_ALL) == await at.find("other.example")
        assert at.resolver.cached("lie.example") is None
        assert at.resolver.cached("gone.example") is not None

    run(scenario, HONEST | {"gone.example": ["600 MX 0 ."]})


def test_the_mended_are_believed_at_the_next_attempt() -> None:
    """Nothing that liars said of a domain or of its exchange outlives their mending."""

    async def scenario(at: World) -> None:
        for _ in range(2):
            assert ("unknown", DENIES_ALL) == await at.find("x.example")
            at.now += DISTRUST_TTL
        at.set(HONEST | {"mx.x.example": [PUBLIC]})
        at.now += DISTRUST_TTL
        await at.resolver.refresh_trust()
        assert at.resolver.trust.sound
        assert ("yes", "mx") == await at.find("x.example")
        assert ("no", "nxdomain") == await at.find("gone.example")

    run(scenario, {"x.example": ["MX 10 mx.x.example"]}, check_exchanges=True)


def test_a_denial_of_liars_is_not_believed_because_they_are_mended_meanwhile() -> None:
    """Its conversation began with liars: only a new one counts."""

    async def scenario(at: World) -> None:
        await at.find("y.example")
        at.now += HASTY
        at.ns.fault("x.example", "delay 0.3")
        asking = asyncio.create_task(at.find("x.example"))
        while not at.ns.queries["x.example"]:
            await asyncio.sleep(0.002)
        at.set(HONEST)
        await at.resolver.refresh_trust()
        assert at.resolver.trust.sound
        assert ("unknown", DENIES_ALL) == await asking

    run(scenario, {"z.example": ["MX 10 mx.z.example"]})


def test_what_was_known_before_the_lie_is_served(hurried: None) -> None:
    """A domain that took mail yesterday takes mail while nobody can be believed about it (RFC 8767)."""

    async def scenario(at: World) -> None:
        assert ("yes", "mx") == await at.find("x.example")
        at.set({"x.example": []})
        at.now += 3600
        assert ("yes", "mx") == await at.find("x.example")
        assert 1 == at.resolver.stale

    run(scenario, {"x.example": ["60 MX 10 mx.x.example"]})


@pytest.mark.parametrize("fault", ["drop", "servfail", "refuse"])
def test_silent_canaries_say_nothing(fault: str, hurried: None) -> None:
    """A denial is believed where no canary has an answer; a liar who falls silent is still one."""

    async def scenario(at: World) -> None:
        for name in CANARIES:
            at.ns.fault(name, fault)
        assert ("no", "nxdomain") == await at.find("gone.example")
        for name in CANARIES:
            at.ns.fault(name)
        at.now += HASTY
        assert ("unknown", DENIES_ALL) == await at.find("x.example")
        for name in CANARIES:
            at.ns.fault(name, fault)
        at.now += HASTY
        await at.resolver.refresh_trust()
        assert ("unknown", DENIES_ALL) == await at.find("x.example")

    run(scenario, {}, timeout=1.0)


def test_one_canary_that_is_blocked_proves_nothing() -> None:
    """A country's filter denies one of them: the others outvote it."""

    async def scenario(at: World) -> None:
        for number in range(8):
            assert ("no", "nxdomain") == await at.find(f"gone{number}.example")
            at.now += CALM
        assert at.resolver.trust.sound

    run(scenario, {name: records for name, records in HONEST.items() if name != "one.example"})


def test_what_cannot_be_weighed_in_time_is_unknown() -> None:
    """No look-up outlives its deadline, and no denial is believed for want of time."""

    async def scenario(at: World) -> None:
        for name in CANARIES:
            at.ns.fault(name, "drop")
        began = time.monotonic()
        assert ("unknown", "timeout") == await at.find("gone.example")
        assert time.monotonic() - began < 5

    run(scenario, HONEST, timeout=0.3)


def test_a_clock_that_is_set_back_does_not_keep_an_old_look() -> None:
    """Otherwise an hour's jump would be an hour of believing."""

    async def scenario(at: World) -> None:
        await at.find("gone.example")
        at.set({name: [] for name in CANARIES})
        at.now -= 3600
        assert ("unknown", DENIES_ALL) == await at.find("x.example")

    run(scenario, HONEST)


# -- an address for every name -----------------------------------------------------------------------------------------

PORTALS = {
    "public": {"*": [PORTAL]},
    "private": {"*": ["A 10.0.0.1"]},
    "alias": {"*": ["CNAME portal.home."], "portal.home": [PORTAL]},
}


@pytest.mark.parametrize("zones", PORTALS.values(), ids=PORTALS)
def test_addresses_of_who_has_one_for_every_name_are_unknown(zones: dict[str, list[str]]) -> None:
    """The portal's own and a private one alike: neither makes a domain take mail, nor does it take it from one."""

    async def scenario(at: World) -> None:
        finding = await at.resolver.find("x.test")
        assert ("unknown", ANSWERS_ALL, DISTRUST_TTL) == (finding.outcome, finding.reason, finding.ttl)
        assert at.resolver.trust.invented

    run(scenario, zones)


def test_a_portal_that_hands_mx_through_is_caught_by_its_addresses() -> None:
    """An exchange is not "only on private addresses" because the portal says so of every host."""

    async def scenario(at: World) -> None:
        assert ("unknown", ANSWERS_ALL) == await at.find("x.example")
        at.set({"*": [], "*.example": [], **{f"*.{name}": [] for name in CANARIES}, "mx.x.home": [PUBLIC]})
        at.now += HASTY
        await at.resolver.refresh_trust()
        assert ("yes", "mx") == await at.find("x.example")

    # below a name that exists another wildcard is needed (RFC 4592)
    portal = {f"*{below}": ["A 10.0.0.1"] for below in ("", ".example", *(f".{name}" for name in CANARIES))}
    run(scenario, HONEST | portal | {"x.example": ["MX 10 mx.x.home."]}, check_exchanges=True)


def test_a_stub_that_knows_invalid_itself_hides_no_portal() -> None:
    """Names below .invalid may be answered on this machine (RFC 6761): those below canaries are not."""

    async def scenario(at: World) -> None:
        assert ("unknown", ANSWERS_ALL) == await at.find("x.test")

    run(scenario, {"*": [PORTAL], "here.invalid": ["TXT nothing"], "*.invalid": ["TXT nothing"]})


def test_a_domain_on_an_address_alone_is_believed_of_honest_servers() -> None:
    """One made-up name a minute is asked for, a fresh one each time."""

    async def scenario(at: World) -> None:
        for number in range(3):
            for _ in range(2):
                assert ("yes", "address") == await at.find(f"x{number}.address.example")
            at.now += CALM
        made_up = [name for name in at.ns.queries if "sidestep-" in name and "/" not in name]
        assert 3 == len(made_up)
        assert 0 == at.asked

    run(scenario, HONEST | {"*.address.example": [PUBLIC]})


def test_a_canary_with_a_wildcard_of_its_own_is_no_portal() -> None:
    """Made-up names of the others have no address."""

    async def scenario(at: World) -> None:
        for number in range(6):
            assert ("yes", "address") == await at.find(f"x{number}.address.example")
            at.now += CALM

    run(scenario, HONEST | {"*.address.example": [PUBLIC], "*.one.example": [PORTAL]})


# -- what is told ------------------------------------------------------------------------------------------------------


def test_the_log_tells_each_change_once(caplog: pytest.LogCaptureFixture) -> None:
    """When they begin to lie, and when they have ceased; not each time that it is noticed."""

    async def scenario(at: World) -> None:
        for turn in range(3):
            at.set({name: [] for name in CANARIES})
            for number in range(3):
                at.now += CALM
                await at.find(f"x{turn}-{number}.example")
            at.set(HONEST)
            for _ in range(3):
                at.now += HASTY
                await at.resolver.refresh_trust()

    with caplog.at_level(logging.INFO, canaries.__name__):
        run(scenario, HONEST)
    said = [record.getMessage() for record in caplog.records]
    assert 6 == len(said)
    assert all("they deny domains that certainly exist: one.example" in text for text in said[::2])
    assert {"the name servers are to be believed again"} == set(said[1::2])


def test_a_resolver_that_is_closed_asks_for_nothing() -> None:
    """Whoever waits for a canary then is told that it was closed."""

    async def scenario(at: World) -> None:
        for name in CANARIES:
            at.ns.fault(name, "drop")
        asking = asyncio.create_task(at.find("gone.example"))
        while not at.asked:
            await asyncio.sleep(0.002)
        await at.resolver.close()
        assert ("unknown", "closed") == await asking

    run(scenario, {})


def test_several_domains_and_a_canary_tell_servers_out_of_reach(hurried: None) -> None:
    """Broken domains alone do not, while a canary has an answer, be it a denial."""

    async def scenario(at: World) -> None:
        broken = [f"broken{number}.example" for number in range(5)]
        for name in broken:
            at.ns.fault(name, "servfail")
        for name in broken:
            await at.find(name)
        assert not await at.resolver.out_of_reach()
        at.now += HASTY
        for name in CANARIES:
            at.ns.fault(name, "drop")
        assert await at.resolver.out_of_reach()
        at.now += HASTY
        at.ns.fault("two.example")
        assert not await at.resolver.out_of_reach()

    run(scenario, HONEST)


def test_the_canaries_that_ship_are_several_and_sound() -> None:
    """A majority of several operators; each a name that DNS can be asked for as it stands."""
    names = shipped_canaries()
    assert len(set(names)) == len(names) >= 5
    assert all(name == name.lower() and "." in name for name in names)
