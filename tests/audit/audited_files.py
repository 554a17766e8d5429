"""An audit of a log in files, in a process of its own: prints the most memory that it had, in KB, and what is proved.

python -m tests.audit.audited_files FOLDER

What may wait in memory, and what RocksDB keeps there, is a small part of what it is in use: so it is full soon.
"""

import pickle
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sidestep.streams.audit import audit_partition, chain_beside, match_ledger, on_disk
from sidestep.streams.audit.audit_partition import PartitionAuditor, Span
from sidestep.streams.audit.kept import Chained, Kept, KeptLog, KeptPartition
from sidestep.streams.audit.pending import Pending
from sidestep.streams.runtime import store
from sidestep.topics.catalog import APPROVED, EVIDENCE, IDS_CHANGELOG, LEDGER_CHANGELOG, REJECTED, TALLIES
from tests.audit.world_log import PARTITIONS

SOME = 500


@dataclass(frozen=True)
class FileRecords:
    """Records in a file, some at a time."""

    path: Path

    def __iter__(self) -> Iterator[Kept]:
        for some in self.batches():
            yield from some

    def batches(self, since: int | None = None) -> Iterator[list[Kept]]:
        """As KeptPartition has it."""
        with self.path.open("rb") as file:
            while octets := file.read(4):
                some = [Kept(*one) for one in pickle.loads(file.read(int.from_bytes(octets)))]
                yield [one for one in some if since is None or one.offset >= since]


def write_records(path: Path, records: Sequence[Kept]) -> None:
    """As FileRecords reads them."""
    with path.open("wb") as file:
        for start in range(0, len(records), SOME):
            octets = pickle.dumps([tuple(one) for one in records[start : start + SOME]])
            file.write(len(octets).to_bytes(4) + octets)


def main(folder: Path) -> None:
    """Audit it."""
    audit_partition.BATCH, chain_beside.MOST = SOME, 10 * SOME
    store.WRITE_BUFFER, on_disk.CACHE_OCTETS = 128 * 1024, 512 * 1024
    for pending in (match_ledger.RowMatch.__init__, Pending.__init__):
        pending.__defaults__ = tuple(1_000 if type(one) is int else one for one in pending.__defaults__ or ())

    def kept(name: str, topic: str, partition: int = 0) -> KeptPartition:
        return KeptPartition(topic, partition, 0, 10**9, FileRecords(folder / name), 10**6)

    names = (EVIDENCE, APPROVED, REJECTED, LEDGER_CHANGELOG, IDS_CHANGELOG)
    evidence, approved, rejected, changelog, ids = (kept(topic.name, topic.name) for topic in names)
    tallies = [kept(f"{TALLIES.name}-{number}", TALLIES.name, number) for number in range(PARTITIONS)]
    log = KeptLog(evidence, approved, rejected, changelog, ids, tallies, Chained(evidence, approved, rejected))
    with tempfile.TemporaryDirectory() as rows, on_disk.stores(Path(rows)) as new_store:
        audit = PartitionAuditor(log, Span(), new_store).audit()
    print(_most_kilobytes(), audit.proved, audit.faults)


def _most_kilobytes() -> int:
    """Of this program alone: what getrusage says may be of the one that has started it."""
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
