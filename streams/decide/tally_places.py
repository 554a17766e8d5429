"""In which partitions of email-tallies a tally lies. Pure."""

from collections.abc import Iterable

from sidestep.schemas import Tally
from sidestep.streams.runtime.partitioner import partition_of


def concerns_all(tally: Tally) -> bool:
    """Whether it counts nothing, but tells all of Watch something: of a policy, of somebody who is forgotten."""
    return bool(tally.policy or tally.erased)


def tally_places(tally: Tally, partitions: int) -> Iterable[int]:
    """Of so many partitions that of its service; or all."""
    return range(partitions) if concerns_all(tally) else (partition_of(tally.service, partitions),)
