"""Counts are added up field by field: none may be forgotten."""

from sidestep.streams.watch.counts import FIELDS, Counts


def test_every_field_is_added() -> None:
    """And taken away again."""
    one = Counts(*range(1, len(FIELDS) + 1))
    twice = Counts()
    twice.add(one)
    twice.add(one)
    assert [2 * number for number in range(1, len(FIELDS) + 1)] == [getattr(twice, name) for name in FIELDS]
    twice.take(one)
    assert one == twice
