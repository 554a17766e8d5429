"""What a role's snapshots show in a scrape. Pure."""

from dataclasses import dataclass, field


@dataclass
class SnapshotFigures:
    """Of the partitions that this worker has."""

    taken_at: dict[int, float] = field(default_factory=dict)
    """By partition, the last one's time, seconds since 1970."""
    held_seconds: dict[int, float] = field(default_factory=dict)
    """By partition, for how long the last one held it up."""
    octets: dict[int, int] = field(default_factory=dict)
    """By partition, of the last one's files."""
    failed: int = 0
    """Attempts, since the worker's start."""

    def keep_only(self, partitions: set[int]) -> None:
        """Forget the others."""
        for shown in (self.taken_at, self.held_seconds, self.octets):
            for partition in shown.keys() - partitions:
                shown.pop(partition, None)
