"""Which partitions nobody has, and what a member of the group does about them; on a clock that the test turns."""

from itertools import pairwise

from sidestep.streams.runtime.batches import Partition
from sidestep.streams.runtime.coverage import (
    CALM_SECONDS,
    LEADERS_TRIES,
    LONGEST_REST,
    UNEASY_SECONDS,
    UNSETTLED_SECONDS,
    Coverage,
    GroupState,
    Remedy,
    lags,
)

ALL = frozenset(Partition("log", number) for number in range(4))
MEMBERS = frozenset({"a", "b"})
WHOLE = GroupState(stable=True, members=MEMBERS, owned=ALL)
NOTHING = GroupState(stable=True, members=MEMBERS, owned=frozenset())
MOVING = GroupState(stable=False, members=MEMBERS, owned=frozenset())


class Clock:
    """Seconds, moved by hand."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def _looks(coverage: Coverage, clock: Clock, group: GroupState, seconds: float, member: str = "a") -> list[Remedy]:
    """What is to be done at each look, one a second."""
    found = []
    for _ in range(int(seconds)):
        found.append(coverage.look(group, ALL, member))
        clock.now += 1
    return found


def test_a_group_that_has_everything_is_left_alone() -> None:
    """Nothing is done, and the next look is a minute away."""
    clock = Clock()
    coverage = Coverage(clock)
    assert {Remedy.NONE} == set(_looks(coverage, clock, WHOLE, 300))
    assert (frozenset(), CALM_SECONDS) == (coverage.unassigned, coverage.pause)


def test_what_one_member_lacks_another_may_have() -> None:
    """The members' assignments count together; only what none has is unassigned."""
    coverage = Coverage(Clock())
    half = GroupState(True, MEMBERS, frozenset({Partition("log", 0), Partition("log", 2), Partition("else", 3)}))
    assert Remedy.ASK is coverage.look(half, ALL, "a")
    assert {Partition("log", 1), Partition("log", 3)} == coverage.unassigned
    assert UNEASY_SECONDS == coverage.pause


def test_nobodys_partitions_are_asked_for_less_and_less_often() -> None:
    """At once, then with rests of 5, 10, 20 and 40 seconds, then once a minute: no storm, whatever is the matter."""
    clock = Clock()
    looks = _looks(Coverage(clock), clock, NOTHING, 600, member="b")
    asked = [second for second, remedy in enumerate(looks) if remedy is not Remedy.NONE]
    rests = [later - earlier for earlier, later in pairwise(asked)]
    assert [5, 10, 20, 40] == rests[:4]
    assert {LONGEST_REST} == set(rests[4:])


def test_one_member_insists_when_the_leader_does_nothing() -> None:
    """The first tries are the leader's; then one member joins anew, the same in every member's eyes, and no other."""
    clock, second = Clock(), Clock()
    of_a, of_b = Coverage(clock), Coverage(second)
    tries = [remedy for remedy in _looks(of_a, clock, NOTHING, 600, "a") if remedy is not Remedy.NONE]
    assert [Remedy.ASK] * LEADERS_TRIES == tries[:LEADERS_TRIES]
    assert {Remedy.INSIST} == set(tries[LEADERS_TRIES:])
    assert Remedy.INSIST not in _looks(of_b, second, NOTHING, 600, "b")


def test_a_group_that_is_mended_begins_afresh() -> None:
    """After a time with everything the first try comes at once again, and is the leader's."""
    clock = Clock()
    coverage = Coverage(clock)
    _looks(coverage, clock, NOTHING, 300)
    assert Remedy.NONE is coverage.look(WHOLE, ALL, "a")
    assert Remedy.ASK is coverage.look(NOTHING, ALL, "a")


def test_a_rebalance_is_waited_for() -> None:
    """While the group assigns nobody has anything, for some seconds; that is no fault, and is never disturbed."""
    clock = Clock()
    coverage = Coverage(clock)
    assert {Remedy.NONE} == set(_looks(coverage, clock, MOVING, UNSETTLED_SECONDS))
    assert (frozenset(), UNEASY_SECONDS) == (coverage.unassigned, coverage.pause)
    assert Remedy.NONE is coverage.look(WHOLE, ALL, "a")
    assert CALM_SECONDS == coverage.pause


def test_a_rebalance_that_does_not_end_leaves_the_partitions_to_nobody() -> None:
    """After half a minute it is told; to join again would only make it longer."""
    clock = Clock()
    coverage = Coverage(clock)
    assert {Remedy.NONE} == set(_looks(coverage, clock, MOVING, UNSETTLED_SECONDS + 60))
    assert ALL == coverage.unassigned


def test_lag_is_what_the_group_has_not_committed() -> None:
    """From its offset to the end; from the beginning where it has none; never below zero; unknown is left out."""
    zero, one, two, three = sorted(ALL)
    committed = {zero: 7, one: 12, three: 5}
    assert {zero: 3, one: 0, two: 6} == lags(committed, begins={two: 4}, ends={zero: 10, one: 10, two: 10})
    assert {} == lags({}, {}, {two: 10})
