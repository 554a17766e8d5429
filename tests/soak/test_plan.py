"""What a soak does to workers and world, and how often."""

from itertools import islice

import pytest

from tests.soak.plan import BREATH, HURRY, KILLS, KINDS, LINK, NAMES, NODE, WORKER, WORKERS, WORLD, Step, choose, plan

ALL = choose([], [], frozenset({"proxy", "disk", "cluster"}))
TARGETS = {WORKER: 2, NODE: 1, LINK: 3, NAMES: 1}
EFFORT = 0.5
"""Seconds that a fault takes beside those that it lasts: processes end and begin."""


def within(seconds: float, seed: int, lane: str) -> list[Step]:
    """The steps of a lane that so much time is enough for."""
    steps = []
    for step in plan(seed, lane, ALL, TARGETS):
        seconds -= step.seconds + step.rest + EFFORT
        if seconds < 0:
            break
        steps.append(step)
    return steps


def test_the_same_seed_gives_the_same_plan() -> None:
    """And another one another."""
    first, again, other = (list(islice(plan(seed, WORKERS, ALL, TARGETS), 100)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.mark.parametrize("seed", range(1, 9))
def test_half_an_hour_has_two_hundred_kills_and_every_kind(seed: int) -> None:
    """Whatever the seed."""
    steps = within(1800, seed, WORKERS) + within(1800, seed, WORLD)
    assert sum(step.kind in KILLS for step in steps) >= 200
    assert {step.kind for step in steps} == {kind.name for kind in KINDS}
    assert {step.target for step in steps} == {0, 1, 2}
    assert {step.target for step in steps if step.kind in ("kill", "term")} == {0, 1}


def test_rests_are_short_or_long() -> None:
    """So that workers are killed while their group comes together, and at work."""
    for lane in (WORKERS, WORLD):
        rests = [step.rest for step in islice(plan(1, lane, ALL, TARGETS), 300)]
        short, long = (sum(least <= rest <= most for rest in rests) for least, most in (HURRY[lane], BREATH[lane]))
        assert short + long == 300
        assert min(short, long) > 60


def test_kinds_are_chosen_by_name_and_by_what_is_had() -> None:
    """Without a proxy nothing is done to the network; a name that no fault has is an error that lists them."""
    assert {"kill", "term"} == {kind.name for kind in choose(["kill", "term", "net-cut"], [], frozenset())}
    without = choose([], ["kill"], frozenset())
    assert not {"kill", "net-cut", "disk-full", "all-brokers-kill"} & {kind.name for kind in without}
    assert {"net-cut"} == {kind.name for kind in choose(["net-cut"], [], frozenset({"proxy"}))}
    with pytest.raises(ValueError, match=r"no fault is called kil; there are: kill, kill-empty"):
        choose(["kil"], [], frozenset())


def test_a_lane_without_kinds_is_empty() -> None:
    """Only workers, for example."""
    assert list(plan(1, WORLD, choose(["kill"], [], frozenset()), TARGETS)) == []
