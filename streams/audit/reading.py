"""The log and all that Decide has made of it, read from Kafka up to the ends that they have now. Nothing is written,
and no group is joined. Blocks.

Decide works on while Kafka is read. What stands in several topics belongs together by its transactions, so the ends are
asked for in an order: what was committed when the first were asked for is covered by the changelog's marker, and what
the marker covers stands before the ends that are asked for last.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, repeat

from sidestep.schemas.codec import ContractError
from sidestep.streams.audit.kept import Kept, KeptLog, KeptPartition, KeptWatch
from sidestep.streams.chain import HEADER
from sidestep.streams.errors import AuditFailed
from sidestep.streams.runtime.manifest import Place
from sidestep.streams.runtime.offsets import Offsets
from sidestep.streams.runtime.record import Record
from sidestep.streams.runtime.to_the_end import batches_to_end
from sidestep.topics.catalog import (
    ANOMALIES,
    APPROVED,
    EVIDENCE,
    IDS_CHANGELOG,
    LEDGER_CHANGELOG,
    REJECTED,
    TALLIES,
    WATCH_CHANGELOG,
)
from sidestep.topics.cluster import admin_client, cluster, require
from sidestep.topics.connection import Connection
from sidestep.topics.headers import UnreadableHeaders, headers_of, readable_headers
from sidestep.topics.verdict_proof import proof_among

NAME = "sidestep-reader-audit"
"""Of the client; who may read at all may name a group of this name, which is never joined (topics/acls.py)."""
MADE = (APPROVED.name, REJECTED.name, TALLIES.name, IDS_CHANGELOG.name, ANOMALIES.name)
"""What Decide and Watch make, besides the changelogs with the markers."""
MARKED = (LEDGER_CHANGELOG.name, WATCH_CHANGELOG.name)
SETTLE_SECONDS = 90.0
"""A transaction may be open for a minute."""
AGAIN_SECONDS = 0.1


@dataclass(frozen=True)
class Extent:
    """What there is of a partition, by offsets."""

    start: int
    sure: int
    """As KeptPartition has it."""
    end: int


@dataclass(frozen=True)
class Extents:
    """Of all partitions that an audit reads."""

    places: Mapping[Place, Extent]

    def partitions(self, topic: str) -> list[int]:
        """Of a topic, in order."""
        return sorted(place.partition for place in self.places if place.topic == topic)

    def beginning_at(self, partition: int, offset: int) -> "Extents":
        """The same, but that of the log's partition what is before an offset is not read."""
        place = Place(EVIDENCE.name, partition)
        return Extents({**self.places, place: replace(self.places[place], start=offset)})

    def records(self, partition: int) -> int:
        """Roughly what is read to audit one partition of the log."""
        topics = (EVIDENCE.name, LEDGER_CHANGELOG.name, IDS_CHANGELOG.name)
        own = [self.places[Place(topic, partition)] for topic in topics]
        tallies = [self.places[Place(TALLIES.name, number)] for number in self.partitions(TALLIES.name)]
        watched = [self.places.get(Place(topic, partition)) for topic in (TALLIES.name, WATCH_CHANGELOG.name)]
        extents = (*own, *tallies, *(extent for extent in watched if extent is not None))
        return sum(extent.end - extent.start for extent in extents)


def cluster_of(connection: Connection) -> str:
    """The cluster's id. Raises BrokerUnreachable."""
    return str(cluster(admin_client(connection), connection).cluster_id)


def read_extents(connection: Connection) -> Extents:
    """What there is now, once no transaction that was open is so any more. Raises SidestepError."""
    topics = (EVIDENCE.name, *MARKED, *MADE)
    found = require(admin_client(connection), connection, topics)
    places = [Place(topic, number) for topic in topics for number in sorted(found[topic].partitions)]
    offsets = Offsets(connection)
    starts = offsets.starts(places)
    made = [place for place in places if place.topic in MADE]
    sure = _settled(offsets, made)
    changelog = _settled(offsets, [place for place in places if place.topic in MARKED])
    ends = {**_settled(offsets, made), **changelog}
    ends |= {place: end.stable for place, end in offsets.ends(set(places) - ends.keys()).items()}
    return Extents({place: Extent(starts[place], sure.get(place, ends[place]), ends[place]) for place in places})


def open_watch(connection: Connection, extents: Extents, partition: int) -> KeptWatch:
    """One partition of email-tallies and what Watch has made of it, to be read once."""

    def kept(topic: str, number: int) -> KeptPartition:
        place = Place(topic, number)
        extent = extents.places[place]
        records = KafkaRecords(connection, place, extent)
        return KeptPartition(topic, number, extent.start, extent.sure, records, extent.end)

    return KeptWatch(
        tallies=kept(TALLIES.name, partition),
        anomalies=[kept(ANOMALIES.name, number) for number in extents.partitions(ANOMALIES.name)],
        changelog=kept(WATCH_CHANGELOG.name, partition),
        count=len(extents.partitions(TALLIES.name)),
    )


def open_log(connection: Connection, extents: Extents, partition: int, proofs: bool) -> KeptLog:
    """One partition, to be read once. `proofs`: look whether verdicts have theirs."""

    def kept(topic: str, number: int, verdicts: bool = False) -> KeptPartition:
        place = Place(topic, number)
        extent = extents.places[place]
        records = KafkaRecords(connection, place, extent, proofs=verdicts and proofs, links=verdicts)
        return KeptPartition(topic, number, extent.start, extent.sure, records, extent.end)

    return KeptLog(
        evidence=kept(EVIDENCE.name, partition),
        approved=kept(APPROVED.name, partition, verdicts=True),
        rejected=kept(REJECTED.name, partition, verdicts=True),
        changelog=kept(LEDGER_CHANGELOG.name, partition),
        ids=kept(IDS_CHANGELOG.name, partition),
        tallies=[kept(TALLIES.name, number) for number in extents.partitions(TALLIES.name)],
    )


def _settled(offsets: Offsets, places: Iterable[Place]) -> dict[Place, int]:
    """Where places end, as soon as all that stands before these ends is committed or rolled back."""
    wanted = list(places)
    ends = offsets.ends(wanted)
    high = {place: end.high for place, end in ends.items()}
    deadline = time.monotonic() + SETTLE_SECONDS
    while waiting := [place for place in wanted if ends[place].stable < high[place]]:
        if time.monotonic() > deadline:
            raise AuditFailed(
                f"{waiting[0]}: a transaction has been open for {SETTLE_SECONDS:.0f} s, and what it wrote "
                "can't be read. A worker of the role decide ends it, as docs/operations.md says; then audit again"
            )
        time.sleep(AGAIN_SECONDS)  # until Decide commits, or the deadline
        ends |= offsets.ends(waiting)
    return high


_kept = partial(tuple.__new__, Kept)
"""A tuple as Kept: what its own constructor does, for a third of the time."""


@dataclass(frozen=True)
class KafkaRecords:
    """A partition up to where it ended; read anew each time."""

    connection: Connection
    place: Place
    extent: Extent
    proofs: bool = False
    """Look for them."""
    links: bool = False
    """Likewise, of the chain."""

    def __iter__(self) -> Iterator[Kept]:
        return chain.from_iterable(self.batches())

    def batches(self, since: int | None = None) -> Iterator[list[Kept]]:
        """As KeptPartition has it."""
        start, end = max(self.extent.start, since or 0), self.extent.end
        if end <= start:
            return
        for records in batches_to_end(self.connection, self.place.topic, [self.place.partition], NAME, start):
            kept = self._all(records)
            if kept[-1].offset >= end:
                if some := [one for one in kept if one.offset < end]:
                    yield some
                return
            yield kept

    def _all(self, records: list[Record]) -> list[Kept]:
        proofs = map(_has_proof, records) if self.proofs else repeat(True)
        places = [record.offset() for record in records]
        values = [record.value() for record in records]
        keys = [record.key() for record in records]
        links = map(link_of, records) if self.links else repeat(None)
        return list(map(_kept, zip(places, keys, values, proofs, links, strict=False)))


def _has_proof(record: Record) -> bool:
    try:
        return proof_among(headers_of(record)) is not None
    except (ContractError, UnreadableHeaders):
        return False


def link_of(record: Record) -> bytes | None:
    """A verdict's link of the chain, as octets; None: it has none."""
    return next((octets for name, octets in readable_headers(record) or () if name == HEADER), None)
