"""What the role screen does beside its batches."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from sidestep.streams.local.nameserver import NameServer
from sidestep.streams.observe.health import Health, Patience
from sidestep.streams.roles import screen
from sidestep.streams.roles.screen import follow_dns, keep_in_log
from sidestep.streams.screen.dns import canaries
from sidestep.streams.screen.dns.resolver import Resolver
from sidestep.topics.errors import PublishFailed

PATIENCE = Patience(dns=0.0)
"""Whatever fails counts at once."""
CANARIES = ("one.example", "two.example")
HONEST = {name: ["MX 10 mx.example"] for name in CANARIES}


class Followed:
    """A resolver, a name server that it asks, and the health that follows."""

    def __init__(self, ns: NameServer, health: Health, resolver: Resolver):
        self.ns, self._health, self._resolver = ns, health, resolver

    async def look_up(self, *domains: str) -> None:
        """Ask about domains, one after the other."""
        for domain in domains:
            await self._resolver.find(domain)

    async def asked_a_canary(self) -> None:
        """Returns when a canary has been asked for."""
        async with asyncio.timeout(10):
            while not sum(self.ns.queries[name] for name in CANARIES):
                await asyncio.sleep(0.001)

    async def says(self, text: str, expected: bool = True) -> None:
        """Returns when /readyz has a reason with this text, or none."""
        async with asyncio.timeout(10):
            while expected != any(text in reason for reason in self._health.readyz()[1]["reasons"]):
                await asyncio.sleep(0.001)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Canaries are asked often, and are waited for shortly."""
    monkeypatch.setattr(screen, "BEAT_SECONDS", 0.001)
    for name in ("PATIENCE_FIRST", "PATIENCE", "HASTY"):
        monkeypatch.setattr(canaries, name, 0.05)


async def _followed(scenario: Callable[[Followed], Awaitable[None]]) -> None:
    async with NameServer(HONEST) as ns:
        health, resolver = Health(patience=PATIENCE), Resolver([ns.address], timeout=0.2, canaries=CANARIES)
        following = asyncio.create_task(follow_dns(resolver, health))
        await scenario(Followed(ns, health, resolver))
        following.cancel()
        await resolver.close()


def test_broken_domains_are_told_from_broken_name_servers(hurried: None) -> None:
    """One domain without an answer is nothing, nor are several while a canary has one; without any, it is told."""

    async def scenario(at: Followed) -> None:
        for name in ("a.example", "b.example", "c.example"):
            at.ns.fault(name, "drop")
        await at.look_up("a.example")
        await at.says("No name server", False)
        await at.look_up("b.example", "c.example")
        await at.asked_a_canary()
        await at.says("No name server", False)
        for name in CANARIES:
            at.ns.fault(name, "drop")
        await at.says("No name server")
        at.ns.fault("two.example")
        await at.says("No name server", False)

    asyncio.run(_followed(scenario))


def test_readiness_tells_of_liars_until_they_are_mended(hurried: None) -> None:
    """With what they deny; it mends by itself, also where nobody asks any more."""

    async def scenario(at: Followed) -> None:
        for name in CANARIES:
            at.ns.set(name)
        await at.look_up("x.example")
        await at.says("not to be believed: they deny domains that certainly exist: one.example")
        for name, records in HONEST.items():
            at.ns.set(name, *records)
        await at.says("not to be believed", False)

    asyncio.run(_followed(scenario))


def test_what_is_in_force_is_renewed_on_and_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """However long nothing changes, and also after Kafka was away."""
    monkeypatch.setattr(screen, "RENEWAL_SECONDS", 0.001)
    times: list[int] = []

    async def renewed_thrice() -> None:
        done = asyncio.Event()

        async def renew() -> None:
            times.append(len(times))
            if len(times) == 1:
                raise PublishFailed("no answer in time")
            if len(times) == 3:
                done.set()

        keeping = asyncio.create_task(keep_in_log(renew))
        async with asyncio.timeout(10):
            await done.wait()
        keeping.cancel()

    asyncio.run(renewed_thrice())
    assert ["what is in force is not written again yet: no answer in time"] == [it.message for it in caplog.records]
