"""Writes a policy that an operator applies: its record to every partition of email-evidence, so that it is in force in
all or in none, and its notes."""

from collections.abc import Mapping, Sequence

from sidestep.schemas import PolicyRecord
from sidestep.schemas.codec import encode
from sidestep.streams.runtime.failpoints import from_environment
from sidestep.streams.screen.control import Written
from sidestep.streams.screen.operator_writer import OperatorWriter, Said
from sidestep.streams.screen.policy_history import AppliedPolicy, superfluous
from sidestep.topics.connection import Connection


def write_policy(
    connection: Connection, group: str, partitions: Sequence[int], applied: AppliedPolicy, notes: Mapping[str, bytes]
) -> None:
    """`notes`: what email-control has. Raises BrokerUnreachable, PublishFailed, Fenced; then it is in force nowhere,
    unless the text says that this is not known."""
    count = len(partitions)
    record = PolicyRecord(version=applied.version, text=applied.text, at=applied.at, partitions=count)
    said = Said(
        "policy",
        record,
        partitions,
        ("policy", encode(Written(applied.version, count, applied.at))),
        gone=list(superfluous(notes)),
        besides=[(applied.key, encode(applied))],
    )
    OperatorWriter(connection, group, partitions, "sidestep policy history", from_environment()).write([said])
