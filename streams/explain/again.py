"""One verdict's intent judged once more, in a log that is folded up to it. Pure: who calls it reads the log."""

from collections.abc import Iterable
from typing import NamedTuple

from sidestep.schemas import IntentEvidence, Verdict
from sidestep.schemas.codec import encode
from sidestep.streams.audit.findings import first_difference
from sidestep.streams.audit.replay import LogRecord, Replayer
from sidestep.streams.audit.tables import ReplayTables
from sidestep.streams.decide.engine import ENGINE
from sidestep.streams.errors import UnknownEngine
from sidestep.streams.explain.witness import Witnessed, witness


class Again(NamedTuple):
    """What judging again came to."""

    seen: Witnessed | None
    unseen: str
    """Why it could not be done."""
    difference: str = ""
    """Between what stands in Kafka and what the fold says; empty: none."""
    began: int = 0
    folded: int = 0


def judged_again(verdict: Verdict, value: bytes, tables: ReplayTables, start: int, log: Iterable[LogRecord]) -> Again:
    """`value`: the verdict as it stands. `tables`: the state before offset `start`; they are written to. `log`: from
    there on, to the verdict's evidence. Raises UnknownEngine, NoPolicy."""
    if verdict.versions.engine != ENGINE:  # another one has other rules than those that are told of here
        raise UnknownEngine(
            f"this verdict was judged by engine {verdict.versions.engine or 'without a number'}, this version tells of "
            f"engine {ENGINE}: explain it with the version of Sidestep that wrote it"
        )
    position, folded = verdict.evidence, 0
    replayer = Replayer(position.partition, tables, start)
    for step in replayer.replay(log):
        folded += step.read
        for offset, record in step.records:
            if offset == position.offset and isinstance(record, IntentEvidence):
                seen = witness(replayer.before(offset), record, position)
                return Again(seen, "", _difference(seen.verdict, value), start, folded)
    return Again(None, "the record of the log that it names is not there, or is no intent", "", start, folded)


def _difference(verdict: Verdict | None, value: bytes) -> str:
    if verdict is None:
        return "the fold says nothing of this intent: its id was known already"
    said = encode(verdict)
    return "" if said == value else first_difference(said, value)
