"""The fold over a partition of the log once more, from its beginning or from a state. Pure: who calls it reads the log.

    replayer = Replayer(partition=3)
    for step in replayer.replay((record.offset(), record.value()) for record in records):
        for verdict in step.verdicts: …

Policy, lists, model, holds: all that the fold goes by stands in the log. So the verdicts are those that Decide made of
the same log, octet by octet when encoded, and so are tallies and rows.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from sidestep.schemas import Evidence, Tally, Verdict
from sidestep.schemas.codec import decode_evidence
from sidestep.streams.audit.tables import ReplayTables
from sidestep.streams.decide.batch import decide, load, load_controls
from sidestep.streams.decide.engine import ENGINE
from sidestep.streams.decide.state import State
from sidestep.streams.errors import UnknownEngine
from sidestep.streams.runtime.changes import Changes, encoded
from sidestep.streams.runtime.readable import UNREADABLE, check_stamps, within
from sidestep.streams.runtime.tables import Writes
from sidestep.topics.catalog import EVIDENCE

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
    beginning. They are written to. `engine`: whose verdicts are to come out. Raises UnknownEngine where this version
    folds otherwise.
    """

    def __init__(self, partition: int, tables: ReplayTables | None = None, start: int = 0, engine: str = ENGINE):
        require_engine(engine)
        self.partition = partition
        self.tables = ReplayTables() if tables is None else tables
        self._next = start
        self.step = NOTHING
        """The one in hand."""
        self._begin_anew()

    @property
    def next(self) -> int:
        """Offset behind the last record that is in."""
        return self._next

    @property
    def log_time_ms(self) -> int:
        """The partition's clock: the greatest stamp so far, milliseconds since 1970."""
        return self._controls.clock_ms

    def replay(self, log: Iterable[LogRecord], batch: int = BATCH) -> Iterator[Replayed]:
        """Fold records in offset order, `batch` of them a step; those before `next` are passed over. Raises NoPolicy
        where an intent stands before any policy."""
        records = (record for record in log if record[0] >= self._next)
        while some := list(islice(records, batch)):
            step = self._fold(some)
            self.step = step
            yield step
            self.tables.apply(step.changes)
            self._next = step.last + 1

    def before(self, offset: int) -> State:
        """The state just before a record of the step in hand, with the rows that it needs."""
        until = [record for record in self.step.records if record[0] <= offset]
        state = self._load(until, fresh=True)
        decide([record for record in until if record[0] < offset], state, EVIDENCE.name, self.partition)
        return state

    def _begin_anew(self) -> None:
        self._controls = load_controls(self.tables.read, self.tables.rows)

    def _fold(self, some: list[LogRecord]) -> Replayed:
        try:
            return self._fold_readable(some, closely=False)
        except OverflowError:  # a number that no row can keep; Decide begins the batch anew as well, and looks closely
            self._begin_anew()
            return self._fold_readable(some, closely=True)

    def _fold_readable(self, some: list[LogRecord], closely: bool) -> Replayed:
        records = readable(some, closely)
        check_stamps([record.at for _, record in records])
        state = self._load(records)
        decided = decide(records, state, EVIDENCE.name, self.partition)
        writes = Writes()
        writes.rows.update(state.writes())
        return Replayed(records, decided.verdicts, decided.tallies, encoded(writes), some[-1][0], len(some))

    def _load(self, records: Sequence[tuple[int, Evidence]], fresh: bool = False) -> State:
        tables = self.tables
        controls = load_controls(tables.read, tables.rows) if fresh else self._controls
        return load(records, controls, tables.read, tables.between)


def require_engine(engine: str, where: str = "the log") -> None:
    """Raises UnknownEngine where this version's fold is another one. `where`: what was judged by it."""
    if engine != ENGINE:
        raise UnknownEngine(
            f"{where} was judged by engine {engine or 'without a number'}, this version folds by engine {ENGINE}: "
            "use the version of Sidestep that wrote it"
        )


def readable(some: list[LogRecord], closely: bool) -> list[tuple[int, Evidence]]:
    """The records that Decide folds; the others are dead letters. `closely`: without numbers that no row can keep."""
    if not closely:
        try:
            return [(offset, decode_evidence(value)) for offset, value in some]
        except UNREADABLE:
            pass  # one of them: look for it
    records: list[tuple[int, Evidence]] = []
    for offset, value in some:
        try:
            record = decode_evidence(value)
            records.append((offset, within(record) if closely else record))
        except UNREADABLE:
            continue
    return records
