"""The role screen: intents and feedback in, evidence out, with everything that asks the world."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from prometheus_client.core import Metric

from sidestep.streams.decide.policy_file import read_policy
from sidestep.streams.decide.policy_text import name_of, version_of
from sidestep.streams.errors import HashKeyMismatch, LogLayoutError
from sidestep.streams.observe.health import Health
from sidestep.streams.observe.labels import LabelBounds
from sidestep.streams.observe.metrics import Count, Done, Labelled, Metrics
from sidestep.streams.observe.report import BEAT_SECONDS
from sidestep.streams.observe.scrape import by_partition
from sidestep.streams.partition_note import KEY as PARTITIONS
from sidestep.streams.partition_note import PartitionNote
from sidestep.streams.roles.budgeted import held_by
from sidestep.streams.roles.follow_quarantine import FollowQuarantine, new_limit
from sidestep.streams.roles.policy_reload import PolicyReload
from sidestep.streams.roles.role import Context
from sidestep.streams.roles.screen_budgets import (
    caches_held,
    domains_remembered,
    feedback_read,
    feeds_read,
    ids_remembered,
)
from sidestep.streams.roles.screen_metrics import (
    EVIDENCE_RECORDS,
    FEEDBACK,
    SIGNATURES,
    TIES,
    cache_families,
    dns_families,
    policy_families,
    signers_families,
    source_families,
)
from sidestep.streams.runtime.batch_app import BatchApp
from sidestep.streams.runtime.batches import Batch, Partition
from sidestep.streams.runtime.fetching import Isolation
from sidestep.streams.runtime.publisher import Publisher
from sidestep.streams.screen import agent
from sidestep.streams.screen.announcer import Announcer
from sidestep.streams.screen.control import keep_time, put_notes
from sidestep.streams.screen.dns.resolver import Resolver
from sidestep.streams.screen.feedback.reasons import load_reasons
from sidestep.streams.screen.formers import Formers
from sidestep.streams.screen.hash_key import former_hash_key, hash_key
from sidestep.streams.screen.holds import rfc3339
from sidestep.streams.screen.keys import Keys
from sidestep.streams.screen.lists.classes import load_lists
from sidestep.streams.screen.lists.domain_facts import DomainBook
from sidestep.streams.screen.lists.typo import suggest
from sidestep.streams.screen.policy_history import AppliedPolicy
from sidestep.streams.screen.recent_ids import RecentIds
from sidestep.streams.screen.screened import Screened
from sidestep.streams.screen.screener import Screener
from sidestep.streams.screen.signers_file import SignersFile
from sidestep.streams.screen.sources.build import open_sources
from sidestep.streams.screen.ticks import Ticks
from sidestep.streams.settings import name_servers
from sidestep.topics.catalog import EVIDENCE, TALLIES
from sidestep.topics.errors import BrokerUnreachable, PublishFailed
from sidestep.topics.own_topics import owner_of

SECRET_SECONDS = 5.0
"""A rebalance waits for that at most."""
NOTES_SECONDS = 30.0
BEHIND_SECONDS = 300.0
"""All of email-control is read for that."""
RENEWAL_SECONDS = 86_400.0
"""Between two looks; what is a week old then is written again (screen/control.py)."""

log = logging.getLogger(__name__)


class ScreenRole:
    """What a worker that screens is made of."""

    name = "screen"
    pace = 0.010
    """A flush costs the broker some 2 ms."""
    drains = False
    isolation: Isolation = "read_uncommitted"
    """A service that leaves a transaction open must not hold up the others."""
    from_strangers = True

    def __init__(self, context: Context):
        settings = context.settings
        self._settings = settings
        self._report = context.report
        self._fail = context.fail
        self._partitions = context.partitions[EVIDENCE.name]
        self._note = _note(context.partitions) if context.note is None else None
        self._keys = Keys(hash_key(settings), former_hash_key(settings))
        self._formers = Formers(self._keys)
        self._lists = load_lists()
        self._publisher = Publisher(settings.connection, f"{settings.group}-{self.name}")
        self._book = DomainBook(self._lists, suggest, self._partitions)
        self._announcer = Announcer(
            settings.connection, self._publisher, self._book, self._keys, self._formers, name_of
        )
        self._policy = ""
        self._is_behind = False
        """Whether it is an older one than that in force."""
        self._ticks = Ticks()
        self._own = [name for name in context.partitions if owner_of(name)]
        """Topics that services have to themselves: those that the signers file named as the worker started."""
        self._signers = (
            SignersFile(Path(settings.signers), settings.signature_window, self._own) if settings.signers else None
        )
        self._sources = open_sources(settings, name_servers(settings))
        self._quarantine = FollowQuarantine(settings, context.report)
        self._screener = self._make_screener(context)
        self._contribute(context.report.metrics)

    def _make_screener(self, context: Context) -> Screener:
        settings = context.settings
        return Screener(
            book=self._book,
            inquiry=self._sources.inquiry,
            keys=self._keys,
            reasons=load_reasons(),
            publisher=self._publisher,
            ward=self._quarantine.ward,
            new_limit=new_limit(settings),
            recent=RecentIds,
            parked_max=settings.parked_max,
            failpoint=context.failpoint,
            ticks=self._ticks,
            history=self._sources.prober.history if self._sources.prober is not None else None,
            formers=self._formers,
            signers=self._signers.now if self._signers is not None else None,
        )

    def _contribute(self, metrics: Metrics) -> None:
        bounds = LabelBounds()
        metrics.declare(EVIDENCE_RECORDS, SIGNATURES, TIES, FEEDBACK)
        metrics.read("parked", self._parked_families)
        metrics.read("dns", lambda: dns_families(self._sources.resolver, bounds))
        metrics.read("caches", lambda: cache_families(self._sources.cache_octets()))
        show = partial(metrics.budgets.show, self.name)
        show("producers", lambda: held_by(self._publisher))
        show("caches", lambda: caches_held(self._sources, self._settings))
        show("recent-ids", lambda: ids_remembered(self._screener.recent_ids))
        show("domains", lambda: domains_remembered(len(self._book)))
        show("feedback", lambda: feedback_read(self._screener.octets_read))
        if (feeds := self._sources.feeds) is not None:
            show("feeds", lambda: feeds_read(feeds))
        metrics.read("sources", lambda: source_families(self._sources.status()))
        metrics.read("policy", lambda: policy_families(self._report.health.policy_refused))
        signers = self._signers
        metrics.read("signers", lambda: signers_families(signers))

    async def prepare(self) -> None:
        """Fetch the feeds that were never fetched, and have the log's control records say what is judged by."""
        await self._sources.prepare()
        if self._note is not None:
            await put_notes(self._publisher, {PARTITIONS: self._note})
        await self._begin_with(read_policy(self._settings))

    def chores(self) -> Iterable[Coroutine[Any, Any, None]]:
        """Refresh feeds when they are due, follow the policy file, write ticks into the log, tell how DNS is doing."""
        yield follow_dns(self._sources.resolver, self._report.health)
        yield self._keep_time()
        yield self._quarantine.follow()
        yield keep_in_log(self._renew)
        yield self._look_whether_behind()
        if self._keys.former is not None:
            yield self._move_notes()
        if self._settings.policy:  # the one that ships changes with Sidestep alone, and then its rules do as well
            yield self._policy_reload(Path(self._settings.policy)).follow()
        if self._signers is not None:
            yield self._signers.follow()
        if self._sources.feeds is not None:
            yield self._sources.feeds.run(self._renew)

    def _policy_reload(self, path: Path) -> PolicyReload:
        return PolicyReload(path, self._policy, self._put_in_force, self._report.health.policy_fault)

    def register(self, app: BatchApp) -> None:
        """An agent for each kind of input."""
        agent.register(app, self._screener, self._own, self._done, self._fail)

    async def open_partition(self, tp: Partition) -> int | None:
        """Screen begins at the group's committed offset: there is nothing to recover."""

    async def assigned(self, partitions: set[Partition]) -> None:
        """Forget what is remembered of all other partitions. Who had these may have died before a tick; or a worker
        with another secret has come, or the log has been laid out anew, and then this one must not begin."""
        await self._check_in_force()
        self._screener.forget(partitions)
        self._ticks.wrote(range(self._partitions), time.time())

    async def close(self) -> None:
        """End what is being asked and read; what was handed to the publisher is sent."""
        await self._sources.close()
        await self._screener.close()
        await self._publisher.close()

    async def _check_in_force(self) -> None:
        try:
            await asyncio.wait_for(self._announcer.check_in_force(), SECRET_SECONDS)
        except (BrokerUnreachable, TimeoutError) as error:
            log.warning("whether the hash key is still in force is asked at the next rebalance: %s", error)
        except (HashKeyMismatch, LogLayoutError) as error:
            self._fail(error)
            raise

    async def _move_notes(self) -> None:
        """For ever, while there are two secrets: what people see of suppressions and traps moves, too."""
        while True:
            await asyncio.sleep(NOTES_SECONDS)
            try:
                await self._announcer.move_notes()
            except (BrokerUnreachable, PublishFailed) as error:
                log.warning("notes under the former hash key are not moved yet: %s", error)

    def _done(self, batch: Batch, screened: Screened, seconds: float) -> None:
        self._ticks.refuse(screened.refused_by())
        counts: dict[Count, Labelled] = {
            EVIDENCE_RECORDS: screened.kinds,
            SIGNATURES: screened.signatures,
            TIES: screened.ties,
            FEEDBACK: screened.forms,
        }
        done = Done(len(batch.records), seconds, dead_letters=screened.reasons, counts=counts)
        self._report.batch_done(self.name, batch.tp.topic, done)

    def _parked_families(self) -> Iterable[Metric]:
        parked = {(tp.topic, tp.partition): count for tp, count in self._screener.parked.items()}
        yield by_partition("sidestep_parked_records", "Intents that wait for DNS.", parked)

    async def _keep_time(self) -> None:
        """End the seconds of the log that no further evidence ends."""
        await keep_time(self._publisher, self._ticks)

    async def _begin_with(self, text: str) -> None:
        """At a start: an older policy than the one in force does not take its place. Somebody applied another one
        since, and this worker may be of a deployment of before, or have been restarted with what it had."""
        newer = await self._announcer.newer(version_of(text))
        if newer is None:
            await self._put_in_force(text)
            return
        self._policy = text
        await self._renew()
        self._behind(newer)

    def _behind(self, newer: AppliedPolicy) -> None:
        self._is_behind = True
        sentence = older_file(self._settings.policy, version_of(self._policy), newer)
        log.error(sentence)
        self._report.health.policy_fault(sentence)

    async def _look_whether_behind(self) -> None:
        """For ever: an older policy that somebody has applied again is none any more."""
        while True:
            await asyncio.sleep(BEHIND_SECONDS)
            try:
                if self._is_behind and await self._announcer.newer(version_of(self._policy)) is None:
                    self._no_more_behind()
            except BrokerUnreachable as error:
                log.warning("whether the policy file is still an older one is asked later: %s", error)

    def _no_more_behind(self) -> None:
        if self._is_behind:
            self._is_behind = False
            self._report.health.policy_fault("")

    async def _put_in_force(self, text: str) -> None:
        """Have every partition judge by this policy from here on: at a start, and when the file has changed."""
        await self._announcer.put_in_force(version_of(text), text, self._list_versions())
        self._policy = text
        self._no_more_behind()

    async def _renew(self) -> None:
        """Have the log say which lists are compared with, whenever a feed has changed; and once a day."""
        await self._announcer.renew(version_of(self._policy), self._policy, self._list_versions())

    def _list_versions(self) -> dict[str, str]:
        feeds = self._sources.feeds
        return self._lists.versions | (feeds.book.versions if feeds is not None else {})


def _note(partitions: Mapping[str, int]) -> PartitionNote:
    return PartitionNote(partitions[EVIDENCE.name], partitions[TALLIES.name], int(time.time() * 1000))


def older_file(file: str, version: str, newer: AppliedPolicy) -> str:
    """The sentence about a worker whose policy was in force before. `file`: empty for the one that ships."""
    mine = f"The policy file {file}" if file else "The policy that ships with this worker"
    return (
        f"{mine} is an older one: {version} was in force until {newer.version} took its place at {rfc3339(newer.at)}, "
        "which stays. Give this worker that one (`sidestep policy show --in-force --toml`), or go back for all: "
        f"`sidestep policy apply {file or 'FILE'} --force`."
    )


async def keep_in_log(renew: Callable[[], Awaitable[None]]) -> None:
    """Every day: what is in force is written again before the log's retention drops it, though nothing changes."""
    while True:
        await asyncio.sleep(RENEWAL_SECONDS)
        try:
            await renew()
        except (BrokerUnreachable, PublishFailed) as error:
            log.warning("what is in force is not written again yet: %s", error)


async def follow_dns(resolver: Resolver, health: Health) -> None:
    """Every second: whether the name servers answer, and whether they are to be believed."""
    while True:
        await resolver.refresh_trust()
        health.dns_distrust(resolver.trust.reasons)
        if await resolver.out_of_reach():
            health.dns_error("look-ups of several domains ended in timeouts or failures")
        else:
            health.dns_ok()
        await asyncio.sleep(BEAT_SECONDS)
