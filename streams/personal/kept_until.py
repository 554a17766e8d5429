"""How long a topic keeps what stands in it, by the settings that it has on the cluster. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

SLACK_MS = 15 * 60_000
"""Kafka looks for segments that are over every five minutes, and deletes files a minute later."""
FOR_EVER = -1


@dataclass(frozen=True)
class KeptTopic:
    """A topic of the cluster, with the settings that say when its records end. Milliseconds."""

    name: str
    addresses: bool
    """Whether addresses stand in it in plain form; otherwise only as keyed hashes."""
    compacted: bool
    """A record ends once the cleaner has gone over it, after a later one of its key; otherwise by time."""
    retention_ms: int
    """FOR_EVER: no record ends."""
    segment_ms: int
    """Whole segments end: by so much a record may stay longer."""

    @property
    def ends(self) -> bool:
        """Whether records of it end by time."""
        return not self.compacted and self.retention_ms != FOR_EVER

    def until(self, at_ms: int) -> int:
        """When the retention of a record of that time ends."""
        return at_ms + self.retention_ms

    def latest(self, at_ms: int) -> int:
        """By when it is gone for sure."""
        return self.until(at_ms) + self.segment_ms

    def is_overdue(self, at_ms: int, now_ms: int) -> bool:
        """Whether a record of that time should be gone."""
        return not self.compacted and (not self.ends or self.latest(at_ms) + SLACK_MS < now_ms)


def kept_topic(name: str, addresses: bool, config: Mapping[str, str]) -> KeptTopic:
    """`config`: settings as Kafka has them, all of them."""
    return KeptTopic(
        name,
        addresses,
        "delete" not in config.get("cleanup.policy", "delete"),
        int(config.get("retention.ms", FOR_EVER)),
        int(config.get("segment.ms", 0)),
    )
