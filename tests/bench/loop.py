"""The yardstick: consume, decode, encode, produce, with librdkafka and msgspec, and nothing else. No state.

    python -m tests.bench.loop BROKER FROM TO

Runs until SIGTERM.
"""

import signal
import sys
from collections import defaultdict
from typing import Any

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from sidestep.schemas import IntentEvidence, LogPosition, Verdict, Versions
from sidestep.schemas.codec import decode_evidence, encode
from sidestep.streams.runtime.kafka import fetched
from sidestep.topics.connection import Connection

RECORDS_A_CALL = 4_000
VERSIONS = Versions("none")
RISK_PARTS = {"pristine": 0.05}


def main(connection: Connection, source: str, target: str) -> None:
    """Copy what arrives in `source` to `target` as approved verdicts."""
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopped.append(number))
    consumer = _consumer(connection, source)
    producer = _producer(connection)
    while not stopped:
        batches: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for message in fetched(consumer.consume(RECORDS_A_CALL, 0.05)):
            if message.error():
                raise KafkaException(message.error())
            partition = message.partition()
            evidence = decode_evidence(message.value())
            if type(evidence) is IntentEvidence:
                verdict = approve(evidence, LogPosition(source, partition, message.offset()))
                batches[partition].append({"key": verdict.id, "value": encode(verdict)})
        for partition, records in batches.items():
            if producer.produce_batch(target, records, partition=partition) != len(records):
                raise BufferError("the producer's queue is full")
        producer.poll(0)
    consumer.close()
    producer.flush(10)


def approve(evidence: IntentEvidence, position: LogPosition) -> Verdict:
    """The verdict that Decide gives nearly always, without deciding anything."""
    return Verdict(
        id=evidence.id, attempt=evidence.attempt, to=evidence.to, service=evidence.service, decision="approved",
        action="send", risk=0.05, risk_parts=RISK_PARTS, suggestion=evidence.suggestion, evidence=position,
        versions=VERSIONS, decided_at=evidence.at / 1000, stream=evidence.stream, campaign=evidence.campaign,
        source=evidence.source, test=evidence.test, metadata=evidence.metadata,
    )  # fmt: skip


def _consumer(connection: Connection, source: str) -> Consumer:
    consumer = Consumer(
        {
            **connection.librdkafka(), "group.id": "loop-unused", "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
        }
    )  # fmt: skip
    partitions = consumer.list_topics(source, timeout=10).topics[source].partitions
    consumer.assign([TopicPartition(source, number, 0) for number in partitions])
    return consumer


def _producer(connection: Connection) -> Producer:
    return Producer(
        {
            **connection.librdkafka(), "linger.ms": 5, "batch.size": 1_000_000, "compression.type": "lz4",
            "queue.buffering.max.messages": 1_000_000, "delivery.report.only.error": True,
        }
    )  # fmt: skip


if __name__ == "__main__":
    main(Connection(sys.argv[1]), *sys.argv[2:4])
