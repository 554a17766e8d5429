"""Writes a hold: its record to every partition of email-evidence, so that it is in force in all or in none."""

from sidestep.schemas import HoldRecord, SourceHoldRecord
from sidestep.streams.screen.holds import note
from sidestep.streams.screen.operator_writer import Failpoint, OperatorWriter, Said
from sidestep.topics.catalog import CONTROL, EVIDENCE
from sidestep.topics.cluster import admin_client, require
from sidestep.topics.connection import Connection


def write_hold(connection: Connection, group: str, record: HoldRecord | SourceHoldRecord, failpoint: Failpoint) -> int:
    """Returns the number of partitions that have it. Raises BrokerUnreachable, TopicsError, PublishFailed, Fenced; then
    none has it, unless the text says that this is not known."""
    topics = require(admin_client(connection), connection, [EVIDENCE.name, CONTROL.name])
    partitions = sorted(topics[EVIDENCE.name].partitions)
    said = Said("hold", record, partitions, note(record, len(partitions)))
    OperatorWriter(connection, group, partitions, "sidestep hold list", failpoint).write([said])
    return len(partitions)
