"""Evidence and verdicts of a partition for its chain: with the links, read from Kafka as reading.py reads. Blocks."""

from dataclasses import dataclass

from sidestep.streams.audit.kept import Chained, Kept, KeptPartition
from sidestep.streams.audit.reading import Extents, KafkaRecords
from sidestep.streams.chain import HEADER
from sidestep.streams.runtime.manifest import Place
from sidestep.streams.runtime.record import Record
from sidestep.topics.catalog import APPROVED, EVIDENCE, REJECTED
from sidestep.topics.connection import Connection
from sidestep.topics.headers import readable_headers


@dataclass(frozen=True)
class LinkedRecords(KafkaRecords):
    """Verdicts with their links."""

    def _all(self, records: list[Record]) -> list[Kept]:
        return [Kept(one.offset(), one.key(), one.value(), link=_link(one)) for one in records]


def open_chained(connection: Connection, extents: Extents, partition: int) -> Chained:
    """What the chain of one partition rests on."""

    def kept(topic: str, records: type[KafkaRecords]) -> KeptPartition:
        place = Place(topic, partition)
        extent = extents.places[place]
        found = records(connection, place, extent, proofs=False)
        return KeptPartition(topic, partition, extent.start, extent.sure, found, extent.end)

    return Chained(
        kept(EVIDENCE.name, KafkaRecords), kept(APPROVED.name, LinkedRecords), kept(REJECTED.name, LinkedRecords)
    )


def _link(record: Record) -> bytes | None:
    return next((octets for name, octets in readable_headers(record) or () if name == HEADER), None)
