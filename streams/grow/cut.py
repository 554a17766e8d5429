"""The cut: the policy that is in force, said again with the new number of partitions, in one transaction in all of
them. What stands before it in a partition is judged by the old number, what follows by the new one. Blocks."""

import time
from collections.abc import Callable, Mapping, Sequence

from sidestep.schemas import PolicyRecord
from sidestep.schemas.codec import encode
from sidestep.streams.grow.ledger_copy import Parent
from sidestep.streams.grow.split import children, control_row, newest, split_pace
from sidestep.streams.partition_note import KEY, PartitionNote
from sidestep.streams.runtime.manifest import Place
from sidestep.streams.runtime.offsets import Offsets
from sidestep.streams.runtime.to_the_end import read_to_end
from sidestep.streams.screen.operator_writer import OperatorWriter, Said
from sidestep.topics.catalog import EVIDENCE
from sidestep.topics.connection import Connection
from sidestep.topics.errors import BrokerUnreachable

LOOK = "sidestep topics check"
FOUND_SECONDS = 60.0


def write_cut(
    connection: Connection, group: str, note: PartitionNote, parents: Sequence[Parent], failpoint: Callable[[str], None]
) -> dict[int, int]:
    """The offset of the cut in each old partition; where there is no policy yet, nothing was ever judged, and that of
    the last record. Fences whoever else writes control records. Raises SidestepError."""
    places = [Place(EVIDENCE.name, parent.partition) for parent in parents]
    offsets = Offsets(connection)
    before = {place.partition: ends.high for place, ends in offsets.ends(places).items()}
    policy = newest(control_row(parent.policy) for parent in parents)
    if policy is None:
        return {partition: end - 1 for partition, end in before.items()}
    now = int(time.time() * 1000)
    record = PolicyRecord(version=policy.version, text=policy.text, at=now, partitions=note.growing)
    kept = KEY, encode(note)
    said = [Said("policy", record, range(note.growing), kept)]
    for parent in parents:
        parts = [parent.partition, *children(parent.partition, note.log, note.growing)]
        pace = split_pace(control_row(parent.pace), len(parts), now)
        if pace is not None:
            said.append(Said("pace", pace, parts, kept))
    OperatorWriter(connection, group, range(note.growing), LOOK, failpoint).write(said)
    return _found(connection, before, record)


def _found(connection: Connection, before: Mapping[int, int], record: PolicyRecord) -> dict[int, int]:
    """A commit is answered before its end stands in all partitions."""
    value, found, deadline = encode(record), dict[int, int](), time.monotonic() + FOUND_SECONDS
    while missing := before.keys() - found.keys():
        for partition in missing:
            records = read_to_end(connection, EVIDENCE.name, (partition,), "grow", before[partition])
            if offsets := [each.offset() or 0 for each in records if each.value() == value]:
                found[partition] = offsets[-1]
        if time.monotonic() > deadline:
            raise BrokerUnreachable(f"the cut can't be read in all partitions of {EVIDENCE.name}: is Kafka up?")
    return found
