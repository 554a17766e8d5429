"""The catalog in a real cluster."""

import socket
import time

import pytest
from confluent_kafka.admin import AdminClient

from sidestep.streams.local.embedded_kafka import EmbeddedKafka
from sidestep.topics import admin, cluster
from sidestep.topics.catalog import CATALOG, Topic
from sidestep.topics.connection import Connection
from sidestep.topics.errors import BrokerUnreachable, TopicsError
from tests.fixture_types import WaitUntil


def test_created_topics_are_as_the_catalog_says(clean_topics: Connection) -> None:
    """Partitions, retention and cleanup; and creating again does nothing."""
    assert admin.check(clean_topics) == []
    assert admin.create(clean_topics) == []
    assert [t.name for t in CATALOG] == [state.name for state in admin.states(clean_topics)]


def test_a_deleted_topic_is_missed_and_made_again(clean_topics: Connection, wait_until: WaitUntil) -> None:
    """check says so in a sentence, create makes that one only."""
    client = AdminClient(clean_topics.librdkafka())
    client.delete_topics(["email-tallies"])["email-tallies"].result(10)
    missing = ["email-tallies does not exist: sidestep topics create"]
    wait_until(lambda: admin.check(clean_topics) == missing)
    assert admin.create(clean_topics) == ["email-tallies"]
    wait_until(lambda: admin.check(clean_topics) == [])


def test_a_topic_that_goes_between_two_questions_is_missing(
    clean_topics: Connection, wait_until: WaitUntil, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cluster named it, and had no settings for it any more."""
    client = AdminClient(clean_topics.librdkafka())
    before = cluster.cluster(client, clean_topics)
    client.delete_topics(["email-tallies"])["email-tallies"].result(10)
    wait_until(lambda: "email-tallies" not in client.list_topics(timeout=10).topics)
    monkeypatch.setattr(admin, "cluster", lambda *_: before)
    assert ["email-tallies does not exist: sidestep topics create"] == admin.check(clean_topics)


def test_what_the_cluster_refuses_is_a_topics_error(kafka: EmbeddedKafka) -> None:
    """Three copies on one node can't be had; Kafka's own reason is passed on."""
    topic = Topic("test-too-many-copies", "none", None, "-", ("a",), ("b",), 1000, "-")
    with pytest.raises(TopicsError, match=r"test-too-many-copies could not be created: .*[Rr]eplication"):
        admin.create(kafka.connection, replication=3, topics=[topic])


def test_nobody_there_is_an_error_within_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the address and what to do; nothing hangs. The deadline is shortened here."""
    monkeypatch.setattr(cluster, "DEADLINE", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    begin = time.monotonic()
    with pytest.raises(BrokerUnreachable, match=rf"no Kafka answers at {address}.*--broker"):
        admin.check(address)
    assert time.monotonic() - begin < cluster.DEADLINE + 2
