"""Publishing: checked before it is sent, and proved to have arrived."""

from typing import Any

import pytest

from sidestep.schemas import Bounce, EmailIntent, Engagement
from sidestep.schemas.codec import ContractError
from sidestep.streams.local.embedded_kafka import EmbeddedKafka
from sidestep.topics.connection import Connection
from sidestep.topics.errors import PublishFailed
from sidestep.topics.keys import record_key
from sidestep.topics.publish import Publisher
from sidestep.topics.received import Received
from sidestep.topics.subscribe import Subscription
from tests.fixture_types import MakeTopic


def intent(number: int = 1, **fields: Any) -> EmailIntent:
    given: dict[str, Any] = {"id": f"order-{number}", "to": "ada@example.org", "service": "shop"}
    return EmailIntent(**given | fields)


def everything(connection: Connection, *topics: str, count: int) -> list[Received]:
    """The first `count` records of the topics."""
    records: list[Received] = []
    with Subscription(connection, topics, start="earliest") as subscription:
        while len(records) < count and (batch := subscription.batch(count, 10)):
            records += batch
    return records


def test_leaving_the_block_means_that_kafka_has_it(clean_topics: Connection) -> None:
    """Each kind arrives in its topic, equal to what was sent, under the key service/id."""
    sound = intent(metadata={"a": [1, None]})
    bounce = Bounce(recipient="ada@example.org", service="shop", id="b-1", status="5.1.1")
    opened = Engagement(recipient="ada@example.org", kind="opened")
    with Publisher(clean_topics) as publisher:
        publisher.intent(sound)
        publisher.bounce(bounce)
        publisher.engagement(opened)
    sent = {"email-intents": sound, "email-bounces": bounce, "email-engagement": opened}
    records = everything(clean_topics, *sent, count=3)
    assert sent == {record.topic: record.value for record in records}
    keys = {"email-intents": b"shop/order-1", "email-bounces": b"shop/b-1", "email-engagement": None}
    assert keys == {record.topic: record.key for record in records}


def test_an_id_always_lands_on_the_same_partition(clean_topics: Connection) -> None:
    """Also from another publisher; and different ids are spread."""
    for _ in range(2):
        with Publisher(clean_topics) as publisher:
            for number in range(50):
                publisher.intent(intent(number))
    places: dict[bytes | None, set[int]] = {}
    for record in everything(clean_topics, "email-intents", count=100):
        places.setdefault(record.key, set()).add(record.partition)
    assert len(places) == 50
    assert {1} == {len(partitions) for partitions in places.values()}
    assert len(set.union(*places.values())) > 1


@pytest.mark.parametrize("fields", [{"id": ""}, {"to": "x" * 1001}, {"attempt": 0}, {"service": 7}], ids=str)
def test_a_model_that_breaks_the_contract_is_not_sent(fields: dict[str, Any]) -> None:
    """msgspec does not check a model when it is made, so the publisher does."""
    publisher = Publisher("127.0.0.1:1")
    with pytest.raises(ContractError):
        publisher.intent(intent(**fields))
    publisher.flush()


def test_what_kafka_does_not_take_is_counted_with_its_reason() -> None:
    """Nobody answers: after the delivery deadline the caller knows how many records are not out, and why."""
    publisher = Publisher("127.0.0.1:1", **{"delivery.timeout.ms": 500})
    for number in range(3):
        publisher.intent(intent(number))
    with pytest.raises(PublishFailed, match=r"did not take 3 records \(.*timed out: 3\).*refused"):
        publisher.flush()
    publisher.flush()


def test_a_failure_does_not_hide_the_callers_own_error() -> None:
    """The error raised in the block comes out, with the failed delivery as a note."""
    with pytest.raises(KeyError) as caught, Publisher("127.0.0.1:1", **{"delivery.timeout.ms": 500}) as publisher:
        publisher.intent(intent())
        raise KeyError("the caller's")
    assert "did not take 1 records" in caught.value.__notes__[0]


def test_a_record_that_is_too_large_raises_at_the_flush(make_topic: MakeTopic, kafka: EmbeddedKafka) -> None:
    """The topic allows 1,000 octets. The refusal is counted, the other record arrives."""
    topic = make_topic(max_message_bytes="1000")
    publisher = Publisher(kafka.connection, **{"compression.type": "none", "linger.ms": 0})
    publisher.publish_bytes(topic, b"small")
    publisher.flush()
    publisher.publish_bytes(topic, b"x" * 2000)
    with pytest.raises(PublishFailed, match=r"did not take 1 records \(.*too large"):
        publisher.flush()
    assert [record.value for record in everything(kafka.connection, topic, count=1)] == [b"small"]


def test_a_full_queue_waits_instead_of_losing(make_topic: MakeTopic, kafka: EmbeddedKafka) -> None:
    """More records than librdkafka's queue holds, as fast as they come."""
    topic = make_topic()
    with Publisher(kafka.connection, **{"queue.buffering.max.messages": 100}) as publisher:
        for number in range(1000):
            publisher.publish_bytes(topic, b"%d" % number)
    assert [b"%d" % n for n in range(1000)] == [r.value for r in everything(kafka.connection, topic, count=1000)]


def test_the_key_is_service_and_id() -> None:
    """None without an id: any partition will do."""
    assert record_key(intent()) == "shop/order-1"
    assert record_key(Bounce(recipient="ada@example.org", service="shop")) is None
