"""How far a reader has come in each partition: for its next consumer, where the group was not told."""

from collections.abc import Iterable

from confluent_kafka import TopicPartition


class Handled:
    """Not for several threads at once."""

    def __init__(self) -> None:
        self._now: dict[tuple[str, int], TopicPartition] = {}
        self._before: dict[tuple[str, int], TopicPartition] = {}

    def note(self, after: Iterable[TopicPartition]) -> None:
        """Where partitions begin, or go on behind what was handled; and what is to stand beside that in the group."""
        self._now |= {(each.topic, each.partition): each for each in after}

    def next_consumer(self) -> None:
        """The consumer that follows begins where this one has come to."""
        self._before, self._now = self._now, {}

    def begin(self, committed: Iterable[TopicPartition]) -> list[TopicPartition]:
        """Where to begin in partitions that the group gives: where it left off, or where this reader did if that is
        further on."""
        found = [self._further(each) for each in committed]
        self._before = {}
        return found

    def _further(self, committed: TopicPartition) -> TopicPartition:
        ours = self._before.get((committed.topic, committed.partition))
        return committed if ours is None or committed.error or committed.offset >= ours.offset else ours
