"""Records that no ordinary client would write: header names that are not UTF-8, times before the epoch."""

from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.record import default_records

from sidestep.topics.connection import Connection

OddRecord = dict[str, Any]
"""key, value, timestamp (milliseconds), headers as (octets, octets)."""


class RawName(str):
    """A header name whose octets are what it was made from, whatever the encoding."""

    octets: bytes

    def __new__(cls, octets: bytes) -> "RawName":
        """Any octets."""
        name = super().__new__(cls, octets.decode("latin-1"))
        name.octets = octets
        return name

    def encode(self, *_: Any) -> bytes:
        """The octets."""
        return self.octets


async def produce_odd(connection: Connection, topic: str, partition: int, records: list[OddRecord]) -> int:
    """Writes them as one batch; the offset of the first."""
    async with AIOKafkaProducer(**connection.aiokafka()) as producer:
        batch = producer.create_batch()
        # the builder in Python, since the one in C takes header names apart itself
        batch._builder = default_records._DefaultRecordBatchBuilderPy(2, 0, 0, -1, -1, 0, 1_000_000)
        for record in records:
            headers = [(RawName(name), value) for name, value in record.get("headers", ())]
            batch.append(
                key=record["key"], value=record["value"], timestamp=record.get("timestamp", 1), headers=headers
            )
        done = await producer.send_batch(batch, topic, partition=partition)
        return int((await done).offset)
