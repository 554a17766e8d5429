"""What a topic has of one person, record by record, and what of a compacted one counts still. Pure."""

from dataclasses import dataclass, field

from sidestep.streams.personal.kept_until import KeptTopic
from sidestep.streams.personal.person import Form
from sidestep.topics.catalog import IDS_CHANGELOG
from sidestep.topics.replay_codec import StoredRecord

NOT_OF_A_PERSON = IDS_CHANGELOG.name
"""Hashes of ids and of what messages say, and of mailboxes that they went to: all of it ends within 15 days."""


@dataclass
class TopicTraces:
    """What a topic has of a person."""

    topic: KeptTopic
    counts: dict[Form, int] = field(default_factory=lambda: {"address": 0, "hash": 0})
    oldest_ms: int = 0
    newest_ms: int = 0
    live: dict[tuple[int, bytes], bytes] = field(default_factory=dict)
    """Of a compacted topic, what counts still: by partition and key, the last value that holds the person."""

    @property
    def records(self) -> int:
        """In whatever form."""
        return sum(self.counts.values())

    def note(self, record: StoredRecord, form: Form | None) -> None:
        """The next record of the topic; `form`: in which it holds the person."""
        place = record.partition, record.key or b""
        if form is None or record.value is None:
            self.live.pop(place, None)
        if form is None:
            return
        if self.topic.compacted and record.value is not None:
            self.live[place] = record.value
        at = record.timestamp or 0
        self.counts[form] += 1
        self.oldest_ms = min(self.oldest_ms or at, at)
        self.newest_ms = max(self.newest_ms, at)
