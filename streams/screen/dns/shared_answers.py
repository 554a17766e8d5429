"""Answers that domains share, about the hosts of their exchanges: aspmx.l.google.com is asked for once."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from sidestep.streams.screen.cache_room import PER_ENTRY, PER_RECORD
from sidestep.streams.screen.dns.answer import NEGATIVE_TTL, UNKNOWN_TTL, Answer, Question, ttl_within
from sidestep.streams.screen.single_flight import Flights, arrival
from sidestep.streams.screen.ttl_cache import TtlCache

PATIENCE = 2.0
"""Seconds for one host. Its address matters less than the domain's own answer: no intent waits long for it."""

TIMED_OUT = Answer(failure="timeout")


class SharedAnswers:
    """The shared answers by question, for their TTL. Bounded: the oldest goes first. Belongs to one event loop."""

    def __init__(
        self,
        ask: Callable[[Question, float], Awaitable[Answer]],
        clock: Callable[[], float],
        size: int = 50_000,
        *,
        octets: int,
    ) -> None:
        """`ask` takes a question and a deadline in the event loop's time; `clock` gives seconds for the TTL. `size` and
        `octets`: of all answers."""
        self._ask = ask
        self._clock = clock
        self._size, self._most = size, octets
        self._cache = self._empty()
        self._flights: Flights[Question, Answer] = Flights()

    @property
    def octets(self) -> int:
        """Octets of all answers."""
        return self._cache.octets

    async def ask(self, question: Question, deadline: float) -> Answer:
        """The answer to a question with the seconds that are left of it, when `deadline` comes at the latest."""
        now = self._clock()
        cached = self._cache.get(question, now)
        if cached is not None:
            return replace(cached, ttl=int(self._cache.left(question, now)))
        flight = self._flights.join(question, lambda: self._fly(question))
        return await arrival(flight, TIMED_OUT, max(0.0, deadline - asyncio.get_running_loop().time()))

    def forget(self) -> None:
        """Forget all answers, and what comes of the look-ups under way: whoever gave them can't be relied on."""
        self._cache = self._empty()

    async def close(self) -> None:
        """End the look-ups under way."""
        await self._flights.close()

    def _empty(self) -> TtlCache[Question, Answer]:
        return TtlCache(self._size, self._most, _octets)

    async def _fly(self, question: Question) -> Answer:
        cache = self._cache
        answer = await self._ask(question, asyncio.get_running_loop().time() + PATIENCE)
        seconds = UNKNOWN_TTL if answer.failure else ttl_within(NEGATIVE_TTL, answer)
        cache.put(question, answer, self._clock() + seconds)
        return answer


def _octets(question: Question, answer: Answer) -> int:
    return PER_ENTRY + len(question[0]) + PER_RECORD * len(answer.records)
