"""Findings that the resolver keeps: bounded in number and in octets. Pure: the time is handed in."""

from collections import OrderedDict
from collections.abc import Iterator

import msgspec

from sidestep.schemas import MxFinding
from sidestep.streams.screen.cache_room import PER_ENTRY, octets_of_texts

SECOND_CHANCES = 16
"""Findings in use that one insertion may pass over to find one that is not: a full cache must not stall the loop."""


class KeptFinding(msgspec.Struct, gc=False):
    """A kept finding. Without GC tracking, as there may be some 200,000. Times are seconds."""

    finding: MxFinding
    refresh_at: float
    expires_at: float
    used: bool = False


class KeptFindings:
    """The findings by domain; beyond so many, or so many octets, the oldest that nobody has asked for since go."""

    def __init__(self, size: int, most: int) -> None:
        """`size`: findings. `most`: octets."""
        self.octets = 0
        self._size, self._most = size, most
        self._held: OrderedDict[str, KeptFinding] = OrderedDict()
        self.get = self._held.get
        """The finding of a domain, or None: on the path of each intent, so no call more than that."""

    def __len__(self) -> int:
        return len(self._held)

    def put(self, domain: str, kept: KeptFinding) -> None:
        """Keep a finding in place of an older one."""
        self.drop(domain)
        self._held[domain] = kept
        self.octets += _octets(domain, kept)
        self._evict()

    def drop(self, domain: str) -> None:
        """Forget the finding of a domain, if there is one."""
        kept = self._held.pop(domain, None)
        if kept is not None:
            self.octets -= _octets(domain, kept)

    def items(self) -> Iterator[tuple[str, KeptFinding]]:
        """Domains and findings as they are now."""
        return iter(list(self._held.items()))

    def _evict(self) -> None:
        chances = SECOND_CHANCES
        while len(self._held) > self._size or self.octets > self._most:
            domain, kept = self._held.popitem(last=False)
            if kept.used and chances:
                chances -= 1
                kept.used = False
                self._held[domain] = kept
            else:
                self.octets -= _octets(domain, kept)


def _octets(domain: str, kept: KeptFinding) -> int:
    return PER_ENTRY + len(domain) + octets_of_texts(*kept.finding.exchanges)
