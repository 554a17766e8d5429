"""The composition root: this file and screen_role.py alone wire things together. `run_worker` is a whole worker, from
settings to exit."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from confluent_kafka import KafkaError
from rocksdict import Cache

from sidestep.streams.decide.agent import Decide
from sidestep.streams.decide.tables import DEDUPLICATION_SECONDS
from sidestep.streams.errors import WorkerCrashed
from sidestep.streams.observe.report import Watching
from sidestep.streams.runtime.batches import Partition
from sidestep.streams.runtime.failpoints import from_environment
from sidestep.streams.runtime.ledger import LedgerSettings
from sidestep.streams.runtime.reader import Isolation
from sidestep.streams.runtime.transport import BatchApp, Open
from sidestep.streams.settings import Settings
from sidestep.streams.web.worker import WorkerEndpoints
from sidestep.topics import admin
from sidestep.topics.catalog import EVIDENCE, IDS_CHANGELOG, LEDGER_CHANGELOG, TALLIES
from sidestep.topics.cluster import admin_client, cluster
from sidestep.topics.errors import TopicsError

log = logging.getLogger(__name__)

ROLES = ("screen", "decide")
STOP_SECONDS = 30.0
OUTAGE_SECONDS = 7 * 86_400
"""RocksDB drops old ids by the wall clock, the fold by log time: they may differ by an outage of this length."""
PACE = {"screen": 0.010, "decide": 0.025}
"""Seconds between two small batches of a partition: a transaction costs the broker some 5 ms, a flush 2."""

# a hold is in force in all partitions or in none; a service that leaves a transaction open must not hold up the others
ISOLATION: dict[str, Isolation] = {"screen": "read_uncommitted", "decide": "read_committed"}

Close = Callable[[], Any]


class Worker:
    """One process: the roles it plays, what watches them, and how they end."""

    def __init__(self, settings: Settings, roles: Iterable[str]):
        self._settings = settings
        self._roles = tuple(roles)
        self._failpoint = from_environment()
        self._stop = asyncio.Event()
        self._failed = asyncio.Event()
        self._leaving = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._apps: list[BatchApp] = []
        self._closing: list[Close] = []
        self._partitions: dict[str, int] = {}
        self._faust_folder = settings.data / "faust"
        self._admin = admin_client(settings.connection)
        self.failure: Exception | None = None
        self.watching = Watching(self._roles)

    async def run(self) -> None:
        """Work until stop() or a failure. Raises the failure."""
        settings = self._settings
        web = WorkerEndpoints(settings.web_host, settings.web_port, self.watching.health, self.watching.metrics)
        await web.start()
        try:
            await self._check_topics()
            if "screen" in self._roles:
                await self._start(await self._screen())
            if "decide" in self._roles:
                await self._start(self._decide())
            log.info("working", extra={"roles": ",".join(self._roles), "kafka": str(settings.connection)})
            self._start_task(self.watching.beat(self._apps, self._broker_answers))
            await self._stop.wait()
            if self.failure is None:
                await self._leave_unless_failing()
            if self.failure is not None:
                raise self.failure
        finally:
            await web.stop()

    def stop(self) -> None:
        """Finish what is in hand, commit, leave the group."""
        self._stop.set()

    def fail(self, error: Exception) -> None:
        """This worker can't go on. Nothing unfinished is acked, so whoever takes over reads it again."""
        if self.failure is None:
            self.failure = error
            self.watching.health.fatal(str(error))
            self._stop.set()
            self._failed.set()

    async def _check_topics(self) -> None:
        states = await asyncio.to_thread(admin.states, self._settings.connection)
        differences = await asyncio.to_thread(admin.check, self._settings.connection)
        missing = [line for line in differences if "missing" in line or "partitions" in line]
        for line in differences:
            log.warning("topics: %s", line)
        if missing:
            raise TopicsError(
                "The topics do not fit the catalog:\n  " + "\n  ".join(missing) + "\nRun `sidestep topics create`."
            )
        self._partitions = {state.name: state.partitions for state in states}

    async def _start(self, app: BatchApp) -> None:
        self._apps.append(app)
        self._faust_folder.mkdir(parents=True, exist_ok=True)
        await app.start()
        self._start_task(self._look_after(app))

    async def _look_after(self, app: BatchApp) -> None:
        """Faust ends itself when its consumer's thread breaks, and tells nobody."""
        await app.wait_until_stopped()
        if not self._leaving:
            raise app.crash_reason or WorkerCrashed("Faust has stopped by itself; its log says more")

    def _start_task(self, work: Coroutine[Any, Any, None]) -> None:
        """Something that goes on beside the agents; its failure is the worker's."""

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            error = None if task.cancelled() else task.exception()
            if error is not None:
                self.fail(error if isinstance(error, Exception) else WorkerCrashed(repr(error)))

        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(ended)

    async def _leave_unless_failing(self) -> None:
        """A batch that fails now is never acked, so leaving would wait for it for ever."""
        self._leaving = True
        leaving = asyncio.create_task(self._leave())
        failing = asyncio.create_task(self._failed.wait())
        await asyncio.wait((leaving, failing), return_when=asyncio.FIRST_COMPLETED)
        failing.cancel()
        if leaving.done():
            leaving.result()

    async def _leave(self) -> None:
        self.watching.health.stopping()
        log.info("leaving: finishing what is in hand")
        for app in self._apps:
            await asyncio.wait_for(app.stop(), STOP_SECONDS)
        for close in reversed(self._closing):
            await close()
        log.info("left cleanly")

    # -- roles ---------------------------------------------------------------------------------------------------------

    async def _screen(self) -> BatchApp:
        # the libraries of this role take some 25 MB, which a worker that only decides has better use for
        from sidestep.streams.roles.screen import ScreenRole

        role = ScreenRole(self._settings, self._partitions[EVIDENCE.name], self._failpoint)
        self._closing.append(role.close)
        await role.prepare()
        self._start_task(role.follow_feeds())
        self._start_task(role.keep_time())
        self.watching.screens(role.screener, role.sources)
        app = self._app("screen", _nothing_to_open)
        role.register(app, self.watching, self.fail)

        async def assigned(partitions: set[Partition]) -> None:
            self.watching.assigned("screen", partitions)
            role.screener.forget(partitions)

        app.on_assigned(assigned)
        return app

    def _decide(self) -> BatchApp:
        settings = self._settings
        ledger = LedgerSettings(
            connection=settings.connection,
            group=settings.group,
            data=settings.data / "ledger",
            rows_changelog=LEDGER_CHANGELOG.name,
            window_changelog=IDS_CHANGELOG.name,
            window_seconds=DEDUPLICATION_SECONDS + OUTAGE_SECONDS,
            cache=Cache(settings.block_cache_mb * 1024 * 1024),
        )
        decide = Decide(ledger, self.watching, self.fail, self._failpoint, self._partitions[TALLIES.name])
        self._closing.append(decide.close)
        self.watching.decides(decide)
        app = self._app("decide", decide.open_partition)
        decide.register(app)

        async def assigned(partitions: set[Partition]) -> None:
            self.watching.assigned("decide", partitions)
            await decide.keep_only(partitions)

        app.on_assigned(assigned)
        return app

    def _app(self, role: str, open_partition: Open) -> BatchApp:
        settings = self._settings
        return BatchApp(
            f"{settings.group}-{role}",
            connection=settings.connection,
            open_partition=open_partition,
            on_failure=self.fail,
            on_broker_error=self._on_broker_error,
            healthy=lambda: self.failure is None,
            batch_max=settings.batch_max,
            pace=PACE[role],
            skip_truncated=settings.skip_truncated,
            isolation=ISOLATION[role],
            store="memory://",
            datadir=str(self._faust_folder),
            autodiscover=False,
            web_enabled=False,
            topic_disable_leader=True,
            topic_allow_declare=False,
            broker_session_timeout=settings.session_timeout,
            broker_heartbeat_interval=min(3.0, settings.session_timeout / 3),
            broker_commit_interval=settings.commit_interval,
            consumer_auto_offset_reset="earliest",
        )

    def _on_broker_error(self, error: KafkaError) -> None:
        log.warning("kafka: %s", error.str())
        self.watching.health.broker_error(error.str())

    def _broker_answers(self) -> None:
        cluster(self._admin, self._settings.connection)


async def _nothing_to_open(_: Partition) -> None:
    """Screen begins at the group's committed offset: there is nothing to recover."""


async def run_worker(settings: Settings, roles: Iterable[str]) -> None:
    """A worker until SIGTERM or SIGINT. Raises SidestepError if it fails."""
    worker = Worker(settings, roles)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(number, worker.stop)
    await worker.run()
