"""Work on partitions in processes of their own: all of it comes back, and how one has failed."""

import os
from dataclasses import dataclass

import pytest

from sidestep.streams.errors import AuditFailed, BacktestFailed, NoPolicy
from sidestep.streams.runtime.side_by_side import Told, added_up, side_by_side


@dataclass(frozen=True)
class Counting:
    """Says how many records there were, and in which process."""

    partition: int

    def __call__(self, told: Told) -> tuple[int, int]:
        told(self.partition + 1)
        return self.partition, os.getpid()


@dataclass(frozen=True)
class Failing:
    """Fails, or ends its process."""

    partition: int
    ends: bool

    def __call__(self, told: Told) -> int:
        if self.ends:
            os._exit(9)
        raise NoPolicy("there is none")


@pytest.mark.parametrize(("processes", "own"), [(2, True), (1, False)])
def test_what_comes_of_each_is_kept_as_it_comes_and_handed_over_in_order(processes: int, own: bool) -> None:
    """Two at a time; and where it is one at a time, here."""
    kept, heard = list[tuple[int, int]](), list[tuple[int, int]]()
    told = added_up(lambda done, total: heard.append((done, total)), 6)
    found = side_by_side([Counting(number) for number in range(3)], processes, told, AuditFailed, kept.append)
    assert ([0, 1, 2], sorted(kept)) == ([number for number, _ in found], sorted(found))
    assert (6, 6) == heard[-1]
    assert own == (os.getpid() not in {process for _, process in found})
    assert [] == side_by_side(list[Counting](), processes, told, AuditFailed)


@pytest.mark.parametrize("failed", [AuditFailed, BacktestFailed])
def test_a_failure_is_raised_as_it_was_said_and_an_end_by_whose_work_it_was(
    failed: type[AuditFailed | BacktestFailed],
) -> None:
    """Who has started the others ends them."""
    with pytest.raises(NoPolicy, match="there is none"):
        side_by_side([Failing(0, ends=False), Failing(1, ends=False)], 2, lambda _: None, failed)
    with pytest.raises(failed, match=r"partition [01] has ended by itself: .* TMPDIR"):
        side_by_side([Failing(0, ends=True), Failing(1, ends=True)], 2, lambda _: None, failed)
