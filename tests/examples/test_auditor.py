"""An auditor of one's own proves what workers have written."""

import re

from confluent_kafka import OFFSET_END, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from sidestep.schemas.codec import encode
from sidestep.topics import Connection, Subscription
from sidestep.topics.catalog import EVIDENCE, REJECTED
from tests.examples.programs import run
from tests.fixture_types import WaitUntil


def test_an_auditor_proves_what_workers_have_written(workers: str, wait_until: WaitUntil) -> None:
    """All of it. What somebody puts among the verdicts, or takes away, is named by its place."""
    run("service.py", "--broker", workers, "ada@takes.example", "kim@takes-none.example")
    assert (0, "proved=2/2\n") == run("auditor.py", "--broker", workers)
    with Subscription(workers, [REJECTED.name], start="earliest") as rejected:
        (record,) = rejected.batch(10, 10)
    place, octets = TopicPartition(REJECTED.name, record.partition), encode(record.value)
    producer, client = Producer({"bootstrap.servers": workers}), AdminClient({"bootstrap.servers": workers})
    for forged in (octets.replace(b'"drop"', b'"send"'), octets, b"{}"):
        producer.produce(place.topic, forged, partition=place.partition)
    assert 0 == producer.flush(20)
    code, said = run("auditor.py", "--broker", workers)
    *faults, last = said.splitlines()
    follows = f"email-evidence/{record.partition}/{record.value.evidence.offset}"
    assert (1, "proved=2/5") == (code, last)
    assert [
        rf"differs: email-rejected/{place.partition}/\d+ is not what follows from {follows}",
        rf"repeated: email-rejected/{place.partition}/\d+ stands there once before",
        rf"extra: email-rejected/{place.partition}/\d+ follows from nothing in the log",
    ] == [re.sub(r"(email-rejected/\d+/)\d+", r"\1\\d+", fault) for fault in faults]
    place.offset = OFFSET_END
    client.delete_records([place])[place].result(20)
    missing = f"missing: nothing stands in email-rejected of {follows}"
    assert (1, f"{missing}\nproved=1/2\n") == run("auditor.py", "--broker", workers)


def test_an_auditor_without_the_beginning_says_so(clean_topics: Connection) -> None:
    """Verdicts rest on all of the log before them."""
    place = TopicPartition(EVIDENCE.name, 1)
    producer = Producer(clean_topics.librdkafka())
    producer.produce(place.topic, b"{}", partition=place.partition)
    assert 0 == producer.flush(20)
    place.offset = OFFSET_END
    client = AdminClient(clean_topics.librdkafka())  # a variable: nothing is answered to one that is gone
    client.delete_records([place])[place].result(20)
    code, said = run("auditor.py", "--broker", clean_topics)
    assert (2, True) == (code, said.startswith("it can't be told: email-evidence/1 begins at 1:"))
