"""The folds that this version has, by their engines, and which of them folded which stretch of a log. Pure.

Decide notes in its ledger with which record an engine begins (table `engines`), in the transaction of that record's
batch: an upgrade lies between two batches. So who folds the log again knows to the record which fold to take, also
where verdicts do not tell, as feedback has none.

A released engine that is not the present one any more stays as a room of its own beside streams/decide
(`python .ci/keep_engine.py`), and has its line in FOLDS. docs/decisions/063 says how a fold changes.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, get_args

import msgspec

from sidestep.schemas import Evidence
from sidestep.streams.audit.key_values import KeyValues
from sidestep.streams.audit.standing import StandingRow
from sidestep.streams.decide import batch
from sidestep.streams.decide.engine import ENGINE
from sidestep.streams.decide.tables import ENGINES, TABLES
from sidestep.streams.errors import UnknownEngine
from sidestep.streams.runtime.tables import Table

KINDS: frozenset[type] = frozenset(get_args(Evidence))


class Decide(Protocol):
    """Folds records into a state: `decide` of decide/batch.py, or one of former times."""

    def __call__(self, records: batch.Records, state: Any, topic: str, partition: int) -> batch.Decided:
        """Verdicts and tallies. Raises NoPolicy."""


@dataclass(frozen=True)
class Fold:
    """One fold: what a worker with this engine does with a batch of the log.

    It reads the rows that the fold before it has left: whatever has to be done to them in an upgrade is done as it
    loads them, and is a part of it.
    """

    engine: str
    load_controls: Callable[[batch.Read, batch.Scan], Any]
    load: Callable[..., Any]
    decide: Decide
    tables: Sequence[Table[Any]]
    kinds: frozenset[type] = KINDS
    """Records of the log that it knows; it makes dead letters of others."""

    @classmethod
    def of(cls, room: Any, tables: Sequence[Table[Any]], kinds: frozenset[type] = KINDS) -> "Fold":
        """The fold whose `batch` is this module."""
        return cls(room.ENGINE, room.load_controls, room.load, room.decide, tables, kinds)


Folds = Mapping[str, Fold]
"""By engine."""

FOLDS: Folds = {fold.engine: fold for fold in (Fold.of(batch, TABLES),)}


class Begun(NamedTuple):
    """From this offset on an engine has folded the log."""

    offset: int
    engine: str
    where: str = "the log"
    """What says so, for errors."""


def known_fold(begun: Begun, folds: Folds) -> Fold:
    """Raises UnknownEngine where this version does not have it."""
    if (fold := folds.get(begun.engine)) is None:
        raise UnknownEngine(
            f"{begun.where} was judged by engine {begun.engine or 'without a number'}, this version folds by engine "
            f"{', '.join(folds)}: use the version of Sidestep that wrote it"
        )
    return fold


def engines_kept(values: KeyValues, place: Callable[[int], str]) -> list[Begun]:
    """What the ledger says, out of the rows of its changelog as they were put by; in the log's order. `place`: of a
    record of the changelog."""
    found = []
    for key, octets in values.items(ENGINES.prefix):
        row = StandingRow.unpacked(octets)
        try:
            engine = ENGINES.decode(row.value or b"").engine
        except msgspec.MsgspecError:
            continue  # the rows differ, and are compared in the end
        found.append(Begun(int.from_bytes(key[1:], "big"), engine, f"by {place(row.offset)}, the log"))
    return found


def stretches(rows: Iterable[Begun], verdicts: Sequence[Begun], folds: Folds) -> list[Begun]:
    """Who has folded what, from the log's beginning on. `verdicts`: what the first ones of both topics say; they count
    where no row does: for what versions folded that wrote no such rows. Raises UnknownEngine."""
    begun = list(rows)
    early = [each for each in sorted(verdicts) if not begun or each.offset < begun[0].offset]
    if early:
        known = [each for each in early if each.engine in folds]  # one alone that names another was changed
        begun.insert(0, (known or early)[0]._replace(offset=0))
    for each in begun:
        known_fold(each, folds)
    return begun or [Begun(0, ENGINE)]
