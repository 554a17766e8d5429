"""The fold over a partition of the log once more, from its beginning or from a state. Pure: who calls it reads the log.

    replayer = Replayer(partition=3)
    for step in replayer.replay((record.offset(), record.value()) for record in records):
        for verdict in step.verdicts: …

Policy, lists, model, holds: all that the fold goes by stands in the log. So the verdicts are those that Decide made of
the same log, octet by octet when encoded, and so are tallies and rows.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice, pairwise
from operator import itemgetter
from typing import NamedTuple, TypeVar

from sidestep.schemas import Evidence, Tally, Verdict
from sidestep.schemas.codec import decode_evidence
from sidestep.streams.audit.folds import FOLDS, KINDS, Begun, Fold, Folds, known_fold
from sidestep.streams.audit.tables import ReplayTables
from sidestep.streams.decide.engine import ENGINE
from sidestep.streams.decide.state import State
from sidestep.streams.record_sizes import check_sizes
from sidestep.streams.runtime.changes import Changes, encoded
from sidestep.streams.runtime.readable import UNREADABLE, Unfoldable, check_stamps, folding, halves
from sidestep.streams.runtime.tables import Writes
from sidestep.topics.catalog import EVIDENCE

ModelT = TypeVar("ModelT")

BATCH = 2000
"""Records folded together, as a worker with a backlog does; how the log is cut makes no difference."""

LogRecord = tuple[int, bytes | None]
"""Offset and value of a record of the log."""


class Replayed(NamedTuple):
    """What the fold says of some records in a row."""

    records: Sequence[tuple[int, Evidence]]
    """Those that can be read, with their offsets; Decide makes dead letters of the others."""
    verdicts: list[Verdict]
    """In the log's order. `evidence` says of which record."""
    tallies: list[Tally]
    changes: Changes
    """Rows written, as octets: they stand in `Replayer.tables` once the next step is asked for."""
    last: int
    """Offset of the last record, readable or not."""
    read: int
    """Records, all of them."""


NOTHING = Replayed([], [], [], Changes(), -1, 0)


class Replayer:
    """Folds the log of one partition.

    `tables`: the state before `start`, the offset of the first record to fold; by default none, before the log's
    beginning. They are written to. `engine`: whose verdicts are to come out; where it changes in the log, `fold_by`.
    `folds`: those that there are. Raises UnknownEngine where this engine is none of them.
    """

    def __init__(
        self,
        partition: int,
        tables: ReplayTables | None = None,
        start: int = 0,
        engine: str = ENGINE,
        folds: Folds = FOLDS,
    ):
        self.partition = partition
        self._folds = folds
        self.tables = ReplayTables() if tables is None else tables
        self._next = start
        self.step = NOTHING
        """The one in hand."""
        self.fold_by([Begun(0, engine)])

    @property
    def next(self) -> int:
        """Offset behind the last record that is in."""
        return self._next

    @property
    def log_time_ms(self) -> int:
        """The partition's clock: the greatest stamp so far, milliseconds since 1970."""
        clock_ms: int = self._controls.clock_ms
        return clock_ms

    def fold_by(self, engines: Sequence[Begun]) -> None:
        """Go by the engine that has begun last at each record; the first one has folded what is before it as well.
        Raises UnknownEngine."""
        self._engines = [(begun.offset, known_fold(begun, self._folds)) for begun in engines]
        self._fold = self._fold_at(self._next)
        self._begin_anew()

    def replay(self, log: Iterable[LogRecord], batch: int = BATCH) -> Iterator[Replayed]:
        """Fold records in offset order, `batch` of them a step; those before `next` are passed over. Raises NoPolicy
        where an intent stands before any policy."""
        records = iter(log)
        yield from self.replay_lists(iter(lambda: list(islice(records, batch)), []))

    def replay_lists(self, log: Iterable[list[LogRecord]]) -> Iterator[Replayed]:
        """The same, where records come in lists: one of them a step."""
        begins = [offset for offset, _ in self._engines]
        for read in log:
            left = read if not read or read[0][0] >= self._next else [one for one in read if one[0] >= self._next]
            for some in split(left, begins) if left else ():
                if (fold := self._fold_at(some[0][0])) is not self._fold:
                    self._fold = fold  # begins with what the one before has left, as a worker that was upgraded
                    self._begin_anew()
                yield from self._steps(some)

    def before(self, offset: int) -> State:
        """The state just before a record of the step in hand, with the rows that it needs."""
        until = [record for record in self.step.records if record[0] <= offset]
        state = self._load(until, fresh=True)
        self._fold.decide([record for record in until if record[0] < offset], state, EVIDENCE.name, self.partition)
        return state

    def _fold_at(self, offset: int) -> Fold:
        return self._engines[max(bisect_right(self._engines, offset, key=itemgetter(0)) - 1, 0)][1]

    def _begin_anew(self) -> None:
        self._controls = self._fold.load_controls(self.tables.read, self.tables.rows)

    def _steps(self, some: list[LogRecord]) -> Iterator[Replayed]:
        """One step, or several where the fold fails for the sake of a record, as Decide does it: that one is passed
        over, with a step of its own."""
        waiting: list[Sequence[LogRecord]] = [some]
        while waiting:
            lot = list(waiting.pop())
            try:
                with folding():
                    step = self._fold_readable(lot)
            except Unfoldable:
                self._begin_anew()
                if len(lot) > 1:
                    waiting += reversed(halves(lot))
                    continue
                step = NOTHING._replace(last=lot[0][0], read=1)
            self.step = step
            yield step
            self.tables.apply(step.changes)
            self._next = step.last + 1

    def _fold_readable(self, some: list[LogRecord]) -> Replayed:
        fold = self._fold
        records = readable(some, decode_evidence)
        if fold.kinds is not KINDS:
            records = [record for record in records if type(record[1]) in fold.kinds]
        check_stamps([record.at for _, record in records])
        check_sizes([value for _, value in some])
        state = self._load(records)
        decided = fold.decide(records, state, EVIDENCE.name, self.partition)
        writes = Writes()
        writes.rows.update(state.writes())
        return Replayed(records, decided.verdicts, decided.tallies, encoded(writes), some[-1][0], len(some))

    def _load(self, records: Sequence[tuple[int, Evidence]], fresh: bool = False) -> State:
        tables = self.tables
        controls = self._fold.load_controls(tables.read, tables.rows) if fresh else self._controls
        state: State = self._fold.load(records, controls, tables.read, tables.between)
        return state


def split(some: list[LogRecord], begins: Sequence[int]) -> Iterator[list[LogRecord]]:
    """Records in a row, cut before these offsets."""
    first, last = some[0][0], some[-1][0]
    cuts = [bisect_left(some, begin, key=itemgetter(0)) for begin in begins if first < begin <= last]
    for start, stop in pairwise([0, *cuts, len(some)]):
        yield some[start:stop]


def readable(
    some: Sequence[LogRecord],
    decode: Callable[[bytes | None], ModelT],
) -> list[tuple[int, ModelT]]:
    """The records that can be read; others are dead letters."""
    try:
        return [(offset, decode(value)) for offset, value in some]
    except UNREADABLE:
        pass  # one of them: look for it
    records: list[tuple[int, ModelT]] = []
    for offset, value in some:
        try:
            records.append((offset, decode(value)))
        except UNREADABLE:
            continue
    return records
