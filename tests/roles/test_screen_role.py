"""What the role screen does beside its batches."""

import asyncio

import pytest

from sidestep.streams.observe.health import Health, Patience
from sidestep.streams.roles import screen
from sidestep.streams.roles.screen import follow_dns
from sidestep.streams.screen.dns.resolver import Resolver

PATIENCE = Patience(dns=0.0)
"""Whatever fails counts at once."""


def test_dns_answers_when_any_look_up_has_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """That a name does not exist is an answer too; failures among answers are nothing, failures alone are told."""
    monkeypatch.setattr(screen, "BEAT_SECONDS", 0.001)
    health, resolver = Health(patience=PATIENCE), Resolver([("127.0.0.1", 9)])

    async def run() -> None:
        following = asyncio.create_task(follow_dns(resolver, health))
        for outcomes, answers in (
            ({("unknown", "timeout"): 1}, False),
            ({("unknown", "timeout"): 5, ("no", "nxdomain"): 1}, True),
            ({}, True),
            ({("unknown", "servfail"): 1}, False),
        ):
            resolver.outcomes.update(outcomes)
            async with asyncio.timeout(10):
                while answers == any("No name server" in reason for reason in health.readyz()[1]["reasons"]):
                    await asyncio.sleep(0.001)
        following.cancel()

    asyncio.run(run())
