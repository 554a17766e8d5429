"""The local copy of a feed: the form in use, the one on disk, and how a new version gets there."""

import asyncio
import logging
import random
import ssl
from collections.abc import Callable, Collection
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from sidestep.streams.errors import without_text
from sidestep.streams.screen.sources.feeds.book import FeedForm
from sidestep.streams.screen.sources.feeds.candidate import Candidate, Previous, candidate
from sidestep.streams.screen.sources.feeds.download import FetchFailed
from sidestep.streams.screen.sources.feeds.fetch import Fetcher, Validators
from sidestep.streams.screen.sources.feeds.last_good import FeedState, LastGood
from sidestep.streams.screen.sources.feeds.location import terms, without_secrets
from sidestep.streams.screen.sources.feeds.refresh import FeedStatus, Refresh, RefreshOutcome, RefreshProgress
from sidestep.streams.screen.sources.file import Feed

log = logging.getLogger("sidestep.streams.screen.sources.feeds")

FIRST_RETRY = 30.0
"""Seconds after a first failure; each further one doubles it, up to the feed's own interval."""

TAKE_IT = "to take it nevertheless: sidestep lists refresh --accept {}"


class FeedContext(Struct, frozen=True):
    """The context of a local copy: what all feeds share."""

    fetcher: Fetcher
    large: Collection[str]
    clock: Callable[[], float]

    @classmethod
    def of(
        cls, base: Path, tls: ssl.SSLContext | None, large: Collection[str], clock: Callable[[], float]
    ) -> "FeedContext":
        """The context of all feeds of a process; see Feeds for the arguments."""
        return cls(Fetcher(base, tls), large, clock)


class LocalCopy:
    """The local copy of a feed. Belongs to one event loop, and to one task at a time: `lock` says whose turn it is."""

    def __init__(self, name: str, feed: Feed, last_good: LastGood, context: FeedContext) -> None:
        self.name, self.feed = name, feed
        self.form: FeedForm | None = None
        self.lock = asyncio.Lock()
        self._last_good, self._context = last_good, context
        self._state: FeedState | None = None
        self._stamp = -1

    def load(self) -> bool:
        """Take over the form on disk, from an earlier run or another process; True when that is another version."""
        stamp, state = self._last_good.stamp(), self._last_good.state()
        form = self.form
        if state.kind == self.feed.kind and not (form and form.version == state.version):
            form = self._last_good.form(state)
        changed = form is not None and form is not self.form
        self._state, self._stamp, self.form = state, stamp, form or self.form
        return changed

    async def adopt(self) -> bool:
        """Take over the form on disk when another process has written since; True when that is another version."""
        return self._last_good.stamp() != self._stamp and await asyncio.to_thread(self.load)

    def wait(self) -> float:
        """Seconds until a refresh is due; never days because a clock was set back or the interval is shorter now."""
        state = self._known()
        seconds = state.next_at / 1000 - self._context.clock()
        return 0 if state.asked != terms(self.feed) or seconds > self.feed.refresh * 1.2 else seconds

    def status(self) -> FeedStatus:
        """The status of the feed; before `load`, by what stands on disk."""
        state = self._state or self._last_good.state()
        return FeedStatus(
            self.name,
            self.feed.kind,
            without_secrets(self.feed.source),
            state.entries,
            state.version,
            state.taken_at,
            state.checked_at,
            state.outcome,
            state.why,
            state.next_at,
        )

    async def refresh(self, progress: RefreshProgress, accept: bool) -> Refresh:
        """Ask the source. An exception never leaves: a feed that can't be refreshed stays as it is."""
        log.info("refreshing feed %s from %s", self.name, without_secrets(self.feed.source), extra={"feed": self.name})
        outcome = await self._attempt(progress, accept)
        level = logging.INFO if outcome.sound else logging.WARNING
        log.log(level, "feed %s", outcome.sentence, extra={"feed": self.name, "outcome": outcome.outcome})
        return outcome

    async def _attempt(self, progress: RefreshProgress, accept: bool) -> Refresh:
        try:
            with self._last_good.scratch() as scratch:
                fetcher, large = self._context.fetcher, self._context.large
                found = await candidate(
                    self.name, self.feed, self._validators(), self._previous(), large, fetcher, scratch, progress
                )
                return await self._weigh(found, accept)
        except FetchFailed as error:
            return await self._note("failed", (str(error),))
        except TimeoutError:
            return await self._note("failed", (f"it took longer than timeout = {self.feed.timeout:g} s",))
        except OSError as error:
            why = error.strerror or type(error).__name__
            return await self._note("failed", (f"it can't be kept in the data folder: {why}",))
        except Exception as error:  # whatever is in a stranger's file, it must not end the worker
            log.error("feed %s can't be refreshed", self.name, exc_info=without_text(error))
            return await self._note("failed", (f"a fault of ours, please report it: {type(error).__name__}",))

    async def _weigh(self, found: Candidate | None, accept: bool) -> Refresh:
        if found is None:
            return await self._note("unchanged")
        if found.form is None:
            return await self._note("refused", found.faults.sentences, octets=found.octets)
        if self._in_place() and self.form and found.form.version == self.form.version:
            return await self._note("unchanged", found.left_out, found, found.octets)
        if found.faults.doubts and not accept:
            why = (*found.faults.doubts, TAKE_IT.format(self.name))
            return await self._note("refused", why, octets=found.octets)
        return await self._take(found, found.form)

    async def _take(self, found: Candidate, form: FeedForm) -> Refresh:
        state = self._noted(FeedState(), "taken", found.left_out)
        state = replace(
            state,
            validators=found.validators,
            octets=found.octets,
            serial=found.serial,
            taken_at=state.checked_at,
        )
        self._state = await asyncio.to_thread(self._last_good.take, state, form, found.entries)
        self._stamp, self.form = self._last_good.stamp(), form
        return Refresh(self.name, "taken", found.left_out, form.size, form.version, found.octets)

    async def _note(
        self, outcome: RefreshOutcome, why: tuple[str, ...] = (), same: Candidate | None = None, octets: int = 0
    ) -> Refresh:
        """Write down an attempt that changes no entries. A form that another process took meanwhile stays.

        `same`: a candidate with the entries of the form in use.
        """
        state = self._noted(await asyncio.to_thread(self._last_good.state), outcome, why)
        if same is not None and self.form and state.version == self.form.version:
            state = replace(state, validators=same.validators, serial=same.serial)
        await self._write(state)
        size, version = (self.form.size, self.form.version) if self.form else (0, "")
        return Refresh(self.name, outcome, why, size, version, octets)

    async def _write(self, state: FeedState) -> None:
        try:
            await asyncio.to_thread(self._last_good.note, state)
        except OSError as error:
            log.warning("what came of feed %s can't be written down: %s", self.name, error.strerror)
        if not self.form or state.version == self.form.version:  # else `adopt` is to find it
            self._stamp = self._last_good.stamp()
        self._state = state

    def _noted(self, state: FeedState, outcome: RefreshOutcome, why: tuple[str, ...]) -> FeedState:
        now, today = self._context.clock(), terms(self.feed)
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
            source=without_secrets(self.feed.source),
        )

    def _pause(self, failures: int) -> float:
        interval = self.feed.refresh
        if failures:
            interval = min(interval, FIRST_RETRY * 2 ** min(failures - 1, 20))
        return interval * random.uniform(0.9, 1.1)  # workers that were started together must not stay together

    def _known(self) -> FeedState:
        return self._state or FeedState()

    def _validators(self) -> Validators:
        """The validators to ask with: only a form at hand that was taken on today's terms may be called unchanged."""
        state = self._known()
        return state.validators if self._in_place() and state.terms == terms(self.feed) else Validators()

    def _previous(self) -> Previous:
        """The form in use, and the serial that a list on today's terms may not fall behind."""
        state = self._known()
        same = self._in_place() and state.terms == terms(self.feed)
        return Previous(self.form, same, state.serial if same else 0)

    def _in_place(self) -> bool:
        """Does the form in use also stand on disk? Somebody may have emptied the folder."""
        return self.form is not None and self._known().version == self.form.version and self._last_good.holds(self.form)
