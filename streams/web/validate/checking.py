"""Results within a deadline: from memory at once, asked for together, and unknown where answers come too late.

A question that outlives its request goes on and fills the caches, so that the next request finds the answer.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from typing import TypeVar

from sidestep.schemas import MxFinding
from sidestep.streams.errors import without_text
from sidestep.streams.screen.address.parse import ParsedAddress
from sidestep.streams.screen.examiner import Examiner
from sidestep.streams.screen.findings import Subject, subject
from sidestep.streams.screen.lists.domain_facts import DomainBook
from sidestep.streams.screen.sources.answers import NOT_ASKED, Answers
from sidestep.streams.screen.sources.inquiry import Inquiry
from sidestep.streams.web.validate.answer import Answerer, Result
from sidestep.streams.web.validate.fair_slots import FairSlots

log = logging.getLogger(__name__)

T = TypeVar("T")

LATE = Answers(MxFinding("unknown", "deadline"))
BUSY = Answers(MxFinding("unknown", "busy"))
"""Answers where nobody was asked: too many questions are under way."""

UNDER_WAY_MAX = 20_000
"""Questions under way: five seconds' worth of new domains at 4,000 a second. More would wait past any deadline."""

UNDER_WAY_EACH = UNDER_WAY_MAX // 2
"""… of one asker."""

BREATH = 0.01
"""Seconds of work before other requests get their turn."""

AT_ONCE = 16
"""Questions of one request that are started before others get their turn."""

SLOTS = 256
"""Questions that DNS takes on at once. Half of them are for requests about several addresses: a list of dead domains
must not keep a single address from being asked about. Of either half one asker has three quarters at most: neither must
somebody else's dead domains."""


class Checker:
    """The checker of a process: results within a deadline. Belongs to one event loop."""

    def __init__(
        self,
        inquiry: Inquiry,
        book: DomainBook,
        answerer: Answerer,
        *,
        under_way_max: int = UNDER_WAY_MAX,
        under_way_each: int = UNDER_WAY_EACH,
        slots: int = SLOTS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`slots`: at least 2. `clock` gives seconds since 1970."""
        self._inquiry = inquiry
        self._facts = book.facts
        self._examiner = Examiner(book.lists)
        self._answerer = answerer
        self._under_way_max, self._under_way_each = under_way_max, under_way_each
        self._slots_alone, self._slots_batch = _share(slots - slots // 2), _share(slots // 2)
        self._clock = clock
        self._under_way: dict[asyncio.Task[Answers], str] = {}
        self._under_way_of: Counter[str] = Counter()

    def at_once(self, text: str, stream: str) -> Result | None:
        """The result about an address; None where somebody has to be asked."""
        about = subject(text, self._facts)
        answers = self._inquiry.known(about.address) if about.domain else NOT_ASKED
        if answers is None:
            return None
        (found,) = self._examiner.examine([(about, answers)])
        return self._answerer.result(about, answers, found, stream, int(self._clock()))

    async def check(self, texts: list[str], stream: str, deadline: float, asker: str = "") -> list[Result]:
        """The results in the order of `texts`. `deadline` is in the event loop's time; then nobody is waited for.

        `asker`: with whom slots are shared fairly, the name of a token.
        """
        subjects = {text: subject(text, self._facts) async for text in _breathing(texts)}
        answers = await self._answers(subjects.values(), deadline, asker)
        heard = [(about, answers[text]) for text, about in subjects.items()]
        now = int(self._clock())
        results = {
            about.text: self._answerer.result(about, said, found, stream, now)
            async for (about, said), found in _breathing(zip(heard, self._examiner.examine(heard), strict=True))
        }
        return [results[text] for text in texts]

    async def close(self) -> None:
        """End the questions under way."""
        tasks = list(self._under_way)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _answers(self, subjects: Iterable[Subject], deadline: float, asker: str) -> dict[str, Answers]:
        """The answers by the text of the address."""
        answers: dict[str, Answers] = {}
        waiting: dict[str, list[Subject]] = {}
        async for about in _breathing(subjects):
            known = self._inquiry.known(about.address) if about.domain else NOT_ASKED
            if known is not None:
                answers[about.text] = known
            else:
                waiting.setdefault(self._inquiry.key(about.address), []).append(about)
        heard = await self._ask({key: group[0].address for key, group in waiting.items()}, deadline, asker)
        return answers | {about.text: heard[key] for key, group in waiting.items() for about in group}

    async def _ask(self, addresses: dict[str, ParsedAddress], deadline: float, asker: str) -> dict[str, Answers]:
        clock = asyncio.get_running_loop().time
        slots = self._slots_alone if len(addresses) == 1 else self._slots_batch
        tasks: dict[str, asyncio.Task[Answers]] = {}
        for number, (key, address) in enumerate(list(addresses.items())[: self._free(asker)], 1):
            tasks[key] = self._depart(address, slots, asker)
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
        if tasks:
            await asyncio.wait(tasks.values(), timeout=max(0.0, deadline - clock()))
        return {key: self._heard(tasks.get(key), address) for key, address in addresses.items()}

    def _free(self, asker: str) -> int:
        of_all = self._under_way_max - len(self._under_way)
        return max(0, min(of_all, self._under_way_each - self._under_way_of[asker]))

    def _heard(self, task: asyncio.Task[Answers] | None, address: ParsedAddress) -> Answers:
        if task is None:
            return BUSY
        if task.done() and not task.cancelled():
            return task.result()
        return self._inquiry.so_far(address) or LATE

    def _depart(self, address: ParsedAddress, slots: FairSlots, asker: str) -> asyncio.Task[Answers]:
        task = asyncio.get_running_loop().create_task(self._fly(address, slots, asker))
        self._under_way[task] = asker
        self._under_way_of[asker] += 1
        task.add_done_callback(self._arrived)
        return task

    def _arrived(self, task: asyncio.Task[Answers]) -> None:
        self._under_way_of[self._under_way.pop(task)] -= 1

    async def _fly(self, address: ParsedAddress, slots: FairSlots, asker: str) -> Answers:
        try:
            async with slots.slot(asker):
                return await self._inquiry.ask(address)
        except Exception as error:
            log.error("asking failed, an error of ours; please report it", exc_info=without_text(error))
            return Answers(MxFinding("unknown", "internal"))


def _share(slots: int) -> FairSlots:
    return FairSlots(slots, max(1, slots * 3 // 4))


async def _breathing(items: Iterable[T]) -> AsyncIterator[T]:
    """The items, with a pause for the event loop every now and then: a thousand addresses hold up nobody else's one."""
    clock = asyncio.get_running_loop().time
    pause_at = clock() + BREATH
    for item in items:
        yield item
        if clock() >= pause_at:
            await asyncio.sleep(0)
            pause_at = clock() + BREATH
