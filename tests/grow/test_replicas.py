"""Which brokers have each partition once there are more replicas, or fewer."""

from collections import Counter

import pytest

from sidestep.streams.grow.replicas import fault, in_sync, placed

NO_RACKS = dict.fromkeys((1, 2, 3, 4), "")
RACKS = {1: "a", 2: "a", 3: "b", 4: "b", 5: "c", 6: "c"}


def test_leaders_stay_and_the_load_is_shared_out() -> None:
    """Each broker once for a partition; of all the replicas brokers have about as many."""
    here = {("email-intents", number): [1 + number % 4] for number in range(12)}
    found = placed(here, NO_RACKS, 3)
    assert {place: brokers[0] for place, [*brokers] in here.items()} == {p: brokers[0] for p, brokers in found.items()}
    assert {3} == {len(set(brokers)) for brokers in found.values()}
    load = Counter(broker for brokers in found.values() for broker in brokers).values()
    assert (36, 4) == (sum(load), len(load))
    assert max(load) - min(load) <= 2


def test_replicas_lie_in_different_racks_as_long_as_there_are_some() -> None:
    """A rack that fails takes one of them; with more replicas than racks each rack has one before any has two."""
    here = {("email-evidence", number): [1 + number % 6] for number in range(12)}
    assert {3} == {len({RACKS[each] for each in brokers}) for brokers in placed(here, RACKS, 3).values()}
    assert {3} == {len({RACKS[each] for each in brokers}) for brokers in placed(here, RACKS, 4).values()}


def test_fewer_are_the_first_of_those_that_there_were() -> None:
    """Whoever has as many as wanted is left alone."""
    here = {("a", 0): [2, 1, 3], ("a", 1): [3], ("b", 0): [1, 2]}
    assert {("a", 0): [2], ("b", 0): [1]} == placed(here, NO_RACKS, 1)


@pytest.mark.parametrize(
    ("here", "replication", "then"),
    [(1, 3, 2), (2, 3, 2), (3, 3, 2), (3, 5, 3), (2, 2, 1), (2, 1, 1), (1, 1, 1), (1, 2, 1)],
)
def test_one_broker_may_always_be_away(here: int, replication: int, then: int) -> None:
    """And from three replicas on two of them have what is acknowledged."""
    assert then == in_sync(here, replication)


def test_no_more_replicas_than_brokers() -> None:
    """Told before Kafka is asked."""
    assert "--replication 3: the cluster has 1 brokers, and each replica takes one of its own" == fault(1, 3)
    assert "" == fault(3, 3)
