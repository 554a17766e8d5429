"""Reading: committed records only, at least once, nothing lost in silence."""

from typing import Any

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from sidestep.schemas import LogPosition, Verdict, Versions
from sidestep.schemas.codec import encode
from sidestep.streams.local.embedded_kafka import EmbeddedKafka
from sidestep.topics import cluster
from sidestep.topics.connection import Connection
from sidestep.topics.errors import BrokerUnreachable, LogTruncated, TopicsError, UnreadableVerdict
from sidestep.topics.publish import Publisher
from sidestep.topics.received import Received, Unreadable
from sidestep.topics.subscribe import Subscription
from sidestep.topics.verdicts import Verdicts
from tests.fixture_types import MakeTopic


def verdict(number: int) -> Verdict:
    return Verdict(
        id=f"order-{number}",
        to="ada@example.org",
        service="shop",
        decision="approved",
        action="send",
        evidence=LogPosition("email-evidence", 0, number),
        versions=Versions("1"),
        decided_at=1.0,
    )


def publish(connection: Connection, topic: str, *values: bytes) -> None:
    with Publisher(connection) as publisher:
        for value in values:
            publisher.publish_bytes(topic, value, b"one partition")


def take(subscription: Subscription, count: int) -> list[Any]:
    """Values of the next `count` records, all of them handed out."""
    values: list[Any] = []
    while len(values) < count and (record := subscription.poll(10)):
        values.append(record.value)
    return values


def numbers(*values: int) -> list[bytes]:
    return [b"%d" % value for value in values]


def test_verdicts_come_out_as_they_were_made(clean_topics: Connection) -> None:
    """From both topics; iterating gives Verdict objects."""
    publish(clean_topics, "email-approved", encode(verdict(1)))
    publish(clean_topics, "email-rejected", encode(verdict(2)))
    with Verdicts(clean_topics, start="earliest") as verdicts:
        found = [one for _, one in zip(range(2), verdicts, strict=False)]
    assert [verdict(1), verdict(2)] == sorted(found, key=str)


def test_a_broken_record_is_handed_out_in_its_place(clean_topics: Connection) -> None:
    """It neither vanishes nor stops the reader."""
    publish(clean_topics, "email-approved", encode(verdict(1)), b'{"id":1}', encode(verdict(3)))
    with Subscription(clean_topics, ["email-approved"], start="earliest") as records:
        found = take(records, 3)
    assert [verdict(1), verdict(3)] == [found[0], found[2]]
    assert isinstance(found[1], Unreadable)
    assert (found[1].code, found[1].octets) == ("wrong-shape", b'{"id":1}')


def test_a_mailer_survives_a_record_that_is_no_verdict(clean_topics: Connection, caplog: Any) -> None:
    """Whoever loops over verdicts as the README does gets verdicts and nothing else; the others are counted and told,
    without what is in them, and come no second time."""
    broken = b'{"to":"ada@example.org"}'
    publish(clean_topics, "email-approved", broken, encode(verdict(1)), broken, encode(verdict(2)), broken)
    with Verdicts(clean_topics, "mailer", ["email-approved"]) as verdicts:
        actions = [each.action for _, each in zip(range(2), verdicts, strict=False)]
        assert verdicts.poll(0.5) is None
        assert {"wrong-shape": 3} == verdicts.skipped
    assert ["send", "send"] == actions
    (told,) = [line for line in caplog.messages if "passed over" in line]
    assert "/0 is no verdict: wrong-shape: Object missing required field `id`" in told and "ada" not in told
    seen: list[Received] = []
    publish(clean_topics, "email-approved", b"{}", encode(verdict(3)))
    with Verdicts(clean_topics, "mailer", ["email-approved"], report=seen.append) as verdicts:
        assert verdict(3) == verdicts.poll(10)
    assert [b"{}"] == [each.value.octets for each in seen]


def test_a_mailer_that_would_rather_stop_stops_at_such_a_record(clean_topics: Connection) -> None:
    """Those before it are handed out and handled, it and those behind it come again to the next reader of the group."""
    publish(clean_topics, "email-approved", encode(verdict(1)), b"{}", encode(verdict(3)))
    for begins_with in ([verdict(1)], []):
        with Verdicts(clean_topics, "mailer", ["email-approved"], unreadable="raise") as verdicts:
            if begins_with:
                assert begins_with == verdicts.batch(10, 10)
            for _ in range(2):
                with pytest.raises(UnreadableVerdict, match="/1 is no verdict: wrong-shape"):
                    verdicts.batch(10, 10)
    with Verdicts(clean_topics, "mailer", ["email-approved"]) as verdicts:
        assert verdict(3) == verdicts.poll(10)
    with pytest.raises(ValueError, match="neither 'skip' nor 'raise'"):
        Verdicts("127.0.0.1:1", unreadable="pass")  # type: ignore[arg-type]


def test_a_reader_without_a_group_begins_with_what_is_published_from_now_on(
    make_topic: MakeTopic, kafka: EmbeddedKafka
) -> None:
    """From the moment it is made, not from its first poll; start="earliest" gives the rest."""
    topic = make_topic()
    # connected before the reader is made, so that its record arrives at once
    with Publisher(kafka.connection, **{"linger.ms": 0}) as publisher:
        publisher.publish_bytes(topic, b"before")
        publisher.flush()
        with Subscription(kafka.connection, [topic]) as subscription:
            publisher.publish_bytes(topic, b"after")
            publisher.flush()
            assert take(subscription, 1) == [b"after"]
    with Subscription(kafka.connection, [topic], start="earliest") as subscription:
        assert take(subscription, 2) == [b"before", b"after"]


def test_a_group_resumes_after_what_it_handled(make_topic: MakeTopic, kafka: EmbeddedKafka) -> None:
    """Leaving the block in peace counts the last record as handled."""
    topic = make_topic()
    publish(kafka.connection, topic, *numbers(1, 2, 3, 4))
    with Subscription(kafka.connection, [topic], group=topic) as subscription:
        assert numbers(1, 2) == take(subscription, 2)
    with Subscription(kafka.connection, [topic], group=topic, start="resume") as subscription:
        assert numbers(3, 4) == take(subscription, 2)


def test_a_record_whose_handling_failed_comes_again(make_topic: MakeTopic, kafka: EmbeddedKafka) -> None:
    """At least once: an exception in the block does not acknowledge the record in hand."""
    topic = make_topic()
    publish(kafka.connection, topic, *numbers(1, 2, 3))
    with pytest.raises(KeyError), Subscription(kafka.connection, [topic], group=topic) as subscription:
        take(subscription, 2)
        raise KeyError("handling 2 failed")
    with Subscription(kafka.connection, [topic], group=topic) as subscription:
        assert numbers(2, 3) == take(subscription, 2)


def test_a_batch_counts_as_handled_at_the_next_call(make_topic: MakeTopic, kafka: EmbeddedKafka) -> None:
    """As a whole: if its handling fails, all of it comes again."""
    topic = make_topic()
    publish(kafka.connection, topic, *numbers(*range(10)))
    subscription = Subscription(kafka.connection, [topic], group=topic)
    first = subscription.batch(4, 10)
    second = subscription.batch(100, 10)
    subscription.close()
    with Subscription(kafka.connection, [topic], group=topic) as subscription:
        assert [record.value for record in second] == take(subscription, len(second))
    assert numbers(*range(10)) == [record.value for record in (*first, *second)]


def test_a_new_group_reads_what_was_there_before_it(make_topic: MakeTopic, kafka: EmbeddedKafka) -> None:
    """Nothing is lost by being late; start="latest" says otherwise."""
    topic = make_topic()
    publish(kafka.connection, topic, b"before")
    with Subscription(kafka.connection, [topic], group=f"{topic}-a") as subscription:
        assert take(subscription, 1) == [b"before"]
    with Subscription(kafka.connection, [topic], group=f"{topic}-b", start="latest") as subscription:
        assert subscription.poll(3) is None
        publish(kafka.connection, topic, b"after")
        assert take(subscription, 1) == [b"after"]


def test_an_aborted_transaction_is_never_seen(make_topic: MakeTopic, kafka: EmbeddedKafka) -> None:
    """A verdict that was not committed was not made."""
    topic = make_topic()
    producer = Producer(kafka.connection.librdkafka(**{"transactional.id": topic}))
    producer.init_transactions(30)
    for value, end in ((b"aborted", producer.abort_transaction), (b"committed", producer.commit_transaction)):
        producer.begin_transaction()
        producer.produce(topic, value)
        producer.flush(10)
        end(30)
    with Subscription(kafka.connection, [topic], start="earliest") as subscription:
        assert take(subscription, 1) == [b"committed"]


def test_records_that_retention_took_are_an_error(make_topic: MakeTopic, kafka: EmbeddedKafka) -> None:
    """A group that was away for too long is told, instead of skipping what it missed."""
    topic = make_topic()
    publish(kafka.connection, topic, *numbers(1, 2, 3))
    with Subscription(kafka.connection, [topic], group=topic) as subscription:
        assert numbers(1) == take(subscription, 1)
    client, everything = AdminClient(kafka.connection.librdkafka()), TopicPartition(topic, 0, 3)
    client.delete_records([everything])[everything].result(10)
    with Subscription(kafka.connection, [topic], group=topic) as subscription, pytest.raises(LogTruncated):
        subscription.poll(10)


def test_headers_and_position_are_handed_out(make_topic: MakeTopic, kafka: EmbeddedKafka) -> None:
    """A dead letter's reason is in its headers."""
    topic = make_topic()
    producer = Producer(kafka.connection.librdkafka())
    producer.produce(topic, b"\xff", b"key", headers={"reason": b"not-json"})
    producer.flush(10)
    with Subscription(kafka.connection, [topic], start="earliest") as subscription:
        record = subscription.poll(10)
    assert record is not None
    assert (topic, 0, 0, b"key", b"\xff") == (record.topic, record.partition, record.offset, record.key, record.value)
    assert record.headers == {"reason": b"not-json"}
    assert record.timestamp > 1_600_000_000_000


def test_a_missing_topic_is_an_error_at_once(kafka: EmbeddedKafka) -> None:
    """With the command that makes it."""
    with pytest.raises(TopicsError, match=r"no-such-topic not found.*sidestep topics create"):
        Subscription(kafka.connection, ["no-such-topic"])


def test_nobody_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within the deadline, shortened here."""
    monkeypatch.setattr(cluster, "DEADLINE", 0.5)
    with pytest.raises(BrokerUnreachable):
        Verdicts("127.0.0.1:1")


def test_resuming_needs_a_group() -> None:
    """Without one there is nothing to resume."""
    with pytest.raises(ValueError, match="group"):
        Verdicts("127.0.0.1:1", start="resume")
