"""Evidence and verdicts of a partition for its chain: with the links, read from Kafka as reading.py reads."""

from sidestep.streams.audit.kept import Chained, KeptPartition
from sidestep.streams.audit.reading import Extents, KafkaRecords
from sidestep.streams.runtime.manifest import Place
from sidestep.topics.catalog import APPROVED, EVIDENCE, REJECTED
from sidestep.topics.connection import Connection


def open_chained(connection: Connection, extents: Extents, partition: int) -> Chained:
    """What the chain of one partition rests on."""

    def kept(topic: str, links: bool = False) -> KeptPartition:
        place = Place(topic, partition)
        extent = extents.places[place]
        records = KafkaRecords(connection, place, extent, links=links)
        return KeptPartition(topic, partition, extent.start, extent.sure, records, extent.end)

    return Chained(kept(EVIDENCE.name), kept(APPROVED.name, links=True), kept(REJECTED.name, links=True))
