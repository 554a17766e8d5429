"""Whether the members of a group have, together, all partitions that the group reads; and what to do when not. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from sidestep.streams.runtime.batches import Partition

CALM_SECONDS = 60.0
"""Between two looks at a group that has all partitions."""
SOON_SECONDS = 3.0
"""From an assignment to the look at it: by then the other members have theirs."""
UNEASY_SECONDS = 5.0
"""Between two looks at a group that has not, or that is not stable."""
UNSETTLED_SECONDS = 30.0
"""For which a group may go on assigning: a rebalance waits for batches in hand, a killed member for its session."""
FIRST_REST, LONGEST_REST = 5.0, 60.0
"""Seconds between two rejoins for the same reason: twice as many after each."""
LEADERS_TRIES = 2
"""Rejoins that are the leader's; then one other member insists, because the leader may be stuck, or of a version that
does not look."""


class Remedy(Enum):
    """What a member does about partitions that nobody has."""

    NONE = "none"
    ASK = "ask"
    """Join again if it leads, so that the group assigns anew."""
    INSIST = "insist"
    """Join again though it does not lead."""


@dataclass(frozen=True)
class GroupState:
    """A consumer group, as its coordinator describes it."""

    stable: bool
    """Every member has its assignment, and none is being made."""
    members: frozenset[str]
    """Their ids."""
    owned: frozenset[Partition]
    """The partitions that some member has."""


class Coverage:
    """What is known of one group's coverage.

    `clock`: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float]):
        self._clock = clock
        self.unassigned: frozenset[Partition] = frozenset()
        """The partitions that nobody had at the last look."""
        self._unsettled_since: float | None = None
        self._tries = 0
        self._again_at = float("-inf")

    @property
    def pause(self) -> float:
        """Seconds until the next look."""
        return UNEASY_SECONDS if self.unassigned or self._unsettled_since is not None else CALM_SECONDS

    def look(self, group: GroupState, partitions: frozenset[Partition], member: str) -> Remedy:
        """Take note of the group's state. `partitions`: all that it reads; `member`: the id of the one that asks."""
        now = self._clock()
        if not group.stable:
            self._unsettled_since = now if self._unsettled_since is None else self._unsettled_since
            if now - self._unsettled_since >= UNSETTLED_SECONDS:
                self.unassigned = partitions
            return Remedy.NONE  # an assignment is under way
        self._unsettled_since = None
        self.unassigned = partitions - group.owned
        if not self.unassigned:
            self._tries, self._again_at = 0, float("-inf")
            return Remedy.NONE
        return self._remedy(now, group, member)

    def _remedy(self, now: float, group: GroupState, member: str) -> Remedy:
        if now < self._again_at:
            return Remedy.NONE
        self._again_at = now + min(LONGEST_REST, FIRST_REST * 2**self._tries)
        self._tries += 1
        insists = self._tries > LEADERS_TRIES and member == min(group.members, default="")
        return Remedy.INSIST if insists else Remedy.ASK


def lags(
    committed: Mapping[Partition, int], begins: Mapping[Partition, int], ends: Mapping[Partition, int]
) -> dict[Partition, int]:
    """Records of each partition from the group's committed offset to the end; from the beginning where it has committed
    none. Of what has no end here, or neither of the others, nothing is known."""
    from_ = {**begins, **committed}
    return {tp: max(0, end - from_[tp]) for tp, end in ends.items() if tp in from_}
