"""The life of a worker: settings, roles, signals, exit. What a role is made of stands in roles/, by its name only."""

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from confluent_kafka import KafkaError

from sidestep.streams.deadline import LEAVE_SECONDS, Deadline
from sidestep.streams.errors import PartitionsChanged, WorkerCrashed
from sidestep.streams.observe.credentials import read_credentials
from sidestep.streams.observe.disk import read_disk
from sidestep.streams.observe.report import Report
from sidestep.streams.partition_note import PartitionNote, grown, is_draining
from sidestep.streams.roles import load_role
from sidestep.streams.roles.budgeted import records_held
from sidestep.streams.roles.role import Context, Role
from sidestep.streams.roles.topics_of import topics_of
from sidestep.streams.runtime.batch_app import BatchApp
from sidestep.streams.runtime.batches import MIB, Partition
from sidestep.streams.runtime.collector import fit_batches
from sidestep.streams.runtime.coverage import Coverage
from sidestep.streams.runtime.failpoints import from_environment
from sidestep.streams.runtime.group import Group
from sidestep.streams.runtime.group_keeper import GroupKeeper
from sidestep.streams.settings import Settings
from sidestep.streams.startup import await_grown, await_topics, check_partitions, follow_partitions, is_grown_by_us
from sidestep.streams.web.worker import worker_endpoints
from sidestep.topics.cluster import admin_client, cluster
from sidestep.topics.errors import SidestepError
from sidestep.topics.renewing import Renewing

log = logging.getLogger(__name__)

ASSIGNED_SECONDS = 5.0
"""A rebalance waits for that at most."""


class Worker:
    """One process: the roles it plays, what it reports of them, and how they end."""

    def __init__(self, settings: Settings, roles: Iterable[str], ending: Callable[[], object] = lambda: None):
        """`roles` are names of the table in roles/. `ending` is called when the worker begins to end, for whatever
        reason."""
        self._settings = settings
        self._names = tuple(roles)
        self._ending = ending
        self._failpoint = from_environment()
        self._stop = asyncio.Event()
        self._failed = asyncio.Event()
        self._leaving = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._apps: list[BatchApp] = []
        self._roles: list[Role] = []
        self._partitions: dict[str, int] = {}
        self._seen: dict[str, int] = {}
        """Partitions of each topic, when the broker was asked last."""
        self._note: PartitionNote | None = None
        self.begins_anew = False
        """It has ended because the log has grown, not because it was to end."""
        self._faust_folder = settings.data / "faust"
        self._admin = Renewing(settings.connection.renewals, lambda: admin_client(settings.connection))
        self.failure: Exception | None = None
        self.report = Report()
        read_credentials(self.report.metrics, settings)
        read_disk(self.report.metrics, settings.data)
        self.report.metrics.read_held(self._held)

    async def run(self) -> None:
        """Work until stop() or a failure. Raises the failure."""
        settings = self._settings
        web = worker_endpoints(settings, self.report.health, self.report.metrics)
        await web.start()
        self._start_task(web.follow())
        self._start_task(self.report.metrics.loop_silence.listen())
        try:
            await self._start_unless_stopped()
            await self._stop.wait()
            if self.failure is None:
                await self._leave_unless_failing()
            if self.failure is not None:
                raise self.failure
        finally:
            await web.stop()

    def end(self) -> None:
        """Somebody wants it to end, also while it leaves in order to begin anew."""
        self.begins_anew = False
        self.stop()

    def stop(self) -> None:
        """Finish what is in hand, commit, leave the group."""
        self._ending()
        self._stop.set()

    def fail(self, error: Exception) -> None:
        """This worker can't go on. Nothing unfinished is acked, so whoever takes over reads it again."""
        if self.failure is None:
            self.failure = error
            self.report.health.fatal(str(error))
            self._stop.set()
            self._failed.set()
            self._ending()

    def _make_roles(self) -> None:
        context = Context(self._settings, self._partitions, self.report, self.fail, self._failpoint, self._note)
        for name in self._names:
            role = load_role(name)(context)
            self._roles.append(role)
            self.report.plays(name)

    async def _start_unless_stopped(self) -> None:
        """Kafka may never answer, and a role has started when its group has assigned: neither must keep the worker from
        leaving."""
        starting = asyncio.create_task(self._start_all())
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if starting.done():
            starting.result()
            return
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)

    async def _start_all(self) -> None:
        self._partitions = await self._await_topics()
        self._note = await check_partitions(self._settings.connection, self.report.health, self._partitions)
        self._start_task(self.report.beat(self._lags, self._broker_answers))
        self._start_task(
            follow_partitions(lambda: self._seen, self._partitions, self._settings.connection, self._begin_anew)
        )
        self._make_roles()
        for role in self._in_order():
            await self._start(role)
        fit_batches()
        log.info("working", extra={"roles": ",".join(self._names), "kafka": str(self._settings.connection)})

    def _in_order(self) -> list[Role]:
        """While the log is being grown, first those that go on with what stands in it."""
        return sorted(self._roles, key=lambda role: not role.drains) if self._is_draining else self._roles

    @property
    def _is_draining(self) -> bool:
        return self._note is not None and is_draining(self._note, self._partitions)

    def _begin_anew(self) -> None:
        self.begins_anew = True
        self.stop()

    async def _await_topics(self) -> dict[str, int]:
        return await await_topics(self._settings.connection, self.report.health, topics_of(self._names, self._settings))

    async def _start(self, role: Role) -> None:
        if self._is_draining and not role.drains:
            log.info("the log is being grown: waiting for its end", extra={"role": role.name})
            await await_grown(self._settings.connection, self.report.health)
        await role.prepare()
        for chore in role.chores():
            self._start_task(chore)
        app = self._app(role)
        role.register(app)

        async def assigned(partitions: set[Partition]) -> None:
            if not role.drains:
                await self._check_partitions()
            self.report.assigned(role.name, partitions)
            await role.assigned(partitions)

        app.on_assigned(assigned)
        keeper = self._keeper(role, app)
        app.on_moved(keeper.moved)
        self._apps.append(app)
        self.report.metrics.budgets.show(role.name, "records", lambda: records_held(app.held(), self._settings))
        self._faust_folder.mkdir(parents=True, exist_ok=True)
        for work in (keeper.keep_covered(), keeper.follow_lag()):
            self._start_task(work)
        await app.start()  # until the group has assigned, however long that takes
        self._start_task(self._look_after(app))

    async def _check_partitions(self) -> None:
        """Who grows the log takes a group without members for one that writes nothing any more: whoever joins it later
        must see that the log has grown. Raises PartitionsChanged."""
        # told by /readyz; without Kafka nothing is written either
        with contextlib.suppress(SidestepError, TimeoutError):
            await asyncio.wait_for(asyncio.to_thread(self._broker_answers), ASSIGNED_SECONDS)
        if found := grown(self._partitions, self._seen):
            error = PartitionsChanged(found)
            with contextlib.suppress(SidestepError):
                self.begins_anew = await asyncio.to_thread(is_grown_by_us, self._settings.connection, self._seen)
            self.fail(error)  # at once: in the middle of an assignment nobody can leave in good order
            raise error

    def _keeper(self, role: Role, app: BatchApp) -> GroupKeeper:
        topics = {topic: self._partitions[topic] for topic in app.inputs}
        group = Group(self._settings.connection, self._admin, app.conf.id, topics)
        return GroupKeeper(role.name, group, Coverage(time.monotonic), app, self.report)

    async def _look_after(self, app: BatchApp) -> None:
        """Faust ends itself when its consumer's thread breaks, and tells nobody."""
        await app.wait_until_stopped()
        if not self._leaving:
            raise app.why_stopped()

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
        self.report.health.stopping()
        log.info("leaving: finishing what is in hand")
        for app in self._apps:
            await app.stop()
        for role in reversed(self._roles):
            await role.close()
        log.info("left cleanly")

    def _app(self, role: Role) -> BatchApp:
        settings = self._settings
        return BatchApp(
            f"{settings.group}-{role.name}",
            connection=settings.connection,
            open_partition=role.open_partition,
            on_failure=self.fail,
            on_broker_error=self._on_broker_error,
            healthy=lambda: self.failure is None,
            batch_max=settings.batch_max,
            pace=role.pace,
            skip_truncated=settings.skip_truncated,
            isolation=role.isolation,
            held_octets=settings.held_mb * MIB,
            from_strangers=role.from_strangers,
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
        self.report.health.broker_error(error.str())

    def _lags(self) -> dict[Partition, int]:
        return {tp: lag for app in self._apps for tp, lag in app.lag().items()}

    def _held(self) -> dict[tuple[str, int], int]:
        return {(tp.topic, tp.partition): octets for app in self._apps for tp, octets in app.held().items()}

    def _broker_answers(self) -> None:
        found = cluster(self._admin.get(), self._settings.connection).topics
        self._seen = {name: len(topic.partitions) for name, topic in found.items()}


async def run_worker(settings: Settings, roles: Iterable[str], overdue: Callable[[], None]) -> bool:
    """A worker until SIGTERM or SIGINT, or until the log has grown: True, another one has to begin. Raises
    SidestepError if it fails.

    `overdue` is called in a thread when the worker has not ended LEAVE_SECONDS after it began to; it ends the process.
    """
    worker = Worker(settings, roles, Deadline(LEAVE_SECONDS, overdue).begin)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(number, worker.end)
    try:
        await worker.run()
    except PartitionsChanged:
        if not worker.begins_anew:
            raise
    return worker.begins_anew
