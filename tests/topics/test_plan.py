"""How many partitions topics get, and what counts as a difference."""

from dataclasses import replace
from typing import Any

from sidestep.topics.catalog import CATALOG, CONTROL, DEFAULT_PARTITIONS, EVIDENCE
from sidestep.topics.plan import TopicState, differences, partitions_to_create, unlike

GOOD = {t.name: TopicState(t.name, t.partitions, 1, t.config()) for t in CATALOG}
FOLLOWERS = [t.name for t in CATALOG if t.same_partitions_as == EVIDENCE.name]


def changed(name: str, **fields: Any) -> dict[str, TopicState]:
    return GOOD | {name: replace(GOOD[name], **fields)}


def test_an_empty_cluster_gets_the_whole_catalog() -> None:
    """With the catalog's own partition counts."""
    assert {t.name: t.partitions for t in CATALOG} == partitions_to_create(None, {})


def test_another_partition_count_leaves_single_partition_topics_alone() -> None:
    """email-control is one totally ordered list, however large the cluster."""
    planned = partitions_to_create(12, {})
    assert planned[CONTROL.name] == 1
    assert {12} == {count for name, count in planned.items() if name != CONTROL.name}


def test_what_exists_is_left_alone() -> None:
    """Creating twice changes nothing."""
    assert partitions_to_create(12, {t.name: 3 for t in CATALOG}) == {}


def test_a_missing_topic_matches_the_one_that_it_must_match() -> None:
    """A verdict goes to the partition number of its evidence: email-evidence exists with 8, so the others get 8."""
    planned = partitions_to_create(None, {EVIDENCE.name: 8})
    assert dict.fromkeys(FOLLOWERS, 8) == {name: planned[name] for name in FOLLOWERS}


def test_a_cluster_made_from_the_catalog_has_no_differences() -> None:
    """Nothing to report."""
    assert differences(GOOD) == []


def test_more_partitions_and_longer_retention_are_no_difference() -> None:
    """The catalog's counts are defaults, its retention a promise of how long at least."""
    states = {n: replace(s, partitions=1 if s.partitions == 1 else 12) for n, s in GOOD.items()}
    states[EVIDENCE.name] = replace(states[EVIDENCE.name], config=EVIDENCE.config() | {"retention.ms": "-1"})
    assert differences(states) == []


def test_a_missing_topic_is_named_with_what_to_do() -> None:
    """One sentence, and the command that helps."""
    states = {name: state for name, state in GOOD.items() if name != "email-tallies"}
    assert differences(states) == ["email-tallies does not exist: sidestep topics create"]


def test_partition_counts_that_do_not_match_are_reported() -> None:
    """Decide would write to partitions that do not exist."""
    found = differences(changed("email-approved", partitions=3))
    expected = f"email-approved has 3 partitions, but must have as many as email-evidence: {DEFAULT_PARTITIONS}"
    assert [expected] == found


def test_settings_that_lose_records_are_reported() -> None:
    """Shorter retention, smaller messages, deletion instead of compaction."""
    short = EVIDENCE.config() | {"retention.ms": "1000", "max.message.bytes": "100"}
    found = differences(changed(EVIDENCE.name, config=short))
    assert [text.split(" has ")[1].split(",")[0] for text in found] == ["retention.ms=1000", "max.message.bytes=100"]
    found = differences(changed(CONTROL.name, config=CONTROL.config() | {"cleanup.policy": "delete"}))
    assert found == ["email-control has cleanup.policy=delete, but needs compact"]


def test_options_that_differ_from_what_is_there_are_told() -> None:
    """One sentence for each number that is another one. Topics that have exactly one partition keep it."""
    assert unlike(None, None, GOOD.values()) == unlike(DEFAULT_PARTITIONS, 1, GOOD.values()) == []
    assert unlike(12, None, GOOD.values()) == ["email-intents and 12 more: 4 partitions, not 12"]
    assert unlike(None, 3, GOOD.values()) == [
        "email-intents and 13 more: 1 replicas, not 3",
        "email-intents and 13 more: min.insync.replicas=1, not 2",
    ]


def test_a_log_that_has_grown_is_as_it_was_asked_for() -> None:
    """What carries counts keeps its partitions then; of a log that has not grown it is told with the others."""
    kept = {"email-tallies", "email-anomalies", "email-watch-changelog", "email-control"}
    grown = [state if name in kept else replace(state, partitions=12) for name, state in GOOD.items()]
    assert unlike(12, None, grown) == []
    assert unlike(24, None, grown) == [
        "email-tallies and 2 more: 4 partitions, not 24",
        "email-intents and 9 more: 12 partitions, not 24",
    ]


def test_topics_differ_by_themselves() -> None:
    """Each with what it has."""
    states = changed("email-tallies", partitions=6, replication=3, in_sync=2)
    assert unlike(4, 3, states.values()) == [
        "email-tallies: 6 partitions, not 4",
        "email-intents and 12 more: 1 replicas, not 3",
        "email-intents and 12 more: min.insync.replicas=1, not 2",
    ]
