"""A world of tests/decide with all that its judge writes, as Kafka would keep it: copies that tests spoil."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from sidestep.schemas import Evidence
from sidestep.streams.audit.audit_partition import PartitionAuditor, Span
from sidestep.streams.audit.findings import PartitionAudit
from sidestep.streams.audit.kept import Chained, Kept, KeptLog, KeptPartition
from sidestep.streams.decide.judge import Judge
from sidestep.streams.runtime.changes import encoded
from sidestep.streams.runtime.manifest import MARKER
from sidestep.streams.runtime.outgoing import Outgoing
from sidestep.streams.runtime.tables import Writes, pack_pairs
from sidestep.topics.catalog import APPROVED, EVIDENCE, IDS_CHANGELOG, LEDGER_CHANGELOG, REJECTED, TALLIES
from tests.decide.memory_ledger import MemoryLedger
from tests.decide.world import World

PARTITIONS = 4
"""Of email-tallies."""


class ChangelogLedger(MemoryLedger):
    """One that keeps what it would write to its changelogs."""

    def __init__(self) -> None:
        super().__init__()
        self.changelog: list[tuple[bytes, bytes | None]] = []
        self.ids: list[bytes] = []
        self.tallies: dict[int, list[bytes]] = {number: [] for number in range(PARTITIONS)}

    def commit(self, outgoing: Outgoing, writes: Writes, marker: int) -> float:
        """As Ledger.commit has it."""
        changes = encoded(writes)
        self.changelog += [*changes.rows, (MARKER, b"%d" % marker)]
        self.ids += [pack_pairs(changes.window)] if changes.window else []
        for (topic, partition), records in outgoing.batches.items():
            if topic == TALLIES.name:
                self.tallies[partition] += [record["value"] or b"" for record in records]
        return super().commit(outgoing, writes, marker)


def audited_world() -> World:
    """An empty log, and a judge whose ledger keeps all."""
    world = World(None)
    world.ledger = ChangelogLedger()
    world.judge = Judge(world.ledger, PARTITIONS)
    return world


def judge_in_batches(world: World, records: Sequence[Evidence | bytes | None], size: int) -> None:
    """Append records and judge so many of them at a time."""
    for start in range(0, len(records), size):
        world.append(*records[start : start + size])


Spoil = Callable[[list[Kept]], list[Kept]]


@dataclass
class Copy:
    """What Kafka keeps of a world, as lists by topic: `email-tallies` has the partition behind a slash."""

    topics: dict[str, list[Kept]] = field(default_factory=dict)
    starts: dict[str, int] = field(default_factory=dict)
    sure: dict[str, int] = field(default_factory=dict)

    def spoil(self, topic: str, how: Spoil) -> "Copy":
        """A copy in which one topic is another."""
        return replace(self, topics={**self.topics, topic: how(list(self.topics[topic]))})

    def forget(self, topic: str, before: int) -> "Copy":
        """A copy from which retention has taken what is before an offset."""
        kept = [record for record in self.topics[topic] if record.offset >= before]
        return replace(self, topics={**self.topics, topic: kept}, starts={**self.starts, topic: before})

    def log(self, chained: bool = False) -> KeptLog:
        """As the audit takes it; with its chain, or without."""
        tallies = [self._partition(f"{TALLIES.name}/{number}", number) for number in range(PARTITIONS)]
        names = (EVIDENCE, APPROVED, REJECTED, LEDGER_CHANGELOG, IDS_CHANGELOG)
        evidence, approved, rejected, changelog, ids = (self._partition(topic.name) for topic in names)
        links = Chained(evidence, approved, rejected) if chained else None
        return KeptLog(evidence, approved, rejected, changelog, ids, tallies, links)

    def audit(self, span: Span = Span(), chained: bool = False) -> PartitionAudit:
        """What an audit finds, by the fold alone or by the chain as well."""
        return PartitionAuditor(self.log(chained), span).audit()

    def _partition(self, topic: str, partition: int = 0) -> KeptPartition:
        sure = self.sure.get(topic, 1_000_000)
        return KeptPartition(topic.split("/")[0], partition, self.starts.get(topic, 0), sure, self.topics[topic])


def copy_of(world: World) -> Copy:
    """All that its judge has written. Offsets have holes, as ends of transactions leave them in Kafka."""
    ledger = world.ledger
    assert isinstance(ledger, ChangelogLedger)
    copy = Copy()
    copy.topics[EVIDENCE.name] = [Kept(record.offset(), b"key", record.value()) for record in world.log]
    for topic in (APPROVED.name, REJECTED.name):
        values = ledger.outputs.get(topic, [])
        keys = [key for _, key in ledger.keys_of(topic)]
        copy.topics[topic] = [
            Kept(3 * number, str(key).encode(), value, link=ledger.links.get((topic, number)))
            for number, (key, value) in enumerate(zip(keys, values, strict=True))
        ]
    copy.topics[LEDGER_CHANGELOG.name] = [Kept(number, *row) for number, row in enumerate(ledger.changelog)]
    copy.topics[IDS_CHANGELOG.name] = [Kept(number, None, value) for number, value in enumerate(ledger.ids)]
    for number, values in ledger.tallies.items():
        copy.topics[f"{TALLIES.name}/{number}"] = [Kept(at, b"", value) for at, value in enumerate(values)]
    return copy
