"""One partition's watcher: a batch of tallies in, one transaction out. Blocks; the stage calls it from a thread."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sidestep.schemas import HoldRecord, ModelRecord, SourceHoldRecord
from sidestep.schemas.codec import decode_tally, encode
from sidestep.schemas.controls import Control
from sidestep.streams.runtime.judging import PartitionLedger, Unread, fold_and_commit
from sidestep.streams.runtime.outgoing import Keyed, Outgoing, Single
from sidestep.streams.runtime.partitioner import partition_of
from sidestep.streams.runtime.readable import MOST, check_stamps, folding
from sidestep.streams.runtime.record import Record
from sidestep.streams.runtime.tables import Writes
from sidestep.streams.watch.batch import Watched, due, watch
from sidestep.streams.watch.budgets import BudgetStanding, standings
from sidestep.streams.watch.pace import speeds
from sidestep.streams.watch.pace_rules import load_pace_rules
from sidestep.streams.watch.state import WatchState
from sidestep.streams.watch.thresholds import Thresholds
from sidestep.topics.catalog import ANOMALIES, CONTROL, DEAD_LETTERS, EVIDENCE

Note = Callable[[HoldRecord | SourceHoldRecord, int], tuple[str, bytes | None]]
"""Key and value for email-control, of a hold and the number of partitions that it is written to."""


def kind_of(record: Control) -> str:
    """Key of a control record in the log: what its `kind` says."""
    return str(record.__struct_config__.tag)


@dataclass
class WatchedBatch:
    """What became of a batch."""

    records: int = 0
    seconds: float = 0.0
    transaction_seconds: float = 0.0
    windows: Counter[str] = field(default_factory=Counter)
    """That have ended: of a service, or of all."""
    late: int = 0
    """Tallies of windows that had ended already."""
    anomalies: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By (pattern, state)."""
    controls: Counter[str] = field(default_factory=Counter)
    """By kind."""
    dead_letters: int = 0
    """Of records that can't be read."""
    unfoldable: int = 0
    """Dead letters of records for whose sake the fold fails."""


class Watcher:
    """Folds the tallies of one partition into its ledger.

    `partitions`: of each topic that it writes to. `note` makes what email-control keeps of a hold.
    """

    def __init__(self, ledger: PartitionLedger, partitions: Mapping[str, int], rules: Thresholds, note: Note):
        self._ledger = ledger
        self._partitions = partitions
        self._rules = rules
        self._note = note
        self._unread = Unread("not-a-tally", DEAD_LETTERS.name, ledger.partition % partitions[DEAD_LETTERS.name])
        self._begin_anew()

    def judge(self, records: list[Record]) -> WatchedBatch:
        """Fold what is new of `records` (Kafka messages, in offset order) and commit it. Raises SidestepError."""
        return fold_and_commit(self._ledger, records, self._fold, self._begin_anew) or WatchedBatch()

    def _begin_anew(self) -> None:
        self._state = WatchState(self._ledger.rows)
        self._look()

    def _look(self) -> None:
        self.due = due(self._state, self._rules)
        """The second from which on a tally would end something that is open."""
        self.open = Counter((row.pattern, row.severity) for row in self._state.incidents.by_key.values())
        """Incidents by pattern and severity."""
        self.budgets: Mapping[str, BudgetStanding] = standings(self._state, self._rules)
        """By their name; of all services together, where their tallies come to this partition."""
        self.speeds: Mapping[str, float] = speeds(self._state, load_pace_rules())
        """By MX provider, likewise: the share of what it got that is left, 1 where it has not slowed us down."""

    def _fold(self, records: list[Record], error: BaseException | None) -> WatchedBatch:
        began = time.monotonic()
        with folding():
            tallies, dead = (
                self._unread.split(records, decode_tally)
                if error is None
                else ([], self._unread.refused(records, error))
            )
            check_stamps([tally.second for _, tally in tallies], MOST // 1000)
            watched = watch(tallies, self._state, self._rules, self._partitions[EVIDENCE.name])
            writes = Writes()
            writes.rows.update(self._state.writes())
            outgoing = self._outgoing(watched, dead)
        took = self._ledger.commit(outgoing, writes, records[-1].offset())
        self._look()
        return WatchedBatch(
            records=len(records),
            seconds=time.monotonic() - began,
            transaction_seconds=took,
            windows=watched.windows,
            late=watched.late,
            anomalies=watched.patterns,
            controls=Counter(kind_of(directed.record) for directed in watched.controls),
            dead_letters=len(dead) if error is None else 0,
            unfoldable=len(dead) if error is not None else 0,
        )

    def _outgoing(self, watched: Watched, dead: list[Single]) -> Outgoing:
        """An anomaly lies in the partition of its service, or of the provider that it is about."""
        batches: dict[tuple[str, int], list[Keyed]] = defaultdict(list)
        for anomaly in watched.anomalies:
            place = (ANOMALIES.name, partition_of(anomaly.name, self._partitions[ANOMALIES.name]))
            batches[place].append({"key": anomaly.name, "value": encode(anomaly)})
        everywhere = range(self._partitions[EVIDENCE.name])
        for directed in watched.controls:
            record = directed.record
            value: Keyed = {"key": kind_of(record), "value": encode(record)}
            for partition in everywhere if directed.partition is None else (directed.partition,):
                batches[EVIDENCE.name, partition].append(value)
            if isinstance(record, HoldRecord | SourceHoldRecord):
                key, kept = self._note(record, len(everywhere))
                batches[CONTROL.name, 0].append({"key": key, "value": kept})
            elif isinstance(record, ModelRecord):  # for who looks at it: sidestep model show
                batches[CONTROL.name, 0].append(value)
        return Outgoing(batches, dead)
