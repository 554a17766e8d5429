"""Ticks: told once, where there was traffic and is none any more."""

from hypothesis import given
from hypothesis import strategies as st

from sidestep.streams.screen.ticks import MOST, Ticks


def test_a_second_that_is_over_is_told_once() -> None:
    """And not before it is over."""
    ticks = Ticks()
    ticks.wrote([0, 3], 100.2)
    assert [] == ticks.due(100.9)
    assert [0, 3] == ticks.due(101.05)
    assert [] == ticks.due(102.05)


def test_a_busy_partition_needs_no_tick() -> None:
    """Its next evidence ends the second."""
    ticks = Ticks()
    for second in range(100, 110):
        ticks.wrote([0], second + 0.01)
        ticks.wrote([0], second + 0.99)
        assert [] == ticks.due(second + 0.995)
    assert [0] == ticks.due(110.05)


def test_nothing_written_nothing_told() -> None:
    """An idle log stays idle."""
    assert [] == Ticks().due(100.0)


def test_what_was_refused_is_told_once() -> None:
    """Until somebody says that it could not be told; the most frequent, however many names a forger makes up."""
    ticks = Ticks()
    for records in ({"shop-1/signature-wrong": 3}, {"shop-1/signature-wrong": 2, "/signature-missing": 1}):
        ticks.refuse(records)
    refused = ticks.refused()
    assert {"shop-1/signature-wrong": 5, "/signature-missing": 1} == refused
    assert {} == ticks.refused()
    ticks.refuse(refused)
    ticks.refuse({f"key-{number}/signature-wrong": 1 for number in range(2 * MOST)})
    assert (MOST, 5) == (len(found := ticks.refused()), found["shop-1/signature-wrong"])


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 20)), max_size=30))
def test_every_second_with_evidence_ends(writes: list[tuple[int, float]]) -> None:
    """Whatever comes when: after the last look, each partition has a later record or a tick behind all of its own."""
    ticks = Ticks()
    last: dict[int, float] = {}
    told: dict[int, float] = {}
    moments = sorted([(when, partition) for partition, when in writes] + [(n + 0.05, -1) for n in range(23)])
    for when, partition in moments:
        if partition < 0:
            told.update(dict.fromkeys(ticks.due(when), when))
        else:
            ticks.wrote([partition], when)
            last[partition] = when
    assert last.keys() == told.keys()
    assert all(int(told[partition]) > int(when) for partition, when in last.items())
