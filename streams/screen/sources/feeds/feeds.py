"""Feeds of a process: their last good forms at the start, refreshed on a schedule, the book swapped at once."""

import asyncio
import logging
import ssl
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from pathlib import Path

from sidestep.streams.errors import SourcesError
from sidestep.streams.screen.lists.mailbox_providers import large_providers
from sidestep.streams.screen.sources.feeds.book import FeedBook
from sidestep.streams.screen.sources.feeds.last_good import LastGood
from sidestep.streams.screen.sources.feeds.local_copy import FeedContext, LocalCopy
from sidestep.streams.screen.sources.feeds.location import faults
from sidestep.streams.screen.sources.feeds.refresh import (
    CountedProgress,
    FeedStatus,
    NoProgress,
    Refresh,
    RefreshProgress,
)
from sidestep.streams.screen.sources.file import Feed

log = logging.getLogger("sidestep.streams.screen.sources.feeds")

FOLDER = "feeds"
"""Folder of the last good forms, below the data folder."""
LOOK_EVERY = 15.0
"""Seconds after which a worker notices a form that another process has taken (`sidestep lists refresh`)."""
AT_ONCE = 2
"""Feeds under way at the same time: each may hold a whole list in memory."""


class Feeds:
    """The feeds of the sources file. Belong to one event loop; `load` may be called before there is one."""

    def __init__(
        self,
        feeds: Mapping[str, Feed],
        folder: Path,
        large: Collection[str] | None = None,
        clock: Callable[[], float] = time.time,
        *,
        base: Path = Path(),
        tls: ssl.SSLContext | None = None,
        look_every: float = LOOK_EVERY,
    ) -> None:
        """`folder`: of the last good forms, this process's or shared. `large`: domains that no list may hit; those that
        ship unless given. `clock`: seconds since 1970. `base`: where relative paths start, the sources file's folder.
        `tls`: whose certificates are good; the system's authorities unless given.

        Raises SourcesError for sources that can't work.
        """
        found = list(faults(feeds))
        if found:
            raise SourcesError("the sources file can't be used: " + "; ".join(found))
        context = FeedContext.of(base, tls, large_providers() if large is None else large, clock)
        self._feeds = dict(feeds)
        self._copies = {name: LocalCopy(name, feed, LastGood(folder / name), context) for name, feed in feeds.items()}
        self._changed = asyncio.Event()
        self._look_every = look_every
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._under_way: dict[str, int] = {}
        self._runs: set[asyncio.Task[None]] = set()
        self._book = FeedBook({}, {})

    @property
    def under_way(self) -> int:
        """Octets of the lists that are fetched or read at the moment."""
        return sum(self._under_way.values())

    @property
    def under_way_most(self) -> int:
        """The most that they may be."""
        return sum(sorted(feed.max_octets for feed in self._feeds.values())[-AT_ONCE:])

    @property
    def book(self) -> FeedBook:
        """The book in use; another one after the next change."""
        return self._book

    def load(self) -> FeedBook:
        """The book of the last good forms on disk: asks nobody. A million domains take a second or two."""
        for copy in self._copies.values():
            copy.load()
        self._book = self._compiled()
        return self._book

    async def refresh(
        self, name: str | None = None, progress: RefreshProgress | None = None, accept: Collection[str] = ()
    ) -> list[Refresh]:
        """Ask the sources now, of one feed or of all. Those in `accept` are taken whatever their size is.

        Raises SourcesError for a feed that is not there, and nothing else.
        """
        for wanted in (*accept, *([name] if name else [])):
            if wanted not in self._copies:
                raise SourcesError(f"no feed is called {wanted!r}; there are: {', '.join(self._copies) or 'none'}")
        copies = [self._copies[name]] if name else list(self._copies.values())
        progress = progress or NoProgress()
        return list(await asyncio.gather(*(self._refresh(copy, progress, copy.name in accept) for copy in copies)))

    async def run(self, on_change: Callable[[], Awaitable[None]] | None = None) -> None:
        """Refresh each feed when it is due, until cancelled or closed. `on_change` is called after each new book."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._follow(copy)) for copy in self._copies.values()]
            if on_change is not None:
                tasks.append(group.create_task(self._tell(on_change)))
            for task in tasks:
                self._runs.add(task)
                task.add_done_callback(self._runs.discard)

    async def close(self) -> None:
        """End every `run`. Nothing else outlives its call."""
        runs = list(self._runs)
        for run in runs:
            run.cancel()
        await asyncio.gather(*runs, return_exceptions=True)

    def status(self) -> list[FeedStatus]:
        """The status of each feed; before `load`, by what stands on disk."""
        return [copy.status() for copy in self._copies.values()]

    async def _follow(self, copy: LocalCopy) -> None:
        while True:
            wait = copy.wait()
            if wait <= 0:
                await self._refresh(copy, NoProgress(), accept=False)
                continue
            await asyncio.sleep(min(wait, self._look_every))
            async with copy.lock:
                await self._adopt(copy)

    async def _tell(self, on_change: Callable[[], Awaitable[None]]) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await on_change()
            except Exception:  # whoever is to hear of it may be out of reach for a while, and has to hear of it
                log.exception("nobody could be told of new feeds; it is tried again")
                await asyncio.sleep(self._look_every)
                self._changed.set()

    async def _refresh(self, copy: LocalCopy, progress: RefreshProgress, accept: bool) -> Refresh:
        async with copy.lock, self._slots:
            await self._adopt(copy)
            try:
                outcome = await copy.refresh(CountedProgress(progress, self._under_way), accept)
            finally:
                self._under_way.pop(copy.name, None)
            if outcome.outcome == "taken":
                self._swap()
            progress.done(outcome)
            return outcome

    async def _adopt(self, copy: LocalCopy) -> None:
        if await copy.adopt():
            log.info("feed %s: taken over from disk", copy.name, extra={"feed": copy.name})
            self._swap()

    def _swap(self) -> None:
        self._book = self._compiled()
        self._changed.set()

    def _compiled(self) -> FeedBook:
        return FeedBook(self._feeds, {name: copy.form for name, copy in self._copies.items() if copy.form})
