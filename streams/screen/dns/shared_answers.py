"""Addresses of exchanges: one look-up for all the domains that share a host. aspmx.l.google.com is asked for once."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import NamedTuple

from sidestep.streams.screen.dns.answer import NEGATIVE_TTL, UNKNOWN_TTL, Answer, Question, clamped
from sidestep.streams.screen.single_flight import Flights, arrival

PATIENCE = 2.0
"""Seconds for one host. What its address is matters less than the domain's own answer: nobody waits long for it."""

TIMED_OUT = Answer(failure="timeout")


class _Kept(NamedTuple):
    answer: Answer
    expires_at: float


class SharedAnswers:
    """Answers by question, for their TTL. Bounded: the oldest goes first. Belongs to one event loop."""

    def __init__(
        self,
        ask: Callable[[Question, float], Awaitable[Answer]],
        clock: Callable[[], float],
        size: int = 50_000,
    ) -> None:
        """`ask` takes a question and a deadline in the event loop's time; `clock` gives seconds for the TTL."""
        self._ask = ask
        self._clock = clock
        self._size = size
        self._kept: OrderedDict[Question, _Kept] = OrderedDict()
        self._flights: Flights[Question, Answer] = Flights()

    async def ask(self, question: Question, deadline: float) -> Answer:
        """The answer with the seconds that are left of it, at the latest when `deadline` comes."""
        kept = self._kept.get(question)
        if kept is not None and (left := kept.expires_at - self._clock()) > 0:
            return replace(kept.answer, ttl=int(left))
        flight = self._flights.join(question, lambda: self._fly(question))
        return await arrival(flight, TIMED_OUT, max(0.0, deadline - asyncio.get_running_loop().time()))

    async def close(self) -> None:
        """End what is under way."""
        await self._flights.close()

    async def _fly(self, question: Question) -> Answer:
        answer = await self._ask(question, asyncio.get_running_loop().time() + PATIENCE)
        seconds = UNKNOWN_TTL if answer.failure else clamped(NEGATIVE_TTL, answer)
        self._kept.pop(question, None)
        self._kept[question] = _Kept(answer, self._clock() + seconds)
        if len(self._kept) > self._size:
            self._kept.popitem(last=False)
        return answer
