"""What waits for an answer, and with it the lowest offset of a batch that is not finished. Pure.

A batch is finished but for what is parked; what is parked leaves when it is in the log, and not before. So the offset
that may be committed is read off what is parked, and there is nothing else to keep in step with it.
"""

from collections.abc import Mapping
from typing import Generic, Protocol, TypeVar

from sidestep.streams.runtime.batches import Batch, Partition


class HasOffset(Protocol):
    """A record that has been read."""

    @property
    def offset(self) -> int:
        """The record's position in its partition."""


Waiting = TypeVar("Waiting", bound=HasOffset)


class Places:
    """The places of one partition. When they are taken, its next batch is kept back until one is free."""

    def __init__(self, places: int):
        self._places = places
        self._kept_back: Batch | None = None
        self.taken = 0

    def take(self, records: int) -> None:
        """A batch that has been handed out is never turned away: its records are in memory as it is."""
        self.taken += records

    def free(self, records: int) -> None:
        """Let go of records that are in the log."""
        self.taken -= records
        self._let_in()

    def release(self, batch: Batch) -> None:
        """Let the batch behind this one in, now or when there is a place again."""
        self._kept_back = batch
        self._let_in()

    def _let_in(self) -> None:
        if self._kept_back is not None and self.taken < self._places:
            batch, self._kept_back = self._kept_back, None
            batch.release()


class Parked(Generic[Waiting]):
    """Records of one batch that wait, by what they wait for."""

    def __init__(self, places: Places, groups: Mapping[str, list[Waiting]]):
        """Each group in offset order."""
        self._places = places
        self._groups = dict(groups)
        places.take(len(self))

    def __len__(self) -> int:
        return sum(map(len, self._groups.values()))

    def groups(self) -> dict[str, list[Waiting]]:
        """Who waits for what."""
        return dict(self._groups)

    def leave(self, key: str) -> None:
        """All of a group are in the log."""
        self._places.free(len(self._groups.pop(key)))

    def low(self) -> int | None:
        """The lowest offset that waits; None: none does."""
        return min((group[0].offset for group in self._groups.values()), default=None)


class CarPark:
    """The places of all partitions of a worker."""

    def __init__(self, places: int):
        """So many records may wait in each partition, and those of the batches that were handed out before."""
        self._places = places
        self._partitions: dict[Partition, Places] = {}

    def of(self, tp: Partition) -> Places:
        """The places of a partition."""
        found = self._partitions.get(tp)
        if found is None:
            found = self._partitions[tp] = Places(self._places)
        return found

    def taken(self) -> dict[Partition, int]:
        """How many records wait, by partition."""
        return {tp: places.taken for tp, places in self._partitions.items()}

    def forget(self, assigned: set[Partition]) -> None:
        """Partitions went elsewhere. What still waits there counts no more, and not against whoever gets it again."""
        for tp in set(self._partitions) - assigned:
            del self._partitions[tp]
