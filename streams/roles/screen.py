"""Screen's part of the composition root; app.py loads it in workers that screen."""

import asyncio
import logging
import time
from collections.abc import Callable

from sidestep.schemas import ListsRecord, PolicyRecord
from sidestep.streams.decide.policy_file import read_policy
from sidestep.streams.decide.policy_text import version_of
from sidestep.streams.observe.report import Watching
from sidestep.streams.runtime.dead_letters import DeadLetterLimit
from sidestep.streams.runtime.publisher import Publisher
from sidestep.streams.runtime.transport import BatchApp
from sidestep.streams.screen import agent
from sidestep.streams.screen.control import announce, keep_time, read_notes, written_kinds
from sidestep.streams.screen.feedback.reasons import load_reasons
from sidestep.streams.screen.hash_key import hash_key
from sidestep.streams.screen.keys import Keys
from sidestep.streams.screen.lists.classes import load_lists, version_of_lists
from sidestep.streams.screen.lists.domain_facts import DomainBook
from sidestep.streams.screen.lists.typo import suggest
from sidestep.streams.screen.recent_ids import RecentIds
from sidestep.streams.screen.screener import Screener
from sidestep.streams.screen.sources.build import open_sources
from sidestep.streams.screen.ticks import Ticks
from sidestep.streams.settings import Settings, name_servers

log = logging.getLogger(__name__)


class ScreenRole:
    """Whatever a worker that screens needs. Make it where the event loop runs; `prepare`, then `register`."""

    def __init__(self, settings: Settings, partitions: int, failpoint: Callable[[str], None]):
        """`partitions` of email-evidence. Raises SettingsError, SourcesError."""
        self._settings = settings
        self._partitions = partitions
        self._keys = Keys(hash_key(settings))
        self._lists = load_lists()
        self._publisher = Publisher(settings.connection, f"{settings.group}-screen")
        self._ticks = Ticks()
        self.sources = open_sources(settings, name_servers(settings))
        self.screener = Screener(
            book=DomainBook(self._lists, suggest, partitions),
            inquiry=self.sources.inquiry,
            keys=self._keys,
            reasons=load_reasons(),
            publisher=self._publisher,
            new_limit=lambda: DeadLetterLimit(settings.dead_letter_share, settings.dead_letter_window),
            recent=RecentIds,
            parked_max=settings.parked_max,
            failpoint=failpoint,
            ticks=self._ticks,
            history=self.sources.prober.history if self.sources.prober is not None else None,
        )

    async def prepare(self) -> None:
        """Before the first intent: feeds that were never fetched, and the log's control records."""
        await self.sources.prepare()
        await self._announce()

    async def follow_feeds(self) -> None:
        """Refresh the feeds when they are due, and have the log say so."""
        if self.sources.feeds is not None:
            await self.sources.feeds.run(self._announce)

    async def keep_time(self) -> None:
        """End the seconds of the log that no further evidence ends. Also those that another worker has left open."""
        self._ticks.wrote(range(self._partitions), time.time())
        await keep_time(self._publisher, self._ticks)

    def register(self, app: BatchApp, watching: Watching, fail: Callable[[Exception], None]) -> None:
        """Its agents."""
        agent.register(app, self.screener, watching, fail)

    async def close(self) -> None:
        """End what is under way."""
        await self.sources.close()
        await self._publisher.close()

    async def _announce(self) -> None:
        """Has the log say with which policy and lists is judged from here on; again whenever a feed has changed."""
        now = int(time.time() * 1000)
        text = read_policy(self._settings)
        policy = PolicyRecord(version=version_of(text), text=text, at=now, partitions=self._partitions)
        feeds = self.sources.feeds
        versions = self._lists.versions | (feeds.book.versions if feeds is not None else {})
        about = ListsRecord(version=version_of_lists(versions), lists=versions, at=now)
        notes = await asyncio.to_thread(read_notes, self._settings.connection)
        fingerprint = self._keys.fingerprint
        for kind in await announce(self._publisher, written_kinds(notes), policy, about, self._partitions, fingerprint):
            log.info("written into the log", extra={"control": kind, "partitions": self._partitions})
