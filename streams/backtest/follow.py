"""Another policy beside running workers, from now on: reads the log as it grows, and verdicts as they appear. Nothing
is written to Kafka, and no group is joined. Blocks."""

import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from sidestep.schemas import Verdict
from sidestep.schemas.codec import encode
from sidestep.schemas.verdicts import Action
from sidestep.streams.audit.audit_partition import Span
from sidestep.streams.audit.beginning import LogExtent, LogSnapshots
from sidestep.streams.audit.on_disk import stores
from sidestep.streams.audit.replay import LogRecord, Replayer
from sidestep.streams.audit.tables import ReplayTables
from sidestep.streams.backtest.counts import BacktestCounts
from sidestep.streams.backtest.messages import Messages
from sidestep.streams.backtest.other_policy import COPIES, copied, put_in_force, says_otherwise
from sidestep.streams.backtest.report import BacktestReport
from sidestep.streams.backtest.run import beginning, extents_of, read_records, snapshots_in, told_of
from sidestep.streams.backtest.shadow import PartitionShadow
from sidestep.streams.decide.policy import Policy
from sidestep.streams.decide.policy_text import parse
from sidestep.streams.errors import BacktestFailed
from sidestep.streams.runtime.readable import MOST
from sidestep.streams.runtime.side_by_side import Told, added_up, side_by_side
from sidestep.topics.catalog import APPROVED, EVIDENCE, REJECTED
from sidestep.topics.connection import Connection
from sidestep.topics.received import Received, Unreadable
from sidestep.topics.subscribe import Subscription

MANY = 2_000
IDLE_SECONDS = 0.2
"""For which a topic that has nothing new is waited for."""
WAITING_MAX = 100_000
"""Records that may wait for verdicts: the log is read on once there are fewer."""
SHOWN_SECONDS = 5.0
LATEST = MOST
"""Of snapshots the newest: any log time is before it."""
KEPT_OCTETS: dict[str, Any] = {"queued.max.messages.kbytes": 16_384}
"""Read ahead by a client."""


class FollowedSoFar(NamedTuple):
    """What has been compared up to now."""

    records: int
    verdicts: int
    otherwise: Counter[tuple[Action, Action]]
    """Verdicts that are otherwise, by both actions."""
    waiting: int
    """Records that wait for verdicts."""


class BegunShadow(NamedTuple):
    """A partition whose log has been folded up to now."""

    next: int
    """Offset of the first record that is not in."""
    says_otherwise: list[str]
    notes: list[str]


@dataclass(frozen=True)
class CatchUp:
    """Fold a partition up to its end, and leave the state there with the other policy in force."""

    connection: Connection
    extent: LogExtent
    snapshots: LogSnapshots | None
    text: str
    folder: Path

    @property
    def partition(self) -> int:
        """Number of the partition."""
        return self.extent.partition

    def __call__(self, told: Told) -> BegunShadow:
        """Do it, here. Raises SidestepError."""
        policy = parse(self.text)
        with (
            stores(self.folder) as new_store,
            beginning(self.extent, self.snapshots, self.folder, LATEST, new_store) as begun,
        ):
            replayer = Replayer(self.partition, begun.tables, begun.start)
            for step in replayer.replay(read_records(self.connection, self.extent, begun.start)):
                told(step.read)
            otherwise = says_otherwise(begun.tables, policy)
            put_in_force(copied(begun.tables, new_store), policy, self.text)
            return BegunShadow(replayer.next, otherwise, told_of(begun, self.extent))


def follow(
    connection: Connection,
    policy: Policy,
    text: str,
    partitions: Sequence[int],
    is_over: Callable[[], bool],
    told: Callable[[int, int], None],
    show: Callable[[FollowedSoFar], None],
    snapshots: str = "",
) -> BacktestReport:
    """Fold the log up to now, then follow it until `is_over`. `told` hears how far the first is; `show` now and then
    what has been compared. `snapshots`: where they are kept; empty: nowhere. Raises SidestepError."""
    with ExitStack() as stack:
        # in this order: whatever is behind the log's end, of which `extents_of` asks last, has its verdict behind this
        verdicts = stack.enter_context(_from_now(connection, [APPROVED.name, REJECTED.name]))
        evidence = stack.enter_context(_from_now(connection, [EVIDENCE.name]))
        started = time.time()
        extents = extents_of(connection, partitions)
        place = snapshots_in(connection, snapshots)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sidestep-backtest-")))
        jobs = [CatchUp(replace(connection), extent, place, text, folder / str(extent.partition)) for extent in extents]
        total = sum(extent.end - extent.start for extent in extents)
        begun = side_by_side(jobs, os.cpu_count() or 1, added_up(told, total), BacktestFailed)
        shadows = {
            job.partition: stack.enter_context(_opened(job, each, policy))
            for job, each in zip(jobs, begun, strict=True)
        }
        _follow(shadows, evidence, verdicts, is_over, show)
        whole = BacktestCounts(says_otherwise=next((each.says_otherwise for each in begun if each.says_otherwise), []))
        whole.notes += [note for each in begun for note in each.notes]
        for shadow in shadows.values():
            whole.merge(shadow.counts())
    span = Span(started, time.time())
    return BacktestReport(policy.name, policy.version, sorted(shadows), span, whole, followed=True)


def _follow(
    shadows: Mapping[int, PartitionShadow],
    evidence: Subscription,
    verdicts: Subscription,
    is_over: Callable[[], bool],
    show: Callable[[FollowedSoFar], None],
) -> None:
    due = time.monotonic()
    while True:
        over = is_over()  # what has come by then is compared still
        some = _fold(shadows, evidence)
        for record in verdicts.batch(MANY, 0 if some else IDLE_SECONDS):
            if isinstance(record.value, Verdict) and record.partition in shadows:
                shadows[record.partition].appeared(record.value)
        for shadow in shadows.values():
            shadow.settle()
        if time.monotonic() >= due:
            due = time.monotonic() + SHOWN_SECONDS
            show(_so_far(shadows.values()))
        if over:
            return


def _fold(shadows: Mapping[int, PartitionShadow], evidence: Subscription) -> int:
    """Take what has arrived of the log, unless too much waits for verdicts. How many records that were."""
    if sum(shadow.waiting for shadow in shadows.values()) > WAITING_MAX:
        return 0
    records = evidence.batch(MANY, IDLE_SECONDS)
    by_partition: dict[int, list[LogRecord]] = {}
    for record in records:
        by_partition.setdefault(record.partition, []).append((record.offset, _octets(record)))
    for partition, some in by_partition.items():
        if partition in shadows:
            shadows[partition].fold(some)
    return len(records)


def _octets(record: Received) -> bytes | None:
    """What can't be read stays so; the rest says the same in octets of ours."""
    value = record.value
    if isinstance(value, msgspec.Struct):
        return encode(value)
    return value.octets if isinstance(value, Unreadable) else value


def _so_far(shadows: Iterable[PartitionShadow]) -> FollowedSoFar:
    so_far = FollowedSoFar(0, 0, Counter(), 0)
    for shadow in shadows:
        so_far = FollowedSoFar(
            so_far.records + shadow.records,
            so_far.verdicts + shadow.verdicts,
            so_far.otherwise + shadow.otherwise,
            so_far.waiting + shadow.waiting,
        )
    return so_far


@contextmanager
def _opened(job: CatchUp, begun: BegunShadow, policy: Policy) -> Iterator[PartitionShadow]:
    """The state that a catch-up has left, and empty messages beside it."""
    with stores(job.folder) as new_store:
        tables = ReplayTables(*(new_store(name) for name in COPIES))
        replayer = Replayer(job.partition, tables, begun.next)
        yield PartitionShadow(replayer, Messages(new_store("messages")), policy, job.text)


def _from_now(connection: Connection, topics: list[str]) -> Subscription:
    return Subscription(connection, topics, start="latest", **KEPT_OCTETS)
