"""What the guarantee needs of a cluster, and what is said where it is not so."""

from dataclasses import replace
from typing import Any

import pytest

from sidestep.streams.decide.id_rows import DEDUPLICATION_SECONDS
from sidestep.streams.runtime.transactions import TRANSACTION_SECONDS
from sidestep.streams.settings import Settings
from sidestep.topics import needs
from sidestep.topics.catalog import BY_NAME, CATALOG
from sidestep.topics.connection import Connection
from sidestep.topics.described import described
from sidestep.topics.needs import INTERNAL, SeenCluster, SeenTopic, Shortfall, shortfalls

SESSION_MS = round(Settings().session_timeout * 1000)
BROKER = {
    "transaction.max.timeout.ms": "900000",
    "transaction.partition.verification.enable": "true",
    "unclean.leader.election.enable": "false",
    "group.min.session.timeout.ms": "6000",
    "group.max.session.timeout.ms": "1800000",
    "auto.create.topics.enable": "false",
    "transaction.state.log.replication.factor": "3",
    "offsets.topic.replication.factor": "3",
    "offsets.retention.minutes": "10080",
}
TOPIC = {"min.insync.replicas": "2", "retention.bytes": "-1", "unclean.leader.election.enable": "false"}
GOOD = SeenCluster(
    dict.fromkeys((1, 2, 3), BROKER),
    {topic.name: SeenTopic(topic.name, 3, TOPIC | topic.config()) for topic in CATALOG},
)


def found(seen: SeenCluster, session_ms: int = SESSION_MS) -> list[Shortfall]:
    """What is said of a cluster."""
    return shortfalls(seen, BY_NAME, session_ms)


def with_broker(**settings: str) -> SeenCluster:
    """GOOD, but for settings of broker 2."""
    changed = {name.replace("_", "."): value for name, value in settings.items()}
    return replace(GOOD, brokers={**GOOD.brokers, 2: BROKER | changed})


def with_topic(name: str, config: dict[str, str] | None = None, **fields: Any) -> SeenCluster:
    """GOOD, but for one topic."""
    there = GOOD.topics.get(name, SeenTopic(name, 3, TOPIC))
    topic = replace(there, config={**there.config, **(config or {})}, **fields)
    return replace(GOOD, topics={**GOOD.topics, name: topic})


def test_a_cluster_that_has_everything_has_no_findings() -> None:
    """Three brokers, three replicas, two in sync, Kafka's defaults."""
    assert found(GOOD) == []


@pytest.mark.parametrize(
    ("seen", "weight", "where", "what"),
    [
        (with_broker(transaction_max_timeout_ms="59999"), "fault", "broker 2", "transaction.max.timeout.ms"),
        (with_broker(unclean_leader_election_enable="true"), "fault", "broker 2", "unclean.leader.election.enable"),
        (with_broker(group_min_session_timeout_ms="10001"), "fault", "broker 2", "group.min.session.timeout.ms"),
        (with_broker(group_max_session_timeout_ms="9999"), "fault", "broker 2", "group.max.session.timeout.ms"),
        (with_broker(auto_create_topics_enable="true"), "advice", "broker 2", "auto.create.topics.enable"),
        (with_broker(offsets_retention_minutes="60"), "advice", "broker 2", "offsets.retention.minutes"),
        (with_broker(cordoned_log_dirs=""), "advice", "broker 2", "version"),
        (
            with_broker(transaction_state_log_replication_factor="1"),
            "fault", "__transaction_state", "transaction.state.log.replication.factor",
        ),
        (with_topic("email-evidence", {"retention.bytes": "1000"}), "fault", "email-evidence", "retention.bytes"),
        (with_topic("email-intents", {"retention.ms": "-1"}), "advice", "email-intents", "retention.ms"),
        (with_topic("email-intents", {"retention.ms": "691200001"}), "advice", "email-intents", "retention.ms"),
        (with_topic("email-approved", {"min.insync.replicas": "1"}), "fault", "email-approved", "min.insync.replicas"),
        (with_topic("email-approved", {"min.insync.replicas": "4"}), "fault", "email-approved", "min.insync.replicas"),
        (with_topic("email-approved", {"min.insync.replicas": "3"}), "advice", "email-approved", "min.insync.replicas"),
        (
            with_topic("__consumer_offsets", {"min.insync.replicas": "1"}),
            "advice", "__consumer_offsets", "min.insync.replicas",
        ),
        (
            with_topic("__transaction_state", {"min.insync.replicas": "1"}),
            "fault", "__transaction_state", "min.insync.replicas",
        ),
        (with_topic("__transaction_state", replicas=2), "fault", "__transaction_state",
         "transaction.state.log.replication.factor"),
        (with_topic("email-evidence", leaderless=(1, 3)), "fault", "email-evidence", "leader"),
        (with_topic("email-evidence", behind=(2,)), "advice", "email-evidence", "replicas in sync"),
        (with_topic("email-ledger-changelog", {"delete.retention.ms": "1000"}), "advice", "email-ledger-changelog",
         "delete.retention.ms"),
        (replace(GOOD, hidden={"broker 3": "not allowed"}), "advice", "broker 3", "settings"),
    ],
)  # fmt: skip
def test_what_is_not_as_it_should_be_is_found(seen: SeenCluster, weight: str, where: str, what: str) -> None:
    """A fault breaks the guarantee or stops the work; advice does not. Each says what it means and what to do."""
    mine = [shortfall for shortfall in found(seen) if (shortfall.where, shortfall.what) == (where, what)]
    assert [weight] == [shortfall.weight for shortfall in mine]
    assert mine[0].here != "" and mine[0].needed != ""
    assert mine[0].means.endswith(".") and mine[0].do.endswith(".")


def test_who_has_more_than_is_needed_is_not_told_about_it() -> None:
    """-1 is no limit, and a topic that nobody uses is nobody's business."""
    more = with_topic("email-evidence", {"retention.ms": "-1"})
    assert found(more) == []
    assert found(with_topic("somebody-elses", {"min.insync.replicas": "1"})) == []


def test_one_broker_is_told_once() -> None:
    """One line for all topics; what only makes sense with several replicas is left out."""
    alone = {name: replace(topic, replicas=1, config=TOPIC | {"min.insync.replicas": "1"})
             for name, topic in GOOD.topics.items()}  # fmt: skip
    single = {"transaction.state.log.replication.factor": "1", "offsets.topic.replication.factor": "1"}
    seen = SeenCluster({1: BROKER | single}, alone)
    assert ["replication"] == [shortfall.what for shortfall in found(seen)]
    assert found(seen)[0].where == f"email-intents and {len(CATALOG) - 1} more"


def test_faults_come_first() -> None:
    """Whoever reads one line reads the worst."""
    seen = with_broker(auto_create_topics_enable="true", transaction_max_timeout_ms="1000")
    assert ["fault", "advice"] == [shortfall.weight for shortfall in found(seen)]


def test_the_session_of_the_workers_decides() -> None:
    """SIDESTEP_SESSION_TIMEOUT, not a number of ours."""
    assert ["group.min.session.timeout.ms"] * 3 == [shortfall.what for shortfall in found(GOOD, 5_999)]
    assert "between 6 and 1800" in found(GOOD, 5_999)[0].do


def test_the_numbers_are_those_of_the_workers() -> None:
    """They stand in the data, since whoever administers topics does not load the workers."""
    numbers = {need["name"]: need for need in (*needs._needs()["broker"], *needs._needs()["topic"])}
    assert TRANSACTION_SECONDS * 1000 == numbers["transaction.max.timeout.ms"]["least"]
    assert DEDUPLICATION_SECONDS * 1000 == numbers["retention.ms"]["most"]


def test_kafka_knows_each_setting_that_is_compared(clean_topics: Connection) -> None:
    """A name with a slip in it would never be found wanting."""
    seen = described(clean_topics)
    assert set() == {need["name"] for need in needs._needs()["broker"]} - seen.brokers[1].keys()
    assert set() == {need["name"] for need in needs._needs()["topic"]} - seen.topics["email-evidence"].config.keys()
    assert set(INTERNAL.values()) <= seen.brokers[1].keys()
    assert (seen.hidden, needs.SINCE_43 in seen.brokers[1]) == ({}, False)
