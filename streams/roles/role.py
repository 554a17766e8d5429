"""What a worker asks of each role that it plays, and what it gives to it."""

from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from sidestep.streams.observe.budgets import SHARED, Held
from sidestep.streams.observe.report import Report
from sidestep.streams.partition_note import PartitionNote
from sidestep.streams.runtime.batch_app import BatchApp
from sidestep.streams.runtime.batches import MIB, Partition
from sidestep.streams.runtime.fetching import Isolation
from sidestep.streams.settings import Settings

if TYPE_CHECKING:  # a role without a ledger does without RocksDB
    from rocksdict import Cache


@dataclass(frozen=True)
class Context:
    """A worker, as its roles see it."""

    settings: Settings
    partitions: Mapping[str, int]
    """Partitions of each topic, by its name."""
    report: Report
    """A role that is made tells it what the role alone counts and shows, and which topics need a ledger."""
    fail: Callable[[Exception], None]
    """To be told what keeps the worker from going on; it leaves, and nothing unfinished is acked."""
    failpoint: Callable[[str], None]
    note: PartitionNote | None = None
    """With how many partitions the log was begun; None: that is not noted, and Screen does it."""

    @cached_property
    def block_cache(self) -> "Cache":
        """RocksDB's cache, one for the ledgers of all roles."""
        from rocksdict import Cache

        cache = Cache(self.settings.block_cache_mb * MIB)
        bound = self.settings.block_cache_mb * MIB
        self.report.metrics.budgets.show(SHARED, "block-cache", lambda: Held(cache.get_usage(), bound))
        return cache


class Role(Protocol):
    """One role in one worker, which calls `prepare`, `chores`, `register`, then `open_partition` and `assigned` as the
    group decides, and in the end `close`.
    """

    name: str
    """As in the table; in the names of groups, transactional ids and folders, so it is for ever."""
    pace: float
    """Seconds between two small batches of a partition, see docs/decisions/006."""
    drains: bool
    """It goes on with the old partitions while the log is being grown; others wait for the new ones."""
    isolation: Isolation
    """Whether it reads what stands in open and in aborted transactions, see docs/decisions/011."""
    from_strangers: bool
    """Whether services write what it reads: that is looked at for its size before it waits."""

    async def prepare(self) -> None:
        """Whatever must be done before the first record. Raises SidestepError."""

    def chores(self) -> Iterable[Coroutine[Any, Any, None]]:
        """What goes on beside the agents, for ever; its failure is the worker's."""

    def register(self, app: BatchApp) -> None:
        """Declare the agents on `app`."""

    async def open_partition(self, tp: Partition) -> int | None:
        """Make a partition ready. At which offset to begin; None: at the one that the group has committed."""

    async def assigned(self, partitions: set[Partition]) -> None:
        """Keep to the partitions that the role has from now on: let go what belongs to others."""

    async def close(self) -> None:
        """End what is under way. Nothing is in hand any more."""


MakeRole = Callable[[Context], Role]
"""Makes a role where the event loop runs. Raises SettingsError, SourcesError."""
