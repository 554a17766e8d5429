"""A service without a line of ours: JSON and a Kafka client, as it would be in any other language.

    python examples/plain_service.py examples/intents.jsonl         # one verdict a line, as JSON

The same with kcat, which has no memory: the reader is started first, and picks out what it has asked for.

    kcat -C -b 127.0.0.1:9092 -X isolation.level=read_committed -o end -u -t email-approved
    kcat -C -b 127.0.0.1:9092 -X isolation.level=read_committed -o end -u -t email-rejected
    kcat -P -b 127.0.0.1:9092 -t email-intents -l examples/intents.jsonl

What the contract asks of a client in any language:
- a record of email-intents is one JSON object in UTF-8 (`sidestep schema email-intent`); any key, any partitioner;
- verdicts stand in email-approved and email-rejected; a reader sees committed records only (isolation.level);
- a verdict is told by `service` and `id`: both are the intent's. An id that is known already gets no second verdict.

`-X NAME=VALUE` gives librdkafka's settings, as kcat's does: security.protocol=ssl and so on.
"""

import argparse
import json
import sys
import time
import uuid
from pathlib import Path

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

VERDICTS = ("email-approved", "email-rejected")


def main() -> int:
    """0: each intent has a verdict."""
    options = argparse.ArgumentParser(description="Publish intents from JSON lines, and print their verdicts.")
    options.add_argument("intents", metavar="FILE", help="one JSON object a line")
    options.add_argument("--broker", default="127.0.0.1:9092")
    options.add_argument("-X", action="append", default=[], metavar="NAME=VALUE", dest="settings")
    options.add_argument("--wait", type=float, default=30.0, metavar="SECONDS")
    given = options.parse_args()
    kafka = {"bootstrap.servers": given.broker, "log_level": "3"}  # what librdkafka gets over by itself is not told
    kafka |= dict(setting.split("=", 1) for setting in given.settings)
    intents = [line for line in Path(given.intents).read_bytes().splitlines() if line.strip()]
    asked = {(intent["service"], intent["id"]) for intent in map(json.loads, intents)}
    verdicts = reader(kafka)  # before anything is published: it begins with what comes from now on
    publish(kafka, intents)
    until = time.monotonic() + given.wait
    while asked and time.monotonic() < until:
        record = verdicts.poll(0.2)
        if record is None:
            continue
        if record.error():
            raise KafkaException(record.error())
        verdict = json.loads(record.value() or b"null")
        if (verdict["service"], verdict["id"]) in asked:
            asked.remove((verdict["service"], verdict["id"]))
            print(json.dumps(verdict), flush=True)
    verdicts.close()
    for service, intent_id in sorted(asked):
        print(f"no verdict for {service}/{intent_id}: is a worker running, and the id a new one?", file=sys.stderr)
    return 1 if asked else 0


def reader(kafka: dict[str, str]) -> Consumer:
    """Reads verdicts from now on, whoever asked for them."""
    group = f"sidestep-reader-{uuid.uuid4()}"  # nobody joins it; librdkafka wants a name
    consumer = Consumer(kafka | {"group.id": group, "enable.auto.commit": False, "isolation.level": "read_committed"})
    begins = []
    for topic in VERDICTS:
        for partition in consumer.list_topics(topic, timeout=10).topics[topic].partitions:
            begins.append(TopicPartition(topic, partition, end(consumer, TopicPartition(topic, partition))))
    consumer.assign(begins)
    return consumer


def end(consumer: Consumer, place: TopicPartition) -> int:
    """The offset of the next record. Asked again for a while: a partition may be moving to another broker."""
    until = time.monotonic() + 10
    while True:
        try:
            return int(consumer.get_watermark_offsets(place, timeout=10)[1])
        except KafkaException:
            if time.monotonic() > until:
                raise
        time.sleep(0.1)


def publish(kafka: dict[str, str], intents: list[bytes]) -> None:
    """Returns when Kafka has them all; ends the program when it has not taken one."""
    producer = Producer(kafka | {"enable.idempotence": True})
    failed: list[KafkaError] = []

    def told(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            failed.append(error)

    for intent in intents:
        producer.produce("email-intents", intent, on_delivery=told)
    if producer.flush(30) or failed:
        raise SystemExit(f"Kafka has not taken all intents: {failed[0] if failed else 'no answer within 30 s'}")


if __name__ == "__main__":
    sys.exit(main())
