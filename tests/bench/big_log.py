"""A log of millions of records in the embedded broker, with all that `sidestep explain` looks at, for explained.py.

python -m tests.bench.big_log FOLDER [--records 10000000]

Each partition: a policy; history, whose rows and verdicts are written beside it, alike and unfolded, as the fold of ten
million records would take an hour; a snapshot of the ledger; and a tail that Decide's own fold has judged.
"""

import random
import secrets
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import click
from confluent_kafka import Producer
from msgspec.structs import replace
from rocksdict import Cache

from sidestep.schemas import Evidence, FeedbackEvidence, IntentEvidence, LogPosition, MxFinding, PolicyRecord, Verdict
from sidestep.schemas.codec import encode
from sidestep.streams.audit.on_disk import OnDisk
from sidestep.streams.audit.replay import Replayed, Replayer
from sidestep.streams.audit.tables import ReplayTables
from sidestep.streams.decide.engine import ENGINE
from sidestep.streams.decide.id_rows import IdRow
from sidestep.streams.decide.policy_file import SHIPPED
from sidestep.streams.decide.policy_text import version_of
from sidestep.streams.decide.tables import BOUNCE_HISTORY, IDS, RecipientRow
from sidestep.streams.local.embedded_kafka import EmbeddedKafka
from sidestep.streams.runtime.ledger import CLUSTER
from sidestep.streams.runtime.manifest import MARKER
from sidestep.streams.runtime.partitioner import partition_of
from sidestep.streams.runtime.recovery import POSITION
from sidestep.streams.runtime.tables import pack_pairs
from sidestep.streams.screen.keys import Keys
from sidestep.streams.snapshots.place import SnapshotPlace
from sidestep.streams.snapshots.take import SnapshotSource, hold, keep
from sidestep.topics import admin
from sidestep.topics.catalog import APPROVED, EVIDENCE, IDS_CHANGELOG, LEDGER_CHANGELOG, REJECTED
from sidestep.topics.connection import Connection
from sidestep.topics.stretch import topic_of

PARTITIONS = 4
DAYS = 14
"""All ids are still in the ledger's window: the worst case."""
FIRST, TAIL, BATCH = 400, 50_000, 500
MAILBOXES, DOMAINS = 500_000, 3_000
"""Of each partition."""
HASH_KEY, SNAPSHOTS, KAFKA = "hash-key", "snapshots", "kafka"
SERVICES = ("shop", "billing", "newsletter", "crm")
HOSTS = ("mx1.hoster.example", "mx.google.com", "mx.other.example")


class PartitionWork(NamedTuple):
    """What one process builds."""

    broker: str
    folder: Path
    partition: int
    records: int
    now_ms: int
    secret: bytes


class Traffic:
    """The records of a partition: some 85 of 100 are messages."""

    def __init__(self, work: PartitionWork):
        self._keys, self._chance = Keys(work.secret), random.Random(work.partition)
        self.partition, self._start = work.partition, work.now_ms - DAYS * 86_400_000
        self._step = DAYS * 86_400_000 / work.records
        names = (f"d{number}.example" for number in range(20 * DOMAINS))
        self._domains = [name for name in names if partition_of(name, PARTITIONS) == work.partition][:DOMAINS]

    def policy(self) -> PolicyRecord:
        """The first record."""
        text = SHIPPED.read_text("utf-8")
        return PolicyRecord(version=version_of(text), text=text, at=self._start, partitions=PARTITIONS)

    def address(self, mailbox: int) -> tuple[str, str]:
        """With its domain; the first domains have more mailboxes."""
        domain = self._domains[int(DOMAINS * (mailbox / MAILBOXES) ** 2)]
        return f"user{mailbox}@{domain}", domain

    def recipient(self, mailbox: int) -> bytes:
        """Its key."""
        return self._keys.recipient(self.address(mailbox)[0])

    def record(self, number: int) -> IntentEvidence | FeedbackEvidence:
        """The record at this offset."""
        chance, at = self._chance, self._start + int(number * self._step)
        to, domain = self.address(chance.randrange(MAILBOXES))
        key, service = self._keys.recipient(to), SERVICES[number % 4]
        if number % 7 == 0:
            return FeedbackEvidence(
                event="delivered",
                at=at,
                domain=domain,
                event_key=self._keys.event(str(number), str(self.partition)),
                recipient_key=key,
                service=service,
                tied="token",
                tied_at=at // 86_400_000 * 86_400_000,
                occurred_at=at,
                origin=f"email-bounces/{self.partition}/{number}",
            )
        id = f"mail-{self.partition}-{number}"
        id_key, metadata = self._keys.intent(service, id), {"template": "order", "number": number}
        host = HOSTS[chance.randrange(3)]
        return IntentEvidence(
            id=id,
            service=service,
            to=to,
            at=at,
            domain=domain,
            id_key=id_key,
            content_key=self._keys.content(id_key, to, "transactional", "may", "form", metadata),
            recipient_key=key,
            mx=MxFinding("yes", "mx", at, 300, (host,)),
            stream="transactional",
            campaign="may",
            source="form",
            origin=f"email-intents/{self.partition}/{number}",
            metadata=metadata,
            token=f"{number:030x}",
        )


class BuiltLedger:
    """As a worker's, as far as a snapshot needs it."""

    def __init__(self, folder: Path, partition: int, cluster: str):
        self.partition, self.cluster, self.marker = partition, cluster, -1
        cache = Cache(64 << 20)
        self.rows, self.window = OnDisk(folder / "rows", cache), OnDisk(folder / "window", cache, timed=True)
        self.replayer = Replayer(partition, ReplayTables(self.rows, self.window))
        self.changelogs = {"rows": -1, "window": -1}
        """Offsets of the last records."""

    def checkpoint(self, folder: Path) -> dict[str, int]:
        """As HeldLedger has it."""
        for name, store in (("rows", self.rows), ("window", self.window)):
            own = {CLUSTER: self.cluster.encode(), POSITION: b"%d" % self.changelogs[name]}
            store.put((own | ({MARKER: b"%d" % self.marker} if name == "rows" else {})).items())
            store.checkpoint(folder / name)
        return dict(self.changelogs)


class Building:
    """One partition."""

    def __init__(self, work: PartitionWork):
        self._work, self._traffic = work, Traffic(work)
        connection = Connection(work.broker)
        self._producer = Producer(
            connection.librdkafka()
            | {"compression.type": "lz4", "linger.ms": 50, "queue.buffering.max.messages": 400_000}
        )
        cluster = topic_of(connection, EVIDENCE.name).cluster
        self._ledger = BuiltLedger(work.folder / f"ledger-{work.partition}", work.partition, cluster)

    def build(self) -> None:
        """All of it."""
        work, tail = self._work, self._work.records - TAIL
        template = self._folded(enumerate([self._traffic.policy(), *map(self._traffic.record, range(1, FIRST))]))
        assert template is not None
        self._write_mailboxes()
        self._write_history(range(FIRST, tail - FIRST), template)
        self._folded((number, self._traffic.record(number)) for number in range(tail - FIRST, tail))  # sets the clock
        self._snapshot(tail - 1)
        self._folded((number, self._traffic.record(number)) for number in range(tail, work.records))
        self._producer.flush(120)

    def _folded(self, records: Iterator[tuple[int, Evidence]] | Any) -> Verdict | None:
        """Fold records, and write all that comes of it; a verdict that lets a message pass."""
        found: Verdict | None = None

        def written() -> Iterator[tuple[int, bytes]]:
            for number, record in records:
                value = encode(record)
                self._put(EVIDENCE.name, value, b"k")
                yield number, value

        for step in self._ledger.replayer.replay(written(), BATCH):
            self._put_step(step)
            found = next((verdict for verdict in step.verdicts if verdict.action == "send"), found)
        return found

    def _put_step(self, step: Replayed) -> None:
        for verdict in step.verdicts:
            topic = APPROVED if verdict.action == "send" else REJECTED
            self._put(topic.name, encode(verdict), verdict.id.encode())
        for key, value in step.changes.rows:
            self._put(LEDGER_CHANGELOG.name, value, key)
            self._ledger.changelogs["rows"] += 1
        self._put_ids(step.changes.window)

    def _write_mailboxes(self) -> None:
        start, rows = self._work.now_ms // 1000 - DAYS * 86_400, list[tuple[bytes, bytes]]()
        for mailbox in range(MAILBOXES):
            row = RecipientRow(first_seen=start, last_approved=start, service="shop")
            rows.append((BOUNCE_HISTORY.prefix + self._traffic.recipient(mailbox), BOUNCE_HISTORY.encode(row)))
            self._put(LEDGER_CHANGELOG.name, rows[-1][1], rows[-1][0])
        self._ledger.rows.put(rows)
        self._ledger.changelogs["rows"] += len(rows)

    def _write_history(self, numbers: range, template: Verdict) -> None:
        rows = list[tuple[bytes, bytes]]()
        for number in numbers:
            record = self._traffic.record(number)
            self._put(EVIDENCE.name, encode(record), b"k")
            if isinstance(record, IntentEvidence):
                position = LogPosition(EVIDENCE.name, self._work.partition, number)
                verdict = replace(
                    template, id=record.id, to=record.to, service=record.service, decided_at=record.at / 1000,
                    evidence=position, metadata=record.metadata, token=record.token,
                )  # fmt: skip
                self._put(APPROVED.name, encode(verdict), record.id.encode())
                row = IDS.encode(IdRow(record.at // 1000, record.content_key))
                rows.append((IDS.prefix + record.id_key, row))
            if len(rows) >= BATCH:
                self._ledger.window.put(rows)
                self._put_ids(rows)
                rows = []
            if number % 200_000 == 0:
                print(f"partition {self._work.partition}: {number:,}", flush=True)
        self._ledger.window.put(rows)
        self._put_ids(rows)

    def _put_ids(self, rows: Any) -> None:
        if rows:
            self._put(IDS_CHANGELOG.name, pack_pairs(rows), None)
            self._ledger.changelogs["window"] += 1

    def _snapshot(self, marker: int) -> None:
        self._producer.flush(120)
        ledger, folder = self._ledger, self._work.folder / f"held-{self._work.partition}"
        ledger.marker = marker
        source = SnapshotSource("sidestep", "decide", EVIDENCE.name, ENGINE, {"window": 15 * 86_400})
        held = hold(ledger, folder, lambda one: one.replayer.log_time_ms)
        manifest = keep(held, source, SnapshotPlace(str(self._work.folder / SNAPSHOTS)))
        print(f"partition {self._work.partition}: snapshot at {marker:,}, {manifest.octets:,} octets", flush=True)

    def _put(self, topic: str, value: bytes | None, key: bytes | None) -> None:
        while True:
            try:
                self._producer.produce(topic, value=value, key=key, partition=self._work.partition)
                self._producer.poll(0)
                return
            except BufferError:
                self._producer.poll(0.1)


def build_partition(work: PartitionWork) -> None:
    """In a process of its own."""
    Building(work).build()


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--records", type=click.IntRange(4 * 2 * TAIL), default=10_000_000, show_default=True)
@click.option("--processes", type=click.IntRange(1), default=2, show_default=True)
def main(folder: Path, records: int, processes: int) -> None:
    """Build one in a folder that is not there yet; some 3 GB."""
    folder.mkdir(mode=0o700, parents=True)
    secret, now_ms, began = secrets.token_bytes(32), int(time.time() * 1000), time.monotonic()
    (folder / HASH_KEY).touch(0o600)
    (folder / HASH_KEY).write_text(secret.hex())
    with EmbeddedKafka(folder / KAFKA, heap="1g") as kafka:
        admin.create(kafka.connection)
        works = [
            PartitionWork(kafka.address, folder, number, records // PARTITIONS, now_ms, secret)
            for number in range(PARTITIONS)
        ]
        with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
            list(pool.map(build_partition, works))
    print(f"{records:,} records in {time.monotonic() - began:,.0f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
