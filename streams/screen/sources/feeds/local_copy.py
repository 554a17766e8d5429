"""Our copy of one feed: what is in use, what stands on disk, and how a new version of it gets there."""

import asyncio
import logging
import random
import ssl
from collections.abc import Callable, Collection
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from sidestep.streams.screen.sources.feeds.book import Form
from sidestep.streams.screen.sources.feeds.candidate import Candidate, candidate
from sidestep.streams.screen.sources.feeds.fetch import Fetcher, Mark
from sidestep.streams.screen.sources.feeds.last_good import Kept, State
from sidestep.streams.screen.sources.feeds.location import public, terms
from sidestep.streams.screen.sources.feeds.outcome import FeedStatus, Outcome, Progress
from sidestep.streams.screen.sources.feeds.sink import FetchFailed
from sidestep.streams.screen.sources.file import Feed

log = logging.getLogger("sidestep.streams.screen.sources.feeds")

FIRST_RETRY = 30.0
"""Seconds after a first failure; each further one doubles it, up to the feed's own interval."""

NOT_ITS_SIZE = "to take it nevertheless: sidestep lists refresh --accept {}"


class Surroundings(Struct, frozen=True):
    """What all feeds share."""

    fetcher: Fetcher
    large: Collection[str]
    clock: Callable[[], float]

    @classmethod
    def of(
        cls, base: Path, tls: ssl.SSLContext | None, large: Collection[str], clock: Callable[[], float]
    ) -> "Surroundings":
        """See Feeds for what they mean."""
        return cls(Fetcher(base, tls), large, clock)


class LocalCopy:
    """Belongs to one event loop, and to one task at a time: `lock` says whose turn it is."""

    def __init__(self, name: str, feed: Feed, kept: Kept, around: Surroundings) -> None:
        self.name, self.feed = name, feed
        self.form: Form | None = None
        self.lock = asyncio.Lock()
        self._kept, self._around = kept, around
        self._state: State | None = None
        self._stamp = -1

    def load(self) -> bool:
        """Take over what stands on disk, from an earlier run or another process; True when that is another version."""
        stamp, state = self._kept.stamp(), self._kept.state()
        form = self.form
        if state.kind == self.feed.kind and not (form and form.version == state.version):
            form = self._kept.form(state)
        changed = form is not None and form is not self.form
        self._state, self._stamp, self.form = state, stamp, form or self.form
        return changed

    async def adopt(self) -> bool:
        """`load`, when another process has written since."""
        return self._kept.stamp() != self._stamp and await asyncio.to_thread(self.load)

    def wait(self) -> float:
        """Seconds until it is due. A clock that was set back, or a shorter interval, must not mean waiting for days."""
        state = self._known()
        seconds = state.next_at / 1000 - self._around.clock()
        return 0 if state.asked != terms(self.feed) or seconds > self.feed.refresh * 1.2 else seconds

    def status(self) -> FeedStatus:
        """What is known; before `load`, what stands on disk."""
        state = self._state or self._kept.state()
        return FeedStatus(
            self.name,
            self.feed.kind,
            public(self.feed.source),
            state.entries,
            state.version,
            state.taken_at,
            state.checked_at,
            state.outcome,
            state.why,
            state.next_at,
        )

    async def refresh(self, progress: Progress, accept: bool) -> Outcome:
        """Ask the source. An exception never leaves: a feed that can't be refreshed stays as it is."""
        log.info("refreshing feed %s from %s", self.name, public(self.feed.source), extra={"feed": self.name})
        outcome = await self._attempt(progress, accept)
        level = logging.INFO if outcome.sound else logging.WARNING
        log.log(level, "feed %s", outcome.sentence, extra={"feed": self.name, "outcome": outcome.outcome})
        return outcome

    async def _attempt(self, progress: Progress, accept: bool) -> Outcome:
        try:
            with self._kept.scratch() as scratch:
                size = self.form.size if self.form else None
                fetcher, large = self._around.fetcher, self._around.large
                found = await candidate(self.name, self.feed, self._mark(), size, large, fetcher, scratch, progress)
                return await self._judge(found, accept)
        except FetchFailed as error:
            return await self._note("failed", (str(error),))
        except TimeoutError:
            return await self._note("failed", (f"it took longer than timeout = {self.feed.timeout:g} s",))
        except OSError as error:
            why = error.strerror or type(error).__name__
            return await self._note("failed", (f"it can't be kept in the data folder: {why}",))
        except Exception as error:  # whatever is in a stranger's file, it must not end the worker
            log.exception("feed %s can't be refreshed", self.name)
            return await self._note("failed", (f"a fault of ours, please report it: {type(error).__name__}",))

    async def _judge(self, found: Candidate | None, accept: bool) -> Outcome:
        if found is None:
            return await self._note("unchanged")
        if found.form is None:
            return await self._note("refused", found.faults.sentences, octets=found.octets)
        if self._in_place() and self.form and found.form.version == self.form.version:
            return await self._note("unchanged", found.left_out, found.mark, found.octets)
        if found.faults.resized and not accept:
            why = (found.faults.resized, NOT_ITS_SIZE.format(self.name))
            return await self._note("refused", why, octets=found.octets)
        return await self._take(found, found.form)

    async def _take(self, found: Candidate, form: Form) -> Outcome:
        state = self._noted(State(), "taken", found.left_out)
        state = replace(state, mark=found.mark, octets=found.octets, taken_at=state.checked_at)
        self._state = await asyncio.to_thread(self._kept.take, state, form, found.entries)
        self._stamp, self.form = self._kept.stamp(), form
        return Outcome(self.name, "taken", found.left_out, form.size, form.version, found.octets)

    async def _note(
        self, outcome: str, why: tuple[str, ...] = (), mark: Mark | None = None, octets: int = 0
    ) -> Outcome:
        """Write down an attempt that changes no entries. Another process may have taken a form meanwhile: it stays."""
        state = self._noted(await asyncio.to_thread(self._kept.state), outcome, why)
        if mark is not None and self.form and state.version == self.form.version:
            state = replace(state, mark=mark)
        await self._write(state)
        size, version = (self.form.size, self.form.version) if self.form else (0, "")
        return Outcome(self.name, outcome, why, size, version, octets)  # type: ignore[arg-type]

    async def _write(self, state: State) -> None:
        try:
            await asyncio.to_thread(self._kept.note, state)
        except OSError as error:
            log.warning("what came of feed %s can't be written down: %s", self.name, error.strerror)
        if not self.form or state.version == self.form.version:  # else `adopt` is to find it
            self._stamp = self._kept.stamp()
        self._state = state

    def _noted(self, state: State, outcome: str, why: tuple[str, ...]) -> State:
        now, today = self._around.clock(), terms(self.feed)
        failures = self._known().failures + 1 if outcome == "failed" else 0
        return replace(
            state,
            kind=self.feed.kind if not state.version else state.kind,
            outcome=outcome,
            why=why,
            failures=failures,
            checked_at=int(now * 1000),
            next_at=int((now + self._pause(failures)) * 1000),
            terms=today if outcome in ("taken", "unchanged") else state.terms,
            asked=today,
            source=public(self.feed.source),
        )

    def _pause(self, failures: int) -> float:
        interval = self.feed.refresh
        if failures:
            interval = min(interval, FIRST_RETRY * 2 ** min(failures - 1, 20))
        return interval * random.uniform(0.9, 1.1)  # workers that were started together must not stay together

    def _known(self) -> State:
        return self._state or State()

    def _mark(self) -> Mark:
        """Only what is at hand, and was taken on today's terms, may be called unchanged."""
        state = self._known()
        return state.mark if self._in_place() and state.terms == terms(self.feed) else Mark()

    def _in_place(self) -> bool:
        """Does the form in use also stand on disk? Somebody may have emptied the folder."""
        return self.form is not None and self._known().version == self.form.version and self._kept.holds(self.form)
