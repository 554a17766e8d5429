"""Faust's assignor with metadata that lacks a topic, and with all of it; real members, real metadata, no broker."""

import json
from itertools import pairwise
from typing import Any

import faust
import pytest
from aiokafka.cluster import ClusterMetadata
from aiokafka.structs import PartitionMetadata

from sidestep.streams.runtime.assignor import CompleteAssignor, TopicsUnknown

TOPICS = {"intents": 4, "bounces": 4}


@pytest.fixture
def assignor() -> CompleteAssignor:
    """As a worker has it."""
    app = faust.App("assigning", store="memory://", autodiscover=False, PartitionAssignor=CompleteAssignor)
    assert isinstance(app.assignor, CompleteAssignor)
    return app.assignor


def _cluster(topics: dict[str, int]) -> ClusterMetadata:
    cluster = ClusterMetadata()
    cluster._partitions = {
        topic: {number: PartitionMetadata(topic, number, 1, [1], [1], 0) for number in range(count)}
        for topic, count in topics.items()
    }
    return cluster


def _members(assignor: CompleteAssignor) -> dict[str, Any]:
    return {name: assignor.metadata(set(TOPICS)) for name in ("a", "b")}


def _assigned(assignments: Any) -> set[tuple[str, int]]:
    return {
        (topic, number) for member in assignments.values() for topic, numbers in member.assignment for number in numbers
    }


def test_all_partitions_of_complete_metadata_are_assigned(assignor: CompleteAssignor) -> None:
    """Every partition of every topic has a member."""
    found = _assigned(assignor.assign(_cluster(TOPICS), _members(assignor)))
    assert {(topic, number) for topic, count in TOPICS.items() for number in range(count)} == found


@pytest.mark.parametrize("known", [{}, {"bounces": 4}, {"bounces": 4, "intents": 0}])
def test_nothing_is_assigned_from_metadata_that_lacks_a_topic(
    assignor: CompleteAssignor, known: dict[str, int]
) -> None:
    """Not even the topics that are there: the group waits for all. A topic without partitions is not there."""
    with pytest.raises(TopicsUnknown) as caught:
        assignor.assign(_cluster(known), _members(assignor))
    assert sorted(TOPICS.keys() - {topic for topic, count in known.items() if count}) == caught.value.topics


def test_a_member_that_insists_tells_something_new_that_means_the_same(assignor: CompleteAssignor) -> None:
    """Each time: a broker compares the octets of a join with those of the last, a leader reads them."""
    told = [assignor.metadata(set(TOPICS)).user_data]
    for _ in range(3):
        assignor.insist()
        told.append(assignor.metadata(set(TOPICS)).user_data)
    assert all(before != after for before, after in pairwise(told))
    assert all(json.loads(told[0]) == json.loads(data) for data in told)
    assert all(assignor._get_client_metadata(member) for member in _members(assignor).values())
