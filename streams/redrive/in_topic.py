"""Records that a collective letter stands for, read where they are in their topic, so that each goes back by itself.
Blocks."""

from collections.abc import Iterable, Iterator

from sidestep.streams.redrive.letter import DeadLetter, RedriveCount, RedriveRules, letter_in_topic
from sidestep.streams.redrive.remembered import Remembered
from sidestep.streams.runtime.manifest import Place
from sidestep.streams.runtime.offsets import Offsets
from sidestep.topics.connection import Connection
from sidestep.topics.replay_codec import StoredRecord
from sidestep.topics.stretch import ClusterTopic, OffsetRange, read_stretch


class LettersInTopics:
    """Of one run. Raises NotLetIn, LogTruncated, BrokerUnreachable."""

    def __init__(self, connection: Connection, rules: RedriveRules, remembered: Remembered):
        """`remembered`: what has been sent back, and is not read again."""
        self._connection = connection
        self._offsets = Offsets(connection)
        self._rules, self._remembered = rules, remembered

    def apart(self, letters: Iterable[DeadLetter], count: RedriveCount) -> Iterator[DeadLetter]:
        """The letters, and in place of each collective one a letter for each of its records that is due; what became of
        the others is counted."""
        for letter in letters:
            if not letter.ranges:
                yield letter
            elif why := self._rules.obstacle(letter):
                count.left_out[why] += letter.records
            else:
                yield from self._due(letter, count)

    def _due(self, letter: DeadLetter, count: RedriveCount) -> Iterator[DeadLetter]:
        due = {origin.offset for origin in letter.origins() if origin not in self._remembered}
        count.before += letter.records - len(due)
        for found in self._standing(letter):
            if found.origin.offset in due:
                due.remove(found.origin.offset)
                yield found
        if due:
            gone = f"of {letter.origin.topic}, which does not keep them any more: their service has to send them anew"
            count.left_out[gone] += len(due)

    def _standing(self, letter: DeadLetter) -> Iterator[DeadLetter]:
        """A letter for each record between the first and the last one that is still there."""
        place = Place(letter.origin.topic, letter.origin.partition)
        start = max(letter.origin.offset, self._offsets.starts((place,))[place])
        stretch = [OffsetRange(place.partition, start, letter.ranges[-1][1] + 1)]
        topic = ClusterTopic("", place.topic, 0)
        # as Screen reads it, which does not wait for transactions of services
        for records in read_stretch(self._connection, topic, stretch, isolation="read_uncommitted"):
            for record in records:
                headers = record.headers if isinstance(record, StoredRecord) else None
                yield letter_in_topic(letter, record.offset, record.key, record.value, headers)
