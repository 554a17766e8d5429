"""Copies a stretch of a topic, or a file of records, into a topic or a file: keys, values, headers and stamps as they
are. What `sidestep replay` is made of.

    topic = topic_of(connection, "email-approved")
    source = TopicSource(connection, topic, ranges_of(connection, topic, TopicStretch(since=…)))
    target = TopicTarget(connection, topic_of(connection, "approved-again"), warn=print)
    Replay(source, target, TopicStretch(since=…), lambda record: None).run()
"""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from sidestep.topics.connection import Connection
from sidestep.topics.errors import ReplayError, words_of
from sidestep.topics.replay_codec import StoredRecord, read_frames, read_lines
from sidestep.topics.replay_rules import TopicStretch, judged_anew, refusal
from sidestep.topics.replay_targets import BINARY, Place, Target
from sidestep.topics.stretch import ClusterTopic, OffsetRange, Unwritable, read_stretch

BATCH = 500

Placed = tuple[Place, StoredRecord | Unwritable]


class Source(Protocol):
    """Gives records in order, each with its place, some at a time."""

    total: int
    """What `done` comes to in the end."""
    done: int
    """How much of it has been read: offsets of a topic, octets of a file."""

    def batches(self, most: int) -> Iterator[Sequence[Placed]]:
        """Up to `most` records at a time. Raises SidestepError."""


class TopicSource:
    """Offsets of a topic."""

    def __init__(self, connection: Connection, topic: ClusterTopic, ranges: Sequence[OffsetRange]):
        self._connection, self._topic, self._ranges = connection, topic, ranges
        self.total = sum(each.end - each.start for each in ranges)
        self.done = 0

    def batches(self, most: int) -> Iterator[Sequence[Placed]]:
        """As they come, the partitions' in turn."""
        reached = {each.partition: each.start for each in self._ranges}
        for records in read_stretch(self._connection, self._topic, self._ranges, most):
            for record in records:
                self.done += record.offset + 1 - reached[record.partition]
                reached[record.partition] = record.offset + 1
            yield [((record.partition, record.offset), record) for record in records]
        self.done = self.total


class FileSource:
    """A file that was written by FileTarget. `skip`: so many records of it are done with already."""

    def __init__(self, path: Path, skip: int = 0):
        self._path, self._skip = path, skip
        try:
            self._file = path.open("rb")
            self.total = path.stat().st_size
        except OSError as error:
            raise ReplayError(f"{path} can't be read: {words_of(error)}") from None
        self.done = 0

    def batches(self, most: int) -> Iterator[Sequence[Placed]]:
        """In the file's order; before an error, what stands before the fault."""
        name, batch = str(self._path), list[Placed]()
        with self._file as file:
            found = read_frames(file.read, name) if self._path.suffix == BINARY else read_lines(file, name)
            try:
                for number, record in enumerate(found):
                    if number >= self._skip:
                        batch.append(((0, number), record))
                    if len(batch) == most:
                        self.done = file.tell()
                        yield batch
                        batch = []
            except ReplayError:
                yield batch
                raise
        yield batch
        self.done = self.total


class ReplayPace:
    """So many records a second at the most; None: as fast as it goes."""

    def __init__(self, rate: float | None, sleep: Callable[[float], None] = time.sleep):
        self._rate, self._sleep = rate, sleep
        self._due = time.monotonic()

    @property
    def batch(self) -> int:
        """Records that go out at once: a tenth of a second's."""
        return BATCH if self._rate is None else max(1, min(BATCH, int(self._rate / 10)))

    def spend(self, records: int) -> None:
        """Blocks until more may go out."""
        if self._rate is not None:
            self._due = max(self._due, time.monotonic() - 1.0) + records / self._rate
            self._sleep(max(0.0, self._due - time.monotonic()))


class ReplayCheck:
    """What may go to a topic of a cluster. Raises ReplayError for what may not."""

    def __init__(self, target: ClusterTopic, now_ms: int):
        self._target, self._now_ms = target, now_ms
        self._allowed: set[tuple[str, str]] = set()
        self.left_out = 0
        """Records that would be judged anew, as ids are known for so long and no longer."""

    def allow(self, cluster: str, topic: str) -> None:
        """Records of this topic; empty: not known, and then the strictest counts."""
        if (cluster, topic) in self._allowed:
            return
        if why := refusal(topic, self._target.name, cluster in ("", self._target.cluster)):
            raise ReplayError(why)
        self._allowed.add((cluster, topic))

    def takes(self, record: StoredRecord) -> bool:
        """Whether this one may; counts it where not."""
        self.allow(record.cluster, record.topic)
        same = record.cluster in ("", self._target.cluster)
        old = judged_anew(self._target.name, same, record.timestamp, self._now_ms)
        self.left_out += old
        return not old


class Replay:
    """One run. `takes`: which records of the stretch may be copied. Not for several threads at once."""

    def __init__(
        self,
        source: Source,
        target: Target,
        stretch: TopicStretch,
        takes: Callable[[StoredRecord], bool],
        pace: ReplayPace | None = None,
    ):
        self._source, self._target, self._stretch, self._takes = source, target, stretch, takes
        self._pace = pace or ReplayPace(None)
        self._next: dict[int, int] = {}
        self.copied = 0
        """Records handed to the target; those in its `refused` were not taken."""
        self.unwritable: list[Unwritable] = []

    def run(self, told: Callable[[int], None] = lambda copied: None) -> None:
        """`told` how many have been copied. Raises SidestepError; then, and where it is interrupted, `where` says how
        far it came."""
        try:
            for batch in self._source.batches(self._pace.batch):
                before = self.copied
                for place, record in batch:
                    self._one(place, record)
                told(self.copied)
                self._pace.spend(self.copied - before)
            self._target.finish()
        except BaseException:
            self._target.abandon()
            raise

    def where(self) -> dict[int, int]:
        """By partition of the source, the offset of the first record that is not copied; of a file, 0 and how many are.
        Of partitions of which nothing has been read nothing is said."""
        return {number: min(offset, self._target.failed.get(number, offset)) for number, offset in self._next.items()}

    def _one(self, place: Place, record: StoredRecord | Unwritable) -> None:
        if isinstance(record, Unwritable):
            self.unwritable.append(record)
        elif self._stretch.holds(record.partition, record.offset, record.timestamp) and self._takes(record):
            self._target.put(record, place)
            self.copied += 1
        self._next[place[0]] = place[1] + 1
