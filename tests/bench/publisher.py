"""An open-loop publisher: so many intents a second, whether or not anybody keeps up.

    python -m tests.bench.publisher BROKER RATE SECONDS

Each intent carries when it was handed to produce(), which its verdict echoes. Prints {"sent": …, "late_ms": …}: how
many, and by how much the publisher itself was behind its schedule at the worst.
"""

import gc
import json
import sys
import time

from confluent_kafka import Producer

from sidestep.schemas.codec import encode
from sidestep.topics.catalog import INTENTS
from sidestep.topics.connection import Connection
from sidestep.topics.keys import record_key
from tests.bench.workload import intents

LINGER_MS = 5
TICK = 0.001
"""Seconds between looks at what is due."""


def main(connection: Connection, rate: float, seconds: float) -> None:
    """Publish for `seconds`, then wait until Kafka has taken it all."""
    producer = Producer(connection.librdkafka(**{"linger.ms": LINGER_MS, "queue.buffering.max.messages": 500_000}))
    prepared = list(intents(int(rate * seconds), seed=time.time_ns(), prefix=f"{time.time_ns()}-"))
    producer.list_topics(INTENTS.name, timeout=10)  # connected before the clock starts
    gc.disable()  # a pass over all that was prepared would hold the schedule up
    sent, late, began = 0, 0.0, time.monotonic()
    while sent < len(prepared):
        now = time.monotonic() - began
        due = min(len(prepared), int(now * rate))
        late = max(late, now - sent / rate if due > sent else 0.0)
        for intent in prepared[sent:due]:
            intent.metadata = {"published": time.monotonic_ns()}
            producer.produce(INTENTS.name, encode(intent), record_key(intent))
        sent = due
        producer.poll(0)
        time.sleep(TICK)  # the schedule's tick
    if producer.flush(30):
        raise SystemExit("Kafka did not take everything")
    print(json.dumps({"sent": sent, "late_ms": late * 1000}))


if __name__ == "__main__":
    main(Connection(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]))
