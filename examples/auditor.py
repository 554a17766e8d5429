"""An auditor: makes every verdict once more from the log, and looks whether it stands in Kafka, octet by octet.

    python examples/auditor.py      # exit code 0: all is proved; 1: not all, each fault has a line; 2: it can't be told

It believes no worker and asks none: it reads three topics, writes nothing and joins no group. While workers are at work
their last verdicts may be missing yet: run it again then. A digest of each verdict of a partition is kept in memory,
some 300 octets. Run it with the version of Sidestep that the workers have: another engine may judge otherwise.

`sidestep audit` (docs/audit.md) does what this does not: it proves links, tallies and ledgers too, begins with a
snapshot where the log's beginning is gone or lies in another partition (`topics grow`), and knows older engines.
"""

import argparse
import hashlib
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from sidestep.schemas import Verdict
from sidestep.schemas.codec import ContractError, decode, encode
from sidestep.streams.audit import Replayer
from sidestep.topics import Access, Connection
from sidestep.topics.catalog import APPROVED, EVIDENCE, REJECTED
from sidestep.topics.received import octets_of

TOPICS = {"approved": APPROVED.name, "rejected": REJECTED.name}
"""Where a verdict stands, by its decision; in the partition that the log has for its domain."""
SILENT = 30.0
"""Seconds without an answer after which Kafka is taken to be away."""


class CannotTell(Exception):
    """Nothing can be proved, nor the contrary; the text says why."""


@dataclass
class Findings:
    """What was found of some partitions."""

    proved: int = 0
    faults: list[str] = field(default_factory=list)
    """One line each, which names the place in Kafka and no address."""


def main() -> int:
    """0: every verdict is proved."""
    options = argparse.ArgumentParser(description="Prove every verdict from the log.")
    options.add_argument(
        "--broker", help="instead of SIDESTEP_BROKER; how Kafka lets us in is said by SIDESTEP_SECURITY and its like"
    )
    options.add_argument("--partition", type=int, action="append", metavar="N", help="of the log; otherwise all")
    given = options.parse_args()
    kafka, found = Access.from_environment().at(given.broker).connect(), Findings()
    try:
        for partition in given.partition or partitions(kafka):
            prove(kafka, partition, found)
    except (CannotTell, KafkaException) as error:
        print(f"it can't be told: {error}")
        return 2
    print(*found.faults, f"proved={found.proved}/{found.proved + len(found.faults)}", sep="\n")
    return 1 if found.faults else 0


def prove(kafka: Connection, partition: int, found: Findings) -> None:
    """Folds a partition of the log, up to where it ends now, and compares each verdict with what stands there."""
    end = end_of_log(kafka, partition)
    standing = verdicts(kafka, partition)
    log = ((offset(record), octets_of(record.value())) for record in committed(kafka, EVIDENCE.name, partition))
    for step in Replayer(partition).replay(record for record in log if record[0] < end):
        for verdict in step.verdicts:
            follows = f"{EVIDENCE.name}/{partition}/{verdict.evidence.offset}"
            there = standing.pop(verdict.evidence.offset, [])
            proof = (TOPICS[verdict.decision], digest(encode(verdict)))
            same = [place for place, topic, its in there if (topic, its) == proof]
            others = [place for place, topic, its in there if (topic, its) != proof]
            found.proved += 1 if same else 0
            found.faults += [f"missing: nothing stands in {proof[0]} of {follows}"] if not there else []
            found.faults += [f"differs: {place} is not what follows from {follows}" for place in others]
            found.faults += [f"repeated: {place} stands there once before" for place in same[1:]]
    for at, there in sorted(standing.items()):
        if at < end:  # what is younger than the end of the log follows from what was not read
            found.faults += [f"extra: {place} follows from nothing in the log" for place, _, _ in there]


def verdicts(kafka: Connection, partition: int) -> dict[int, list[tuple[str, str, bytes]]]:
    """What stands there by the offset in the log that it says it follows from: place, topic and digest of each."""
    standing = defaultdict(list)
    for topic in TOPICS.values():
        for record in committed(kafka, topic, partition):
            place = f"{topic}/{partition}/{offset(record)}"
            try:
                at = decode(Verdict, octets_of(record.value())).evidence.offset
            except ContractError:
                at = -1  # no verdict at all, so it is among what follows from nothing
            standing[at].append((place, topic, digest(octets_of(record.value()) or b"")))
    return dict(standing)


def committed(kafka: Connection, topic: str, partition: int) -> Iterator[Message]:
    """All records of a partition up to its end; without what a worker that died has left half done."""
    consumer = reader(kafka)
    try:
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING)])
        while (record := consumer.poll(SILENT)) is not None:
            error = record.error()
            if error is None:
                yield record
            elif error.code() == KafkaError._PARTITION_EOF:
                return
            else:
                raise KafkaException(error)
        raise CannotTell(f"nothing came of {topic}/{partition} for {SILENT:g} s")
    finally:
        consumer.close()


def end_of_log(kafka: Connection, partition: int) -> int:
    """The offset behind the last record. Raises CannotTell where the first ones are gone: the others rest on them."""
    consumer = reader(kafka)
    try:
        first, end = consumer.get_watermark_offsets(TopicPartition(EVIDENCE.name, partition), timeout=SILENT)
    finally:
        consumer.close()
    if first > 0:
        raise CannotTell(f"{EVIDENCE.name}/{partition} begins at {first}: `sidestep audit` goes on from a snapshot")
    return end


def partitions(kafka: Connection) -> list[int]:
    """Of the log."""
    consumer = reader(kafka)
    try:
        return sorted(consumer.list_topics(EVIDENCE.name, timeout=SILENT).topics[EVIDENCE.name].partitions)
    finally:
        consumer.close()


def reader(kafka: Connection) -> Consumer:
    """A consumer that leaves no trace: the group's name is for rights alone, nobody joins it."""
    settings = {"group.id": "sidestep-reader-auditor", "enable.auto.commit": False, "enable.partition.eof": True}
    at_the_end = {"fetch.wait.max.ms": 20}  # the end of a partition is told at once
    return Consumer(kafka.librdkafka(**settings, **at_the_end, **{"isolation.level": "read_committed"}))


def offset(record: Message) -> int:
    """A record that has been read has one."""
    return record.offset() or 0


def digest(value: bytes) -> bytes:
    """Stands for the value: no two have the same."""
    return hashlib.sha256(value).digest()


if __name__ == "__main__":
    sys.exit(main())
