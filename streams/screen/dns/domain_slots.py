"""Slots for look-ups under way, of which the names below one registrable domain have a share at most.

Whoever owns a domain can have any number of names below it looked up, each of which keeps silent until we give up.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sidestep.streams.screen.address.domain import registrable

SHARES = 8
"""A registrable domain has one of so many parts of the slots."""


class _Share:
    """The share of a registrable domain, while anybody wants it."""

    def __init__(self, slots: int) -> None:
        self.slots = asyncio.Semaphore(slots)
        self.wanted = 0


class DomainSlots:
    """The slots of a process. First come, first served, within a share and among the shares."""

    def __init__(self, total: int) -> None:
        self._all = asyncio.Semaphore(total)
        self._each = max(1, total // SHARES)
        self._shares: dict[str, _Share] = {}

    @asynccontextmanager
    async def slot(self, domain: str) -> AsyncIterator[None]:
        """A slot for a name from here to the end of the block, waited for if need be."""
        key = registrable(domain)
        share = self._shares.setdefault(key, _Share(self._each))
        share.wanted += 1
        try:
            async with share.slots, self._all:
                yield
        finally:
            share.wanted -= 1
            if not share.wanted:
                del self._shares[key]
