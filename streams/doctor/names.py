"""The check of the name servers: what do they say of domains that certainly take mail, and of names that nobody has?"""

import asyncio
import secrets
from collections.abc import Iterator

from sidestep.streams.doctor import judge
from sidestep.streams.doctor.row import CheckRow
from sidestep.streams.screen.dns.resolver import Resolver
from sidestep.streams.screen.dns.trust import (
    RESERVED,
    Said,
    Trust,
    canary_said,
    denied_canaries,
    invented_addresses,
)
from sidestep.streams.screen.sources.build import canaries
from sidestep.streams.settings import Settings, name_servers

SECONDS = 3.0

Given = tuple[str, ...] | None


def names(settings: Settings) -> Iterator[CheckRow]:
    """The name servers, asked for all canaries at once."""
    yield asyncio.run(_names(settings))


async def _names(settings: Settings) -> CheckRow:
    resolver = Resolver(name_servers(settings), timeout=SECONDS)
    try:
        wanted = canaries(settings)
        made_up = [f"sidestep-{secrets.token_hex(8)}.{name}" for name in (*wanted[:2], RESERVED)]
        said = await asyncio.gather(*(_said(resolver, name) for name in wanted))
        given = await asyncio.gather(*(_given(resolver, name) for name in made_up if wanted))
    finally:
        await resolver.close()
    heard, addresses = dict(zip(wanted, said, strict=True)), dict(zip(made_up, given, strict=False))
    denied, invented = denied_canaries(heard), invented_addresses(addresses)
    return judge.names(heard, Trust(denied or (), invented or ()))


async def _said(resolver: Resolver, name: str) -> Said:
    return canary_said(await resolver.ask((name, "MX"), asyncio.get_running_loop().time() + SECONDS))


async def _given(resolver: Resolver, name: str) -> Given:
    answer = await resolver.ask((name, "A"), asyncio.get_running_loop().time() + SECONDS)
    return None if answer.failure else tuple(record.address for record in answer.records)
