"""Single records by their offsets: near ones are read together, and what is gone is left out."""

from collections.abc import Callable
from itertools import pairwise

from confluent_kafka import Producer
from hypothesis import given
from hypothesis import strategies as st

from sidestep.streams.runtime.at_offsets import NEAR, read_at, stretches
from sidestep.streams.runtime.manifest import Place
from sidestep.topics.connection import Connection


@given(st.sets(st.integers(0, 20 * NEAR), max_size=30))
def test_stretches_hold_all_offsets_and_no_wide_gaps(offsets: set[int]) -> None:
    """In order, and one stretch ends where the next offset is far."""
    found = stretches(offsets)
    assert offsets == {offset for offset in offsets for first, last in found if first <= offset <= last}
    assert all(one[1] + NEAR < other[0] for one, other in pairwise(found))
    assert all({first, last} <= offsets for first, last in found)


def test_records_are_read_by_their_offsets(clean_topics: Connection, make_topic: Callable[..., str]) -> None:
    """From both ends of a partition and its middle; offsets behind the end have nothing."""
    topic = make_topic()
    producer = Producer(clean_topics.librdkafka())
    for number in range(3 * NEAR):
        producer.produce(topic, b"%d" % number, partition=0)
    assert 0 == producer.flush(10)
    wanted = [0, 1, NEAR + 7, 3 * NEAR - 1, 3 * NEAR + 5]
    found = read_at(clean_topics, Place(topic, 0), wanted, "sidestep-reader-test")
    assert {offset: b"%d" % offset for offset in wanted[:-1]} == found
    assert {} == read_at(clean_topics, Place(topic, 0), [], "sidestep-reader-test")
