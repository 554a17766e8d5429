"""Control records, which stand in every partition of the log: policy, lists, model, and holds. Pure: they change only
the state that they are given.
"""

from sidestep.schemas import HoldRecord, ListsRecord, ModelRecord, PolicyRecord, SourceHoldRecord
from sidestep.streams.decide.controls import Controls
from sidestep.streams.decide.keys import source_key
from sidestep.streams.decide.model import read_snapshot
from sidestep.streams.decide.partition_rows import ControlRow
from sidestep.streams.decide.policy_text import parse_logged
from sidestep.streams.decide.sources import release
from sidestep.streams.decide.state import State
from sidestep.streams.decide.tables import HoldRow
from sidestep.streams.errors import PolicyError

WATCH = "watch"
"""Who says so, of a hold that no person has asked for."""


def fold_control(
    state: State, record: PolicyRecord | ListsRecord | ModelRecord | HoldRecord | SourceHoldRecord
) -> None:
    """Takes a control record into the state."""
    controls: Controls = state.controls
    if isinstance(record, HoldRecord | SourceHoldRecord):
        key = record.service.encode()
        if isinstance(record, SourceHoldRecord):
            key = source_key(record.service, record.source)
        known_hold = controls.holds.get(key)
        if record.by == WATCH and known_hold is not None and known_hold.until_ms > record.until:
            return  # what a person has said for longer
        controls.holds[key] = state.written_holds[key] = HoldRow(record.until, record.reason, record.by == WATCH)
        if isinstance(record, SourceHoldRecord) and lifts(record):
            release(state, key, controls.policy, controls.clock_ms // 1000)
        return
    name = {PolicyRecord: b"policy", ListsRecord: b"lists", ModelRecord: b"model"}[type(record)]
    text = record.text if isinstance(record, PolicyRecord) else ""
    if isinstance(record, ModelRecord):
        text = record.snapshot
    known = controls.rows.get(name)
    partitions = record.partitions if isinstance(record, PolicyRecord) else 1
    if known is None or known.version != record.version or known.partitions != partitions:
        if not _usable(record):
            return  # who writes it has checked it before: whatever this is, what is in force stays
        controls.rows[name] = state.written_control[name] = ControlRow(record.version, text, partitions)
        controls.refresh()
    if isinstance(record, PolicyRecord):
        state.announced.append(record)


def lifts(record: SourceHoldRecord) -> bool:
    """Whether a person ends what the source is held for."""
    return not record.until and record.by != WATCH


def _usable(record: PolicyRecord | ListsRecord | ModelRecord) -> bool:
    if isinstance(record, ModelRecord):
        return not record.snapshot or read_snapshot(record.snapshot) is not None
    if isinstance(record, ListsRecord):
        return True
    try:
        parse_logged(record.text)
    except PolicyError:
        return False
    return True
