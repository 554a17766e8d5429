"""In which partitions of email-tallies a tally lies. Pure."""

from collections.abc import Iterable

from sidestep.schemas import Tally
from sidestep.streams.runtime.partitioner import partition_of


def tally_places(tally: Tally, partitions: int) -> Iterable[int]:
    """Of so many partitions that of its service; a policy concerns them all."""
    return range(partitions) if tally.policy else (partition_of(tally.service, partitions),)
