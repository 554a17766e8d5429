"""Snapshots of ledgers, which keep rows of people until they are removed themselves."""

from dataclasses import dataclass
from math import inf

from sidestep.streams.settings import Settings
from sidestep.streams.snapshots.keeping import removed_at
from sidestep.streams.snapshots.place import SnapshotPlace

ROLES = ("decide", "watch")


@dataclass(frozen=True)
class KeptSnapshots:
    """Snapshots of one cluster at one place. `last`: seconds since 1970 when the last one is removed; inf: not within
    ten years."""

    url: str
    count: int
    last: float


def kept_snapshots(settings: Settings, cluster: str, partitions: int) -> KeptSnapshots:
    """What there is now. Raises SidestepError."""
    url = settings.snapshots_url
    if not url or ("://" not in url and not settings.data.exists()):
        return KeptSnapshots(url, 0, 0.0)
    place = SnapshotPlace(url)
    ends: list[float] = []
    for role in ROLES:
        for number in range(partitions):
            times = [ref.taken_at for ref in place.listed(cluster, role, number)]
            ends += removed_at(times, settings.keep_rule, settings.snapshot_interval).values()
    return KeptSnapshots(url, len(ends), max(ends, default=0.0))


def as_sentence(found: KeptSnapshots, when: str) -> str:
    """For people; `when`: the last end, written."""
    if not found.url:
        return "snapshots: none are taken"
    if not found.count:
        return f"snapshots: none at {found.url}; those of other machines have the rows until they are removed"
    until = when if found.last < inf else "they are removed by hand: the rule keeps one of them for more than ten years"
    return f"snapshots: {found.count} at {found.url} may have the rows, the last of them until {until}"
