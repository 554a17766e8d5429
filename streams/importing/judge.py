"""Judges the rows of a list in their order, with the look-ups of many under way at once."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from sidestep.streams.screen.address.parse import ParsedAddress
from sidestep.streams.screen.examiner import Examiner
from sidestep.streams.screen.findings import Subject
from sidestep.streams.screen.sources.answers import Answers
from sidestep.streams.screen.sources.asked import AskedSources
from sidestep.streams.web.validate.answer import Answerer, Result, Told, nothing_told

WINDOW = 4_096
"""Rows between the one read last and the one answered last."""
TURN = 128
"""Rows after which answers that have come are taken."""


class ListRow(NamedTuple):
    """A row: its number from 1, its cells, and what its address is."""

    number: int
    cells: list[str]
    about: Subject


ToldOf = Callable[[ParsedAddress], Told]
"""What of its history may be told of an address."""


def strangers(_address: ParsedAddress) -> Told:
    """Of nobody anything."""
    return nothing_told


class RowJudge:
    """The judge of one list, in one event loop."""

    def __init__(
        self,
        asked: AskedSources,
        examiner: Examiner,
        answerer: Answerer,
        concurrency: int,
        stream: str,
        told_of: ToldOf,
    ) -> None:
        self._asked = asked
        self._examiner = examiner
        self._answerer = answerer
        self._slots = asyncio.Semaphore(concurrency)
        self._stream = stream
        self._told_of = told_of
        self._under_way: dict[str, asyncio.Task[Answers]] = {}

    async def note(self, near_misses: Iterable[Subject]) -> None:
        """Ask about near misses, before anything is judged: one collector of mistyped mail shows by those that share
        its exchange, and which of them stands first in a list must not matter."""
        left = iter(near_misses)
        while some := list(islice(left, WINDOW)):
            heard = await asyncio.gather(*(self._ask(each.address) for each in some))
            for about, answers in zip(some, heard, strict=True):
                self._examiner.note(about, answers)

    async def judge(self, rows: Iterator[ListRow]) -> AsyncGenerator[tuple[ListRow, Result]]:
        """Each row with its answer, in their order."""
        window: deque[tuple[ListRow, Answers | asyncio.Task[Answers]]] = deque()
        while some := list(islice(rows, TURN)):
            window.extend((row, self._answers(row.about)) for row in some)
            await asyncio.sleep(0)
            while window and (len(window) > WINDOW or _is_there(window[0][1])):
                yield await self._judged(*window.popleft())
        while window:
            yield await self._judged(*window.popleft())

    def _answers(self, about: Subject) -> Answers | asyncio.Task[Answers]:
        if not about.domain:
            return self._asked.unasked
        known = self._asked.known(about.address)
        return self._ask(about.address) if known is None else known

    def _ask(self, address: ParsedAddress) -> asyncio.Task[Answers]:
        """One task for all addresses with the same answers."""
        key = self._asked.key(address)
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.create_task(self._in_turn(address))
            task.add_done_callback(lambda _: self._under_way.pop(key, None))
        return task

    async def _in_turn(self, address: ParsedAddress) -> Answers:
        async with self._slots:  # and not in the resolver's queue, where waiting counts towards the deadline
            return await self._asked.ask(address)

    async def _judged(self, row: ListRow, found: Answers | asyncio.Task[Answers]) -> tuple[ListRow, Result]:
        answers = found if isinstance(found, Answers) else await found
        findings = self._examiner.at_once(row.about, answers)
        if findings is None:
            (findings,) = self._examiner.examine([(row.about, answers)])
        told = self._told_of(row.about.address)
        return row, self._answerer.result(row.about, answers, findings, self._stream, int(time.time()), told)


def _is_there(found: Answers | asyncio.Task[Answers]) -> bool:
    return isinstance(found, Answers) or found.done()
