"""The role release: a stage over email-rejected that offers again what was deferred, when its time has come. Optional:
nothing else needs it, and it does nothing until the policy names a service."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Collection, Coroutine, Iterable, Iterator, Mapping
from typing import Any

from prometheus_client.core import GaugeMetricFamily, Metric

from sidestep.streams.decide.policy import Release
from sidestep.streams.decide.policy_text import parse_logged
from sidestep.streams.errors import PolicyError
from sidestep.streams.observe.labels import LabelBounds, named
from sidestep.streams.observe.metrics import Count, Done, Labelled
from sidestep.streams.release.releaser import ReleasedBatch, Releaser, Sign
from sidestep.streams.roles.role import Context
from sidestep.streams.roles.role_snapshots import tombstones_of
from sidestep.streams.roles.stage_role import StageRole
from sidestep.streams.runtime.at_offsets import read_at
from sidestep.streams.runtime.batches import Partition
from sidestep.streams.runtime.ledger import Ledger, LedgerSettings
from sidestep.streams.runtime.manifest import Place
from sidestep.streams.screen.control import notes_since
from sidestep.streams.screen.policy_history import PREFIX, policy_in_force
from sidestep.streams.settings import Settings
from sidestep.topics.catalog import INTENTS, REJECTED, RELEASE_CHANGELOG
from sidestep.topics.errors import BrokerUnreachable
from sidestep.topics.signer import Signer

RELEASE_OFFERED = Count("sidestep_release_offered_total", "Deferred intents that were offered again.", ("service",))
RELEASE_TAKEN = Count("sidestep_release_taken_total", "Deferrals that wait for their time from then on.", ("service",))
RELEASE_LET_GO = Count(
    "sidestep_release_let_go_total", "Deferrals that were not offered again, by the reason.", ("reason",)
)
ANOTHER_VERDICT = "another-verdict"
"""Reason of those whose service was quicker."""

LOOK_SECONDS = 0.5
"""Between two looks at what is due."""
POLICY_SECONDS = 5.0
"""Between two looks at the policy in force: what is new in email-control is read for that."""
TRANSACTION_SECONDS = 20.0

log = logging.getLogger(__name__)


class ReleaseRole(StageRole[ReleasedBatch]):
    """What a worker that offers again is made of."""

    name = "release"
    pace = 0.25
    """What is deferred waits for minutes."""

    def __init__(self, context: Context):
        settings = context.settings
        self._settings = settings
        self._releasers: dict[int, Releaser] = {}
        self._policy = Release()
        self._notes: dict[str, bytes] = {}
        """Those of email-control that tell of policies."""
        self._read_up_to = 0
        _sign(settings)  # a key that can't be used is told of at the start
        self._bounds = LabelBounds()
        self._partitions = context.partitions
        ledger = LedgerSettings(
            connection=settings.connection,
            group=settings.group,
            role=self.name,
            data=settings.data / "ledger",
            rows_changelog=RELEASE_CHANGELOG.name,
            window_changelog="",
            own_topics=(),
            shared_topics={INTENTS.name: context.partitions[INTENTS.name]},
            window_seconds=0,
            cache=context.block_cache,
            transaction_seconds=TRANSACTION_SECONDS,
            tombstone_seconds=tombstones_of(context, RELEASE_CHANGELOG.name),
        )
        super().__init__(context, REJECTED.name, ledger, self._releaser, _measured)
        context.report.metrics.declare(RELEASE_OFFERED, RELEASE_TAKEN, RELEASE_LET_GO)
        context.report.metrics.read("release", self._families)

    async def prepare(self) -> None:
        """Learn whose intents are offered again, before the first verdict is read."""
        await self._read_policy()

    def chores(self) -> Iterable[Coroutine[Any, Any, None]]:
        """As all stages; the looks at what is due, and at the policy in force."""
        return (*super().chores(), self._keep_releasing(), self._follow_policy())

    def _releaser(self, ledger: Ledger) -> Releaser:
        number, settings = ledger.partition, self._settings
        place, name = Place(REJECTED.name, number), f"{settings.group}-{self.name}-reader"

        def read(offsets: Collection[int]) -> Mapping[int, bytes | None]:
            return read_at(settings.connection, place, offsets, name)

        made = self._releasers[number] = Releaser(
            ledger,
            read,
            lambda: self._policy,
            _sign(settings),
            self._partitions[INTENTS.name],
            self._partitions[REJECTED.name],
        )
        return made

    def _open_releasers(self) -> list[Releaser]:
        """Of the partitions that this worker has."""
        numbers = [tp.partition for tp in self._stage.partitions()]
        return [self._releasers[number] for number in numbers if number in self._releasers]

    async def _keep_releasing(self) -> None:
        """For ever. Kafka out of reach: later."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await asyncio.gather(*map(self._release, self._stage.partitions()))
            except BrokerUnreachable as error:
                log.warning("nothing is offered again for now: %s", error)

    async def _release(self, tp: Partition) -> None:
        now_ms = int(time.time() * 1000)
        batch = await self._stage.lend(tp, lambda ledger: self._releasers[ledger.partition].release(now_ms))
        if batch is not None and (batch.offered or batch.let_go):
            self._report.batch_done(self.name, tp.topic, _measured(batch))

    async def _follow_policy(self) -> None:
        """For ever. A policy that can't be read changes nothing."""
        while True:
            await asyncio.sleep(POLICY_SECONDS)
            try:
                await self._read_policy()
            except BrokerUnreachable as error:
                log.warning("which policy is in force can't be told for now: %s", error)

    async def _read_policy(self) -> None:
        new, self._read_up_to = await asyncio.to_thread(notes_since, self._settings.connection, self._read_up_to)
        new = {key: note for key, note in new.items() if key == "policy" or key.startswith(PREFIX)}
        if not new:
            return
        self._notes |= new
        applied = policy_in_force(self._notes)
        try:
            self._policy = parse_logged(applied.text).release if applied is not None else Release()
        except PolicyError as error:
            log.error("the policy in force can't be read, and what is offered again stays as it is: %s", error)

    def _families(self) -> Iterator[Metric]:
        releasers = self._open_releasers()
        about = "Deferred intents that wait to be offered again, of the partitions of this worker."
        waiting = GaugeMetricFamily("sidestep_release_waiting", about, labels=("service",))
        by_service: Counter[str] = Counter()
        for releaser in releasers:
            for service, count in releaser.waiting.items():
                by_service[self._bounds.bound("service", named(service))] += count
        for service, count in by_service.items():
            waiting.add_metric((service,), count)
        about = "Of these, those whose time was more than five minutes ago; of each partition at most 10,000."
        overdue = GaugeMetricFamily("sidestep_release_overdue", about, sum(releaser.overdue for releaser in releasers))
        about = "When the first of these was or is due; nothing where none waits."
        oldest = GaugeMetricFamily("sidestep_release_oldest_due_timestamp_seconds", about)
        if due := [releaser.oldest for releaser in releasers if releaser.oldest is not None]:
            oldest.add_metric((), min(due) / 1000)
        yield from (waiting, overdue, oldest)


def _sign(settings: Settings) -> Sign | None:
    """For one partition: a signer is nothing for several threads. Raises CredentialsError."""
    if not settings.release_key_file:
        return None
    signer = Signer(settings.release_key, settings.release_key_file)
    return lambda value: signer.sign(INTENTS.name, value)


def _measured(batch: ReleasedBatch) -> Done:
    counts: dict[Count, Labelled] = {
        RELEASE_OFFERED: _by_name(batch.offered),
        RELEASE_TAKEN: _by_name(batch.taken),
        RELEASE_LET_GO: batch.let_go + Counter({ANOTHER_VERDICT: batch.ended}),
    }
    return Done(batch.records, batch.seconds, batch.transaction_seconds, counts=counts)


def _by_name(services: Counter[str]) -> Counter[str]:
    found: Counter[str] = Counter()
    for service, count in services.items():
        found[named(service)] += count
    return found
