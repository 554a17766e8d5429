"""How the demo's services take an answer: a deferred intent is offered again, and now and then one that needs no offer.

Pure: takes verdicts and the time, gives the intents that are due.
"""

import heapq
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from sidestep.schemas import EmailIntent
from sidestep.streams.demo.model import Service
from sidestep.streams.demo.seen import Seen

ATTEMPTS = 3
"""Afterwards a service gives up for the day."""
MARGIN = 0.05
"""Seconds after retry_at: nobody is there on the dot."""


@dataclass(order=True)
class Waiting:
    """An intent and when it is to be offered, Unix seconds."""

    at: float
    number: int
    intent: EmailIntent


class Offers:
    """What the services will offer again. `made` counts what they did, `mistaken` those that were approved before."""

    def __init__(self, services: Mapping[str, Service], offered_though_sent: float, seed: int):
        self._services = services
        self._mistaken_share = offered_though_sent
        self._seed = seed
        self._waiting: list[Waiting] = []
        self._number = 0
        self.made = self.mistaken = 0

    def answer(self, verdict: Seen, now: float) -> None:
        """Take one verdict in. `now` in Unix seconds."""
        service = self._services.get(verdict.service)
        if service is None or verdict.test:
            return
        if verdict.action == "defer" and verdict.retry_at is not None:
            if service.offers_again and verdict.attempt < ATTEMPTS:
                self._wait(verdict, service, verdict.retry_at + MARGIN)
        elif verdict.action == "send" and verdict.attempt == 1 and self._draw(verdict) < self._mistaken_share:
            self.mistaken += 1
            self._wait(verdict, service, now)

    def due(self, now: float) -> list[EmailIntent]:
        """The deferred intents whose time has come, in order."""
        intents = []
        while self._waiting and self._waiting[0].at <= now:
            intents.append(heapq.heappop(self._waiting).intent)
        self.made += len(intents)
        return intents

    def open(self) -> int:
        """How many still wait for their time."""
        return len(self._waiting)

    def _wait(self, verdict: Seen, service: Service, at: float) -> None:
        self._number += 1
        intent = EmailIntent(
            id=verdict.id,
            to=verdict.to,
            service=verdict.service,
            attempt=verdict.attempt + 1,
            stream=service.stream,
            campaign=service.campaign,
            source=service.source,
            metadata=verdict.metadata,
        )
        heapq.heappush(self._waiting, Waiting(at, self._number, intent))

    def _draw(self, verdict: Seen) -> float:
        return zlib.crc32(f"{self._seed}/again/{verdict.service}/{verdict.id}".encode("utf-8", "replace")) / 2**32
