"""CPU seconds a record, from samples of a process and of the log it writes. Pure."""

from collections.abc import Sequence
from typing import NamedTuple


class Sample(NamedTuple):
    """`at`: seconds, monotonic. `cpu`: user and system seconds so far. `records`: end offsets of the output, summed."""

    at: float
    cpu: float
    records: int


class Cost(NamedTuple):
    """What `records` results cost in CPU and wall-clock seconds."""

    records: float
    cpu: float
    wall: float

    @property
    def microseconds(self) -> float:
        """CPU a record."""
        return self.cpu / self.records * 1e6

    @property
    def a_cpu_second(self) -> float:
        """Records for one second of CPU."""
        return self.records / self.cpu

    @property
    def a_second(self) -> float:
        """Records a second of wall clock."""
        return self.records / self.wall


def cost(samples: Sequence[Sample], warm: int, end: int, results: int | None = None) -> Cost:
    """From the first sample with `warm` records to the first one with `end`.

    Offsets count what is no result too, such as the markers of transactions: `results` is how many of the `end` records
    are results, None for all of them. Raises ValueError where the samples do not reach that far.
    """
    first = _reached(samples, warm)
    last = _reached(samples, end)
    if last.records <= first.records or last.cpu <= first.cpu:
        raise ValueError(f"too few samples between {warm} and {end} records: take more intents")
    share = 1.0 if results is None else results / end
    return Cost((last.records - first.records) * share, last.cpu - first.cpu, last.at - first.at)


def _reached(samples: Sequence[Sample], records: int) -> Sample:
    for sample in samples:
        if sample.records >= records:
            return sample
    raise ValueError(f"{records} records were not reached, only {samples[-1].records if samples else 0}")


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of `values` that at least this share of them does not exceed (nearest rank)."""
    ordered = sorted(values)
    rank = -(-len(ordered) * round(share * 1000) // 1000)
    return ordered[max(0, rank - 1)]
