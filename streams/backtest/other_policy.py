"""Another policy in the place of those that stand in a log, and in a state. Pure."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from msgspec.structs import replace

from sidestep.schemas import PolicyRecord
from sidestep.schemas.codec import decode_evidence, encode
from sidestep.streams.audit.key_values import KeyValues
from sidestep.streams.audit.replay import LogRecord
from sidestep.streams.audit.tables import ReplayTables
from sidestep.streams.decide.partition_rows import ControlRow
from sidestep.streams.decide.policy import Policy
from sidestep.streams.decide.policy_diff import differences
from sidestep.streams.decide.policy_text import parse_logged
from sidestep.streams.decide.tables import CONTROL
from sidestep.streams.runtime.changes import encoded
from sidestep.streams.runtime.readable import UNREADABLE
from sidestep.streams.runtime.tables import Writes

COPIES = ("other-rows", "other-window")
"""Stores of a copy's tables: keyed ones, and windowed ones."""
COPIED_AT_ONCE = 10_000
_POLICY = b"policy"

NewStore = Callable[[str], KeyValues]
"""A name -> an empty store."""


def with_policy(log: Iterable[LogRecord], policy: Policy, text: str) -> Iterator[LogRecord]:
    """The same log, in which every policy record says this policy."""
    for offset, value in log:
        if value is not None and _POLICY in value and (record := _policy_record(value)) is not None:
            value = encode(replace(record, version=policy.version, text=text))
        yield offset, value


def copied(tables: ReplayTables, new_store: NewStore) -> ReplayTables:
    """The same tables once more."""
    copy = ReplayTables(*(new_store(name) for name in COPIES))
    for ours, theirs in ((tables.keyed, copy.keyed), (tables.windowed, copy.windowed)):
        rows = ours.items(b"")
        while some := list(islice(rows, COPIED_AT_ONCE)):
            theirs.put(some)
    return copy


def put_in_force(tables: ReplayTables, policy: Policy, text: str) -> None:
    """A state that has some policy goes on with this one. One that has none waits for the log's first."""
    row = tables.read(CONTROL, [_POLICY]).get(_POLICY)
    if row is not None:
        writes = Writes()
        writes.of(CONTROL)[_POLICY] = ControlRow(policy.version, text, row.partitions)
        tables.apply(encoded(writes))


def says_otherwise(tables: ReplayTables, policy: Policy) -> list[str]:
    """What this policy says otherwise than the one that a state goes by, a line each."""
    row = tables.read(CONTROL, [_POLICY]).get(_POLICY)
    return differences(parse_logged(row.text), policy) if row is not None else []


def _policy_record(value: bytes) -> PolicyRecord | None:
    try:
        record = decode_evidence(value)
    except UNREADABLE:
        return None
    return record if isinstance(record, PolicyRecord) else None
