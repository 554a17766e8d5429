"""The snapshots of a role with ledgers: one a day of each partition and when somebody asks, and where a worker without
a ledger begins. Whatever goes wrong here is told and counted, and the worker goes on without."""

import asyncio
import logging
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol, TypeVar

from sidestep.streams.roles.role import Context
from sidestep.streams.runtime.batches import Partition
from sidestep.streams.runtime.changelog_ends import TOMBSTONE_SECONDS
from sidestep.streams.runtime.ledger import Ledger, LedgerSettings
from sidestep.streams.snapshots.changelogs import misfit_now
from sidestep.streams.snapshots.keeper import HELD, SnapshotKeeper, remove_held
from sidestep.streams.snapshots.place import SnapshotPlace
from sidestep.streams.snapshots.record import SnapshotManifest, SnapshotWanted
from sidestep.streams.snapshots.restore import restore
from sidestep.streams.snapshots.take import HeldState, SnapshotSource, hold
from sidestep.topics.admin import configs_of
from sidestep.topics.cluster import admin_client, cluster
from sidestep.topics.errors import SidestepError

log = logging.getLogger(__name__)

LOOK_SECONDS = 10.0
"""Between two looks at what is due, and at what people ask for."""

FLUSH_SECONDS, FLUSH_LOOKS = 0.05, 100
"""Between two looks whether what was in memory is written, and how many at most."""

LentT = TypeVar("LentT")


class Lend(Protocol):
    """Lends a partition's ledger while no batch of it is judged; None: it isn't here."""

    def __call__(self, tp: Partition, use: Callable[[Ledger], LentT], /) -> Awaitable[LentT | None]: ...


@dataclass(frozen=True)
class SnapshotKind:
    """What is a role's own in its snapshots."""

    engine: str = ""
    """The fold that makes its rows; empty: it has no number."""
    clock_ms: Callable[[Ledger], int] = lambda _: 0
    """The ledger's clock, milliseconds since 1970."""


class RoleSnapshots:
    """Of one role in one worker."""

    def __init__(self, context: Context, topic: str, ledger: LedgerSettings, kind: SnapshotKind):
        settings = context.settings
        ages = {"window": ledger.window_seconds} if ledger.window_changelog else {}
        source = SnapshotSource(ledger.group, ledger.role, topic, kind.engine, ages)
        self._url, self._source, self._ledger, self._clock_ms = settings.snapshots_url, source, ledger, kind.clock_ms
        self._keeper = SnapshotKeeper(self._url, source, settings.keep_rule, settings.snapshot_interval)
        self._cluster = ""
        self._failpoint = context.failpoint
        context.report.metrics.read_snapshots(ledger.role, lambda: self._keeper.figures)

    async def keep_taking(self, partitions: Callable[[], list[Partition]], lend: Lend) -> None:
        """For ever. `partitions`: those whose ledgers are open; `lend`: see Lend."""
        if not self._url:
            return
        await asyncio.to_thread(remove_held, self._ledger.data / self._ledger.role)
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self._look(partitions(), lend)

    async def _look(self, partitions: list[Partition], lend: Lend) -> None:
        self._keeper.forget_others({tp.partition for tp in partitions})
        if not partitions:
            return
        try:
            self._cluster = self._cluster or await asyncio.to_thread(cluster_id, self._ledger)
            await asyncio.to_thread(self._keeper.look_for_request, self._cluster)
        except SidestepError as error:
            log.info("whether somebody asks for snapshots can't be seen: %s", error)
        for tp in partitions if self._cluster else ():
            try:
                if await asyncio.to_thread(self._keeper.is_due, self._cluster, tp.partition):
                    await self._take(tp, lend)
            except Exception as error:  # noqa: BLE001 - told, counted, tried again: the work goes on
                self._keeper.failed(tp.partition, error)

    async def _take(self, tp: Partition, lend: Lend) -> None:
        self._keeper.asked_for(tp.partition)
        folder = self._held_in(tp.partition)
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        await self._flush(tp, lend)
        held = await lend(tp, self._hold)
        if held is not None:
            self._failpoint("snapshot-held")
            await asyncio.to_thread(self._keeper.keep, held)

    def _hold(self, ledger: Ledger) -> HeldState | None:
        if ledger.marker < 0:
            return None  # nothing has been judged
        return hold(ledger, self._held_in(ledger.partition), self._clock_ms)

    async def _flush(self, tp: Partition, lend: Lend) -> None:
        """Most of what is in memory is written while the partition works on, so that it is held up for less."""
        await lend(tp, lambda ledger: ledger.begin_flush())
        for _ in range(FLUSH_LOOKS):
            await asyncio.sleep(FLUSH_SECONDS)
            if not await lend(tp, lambda ledger: ledger.is_flushing()):
                return

    def _held_in(self, partition: int) -> Path:
        folder = self._ledger.folder(partition)
        return folder.with_name(f"{folder.name}{HELD}")

    def begin_from_newest(self, partition: int) -> None:
        """Where there is no ledger on disk, put a snapshot's in its place. Blocks; for a thread."""
        folder = self._ledger.folder(partition)
        if not self._url or folder.exists():
            return
        try:
            place = SnapshotPlace(self._url)
            if not place.clusters():
                return
            source = self._source
            wanted = SnapshotWanted(
                cluster_id(self._ledger), source.role, source.topic, partition, source.engine, source.group
            )
            folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            restore(place, wanted, folder, self._misfit)
        except (SidestepError, OSError) as error:
            log.warning("this worker begins without a snapshot: %s", error)

    def _misfit(self, manifest: SnapshotManifest) -> str:
        ledger = self._ledger
        topics = {"rows": ledger.rows_changelog, "window": ledger.window_changelog}
        named = {store: topic for store, topic in topics.items() if topic}
        return misfit_now(ledger.connection, named, manifest, ledger.tombstone_seconds())


def tombstones_of(context: Context, changelog: str) -> Callable[[], float]:
    """For how long a changelog tells of the ends of rows: half of what Kafka says, as clocks differ. Asked once."""

    @cache
    def ask() -> float:
        connection = context.settings.connection
        config = configs_of(admin_client(connection), [changelog]).get(changelog, {})
        return int(config.get("delete.retention.ms", 0)) / 2000 or TOMBSTONE_SECONDS

    return ask


def cluster_id(ledger: LedgerSettings) -> str:
    """Of the cluster that a role works on. Raises BrokerUnreachable. Blocks."""
    return str(cluster(admin_client(ledger.connection), ledger.connection).cluster_id)
