"""Writes a hold: its record to every partition of email-evidence and its note to email-control, in one transaction.

Decide reads what is committed, so a hold is in force in all partitions or in none, whenever the writer dies. There is
one transactional id: of two writers at the same moment the later one fences the earlier one, and all partitions get the
records of both in the same order.
"""

from collections.abc import Callable

from confluent_kafka import KafkaException, Producer

from sidestep.schemas import HoldRecord
from sidestep.schemas.codec import encode
from sidestep.streams.errors import Fenced
from sidestep.streams.hold_transaction import NOTE, SETTINGS, TRANSACTION_SECONDS, writer
from sidestep.streams.runtime.kafka import FENCED, explain
from sidestep.streams.runtime.manifest import HEADER, Place, Sequences
from sidestep.streams.runtime.outgoing import Headers
from sidestep.streams.runtime.takeover import take_over
from sidestep.streams.screen.holds import note
from sidestep.topics.catalog import CONTROL, EVIDENCE
from sidestep.topics.cluster import admin_client, require
from sidestep.topics.connection import Connection
from sidestep.topics.errors import SidestepError

SECONDS = 30.0

Failpoint = Callable[[str], None]


def write_hold(connection: Connection, group: str, record: HoldRecord, failpoint: Failpoint) -> int:
    """Returns the number of partitions that have it. Raises BrokerUnreachable, TopicsError, PublishFailed, Fenced; then
    none has it, unless the text says that this is not known."""
    topics = require(admin_client(connection), connection, [EVIDENCE.name, CONTROL.name])
    partitions = sorted(topics[EVIDENCE.name].partitions)
    producer, _ = take_over(connection, writer(group, partitions), SETTINGS)
    try:
        producer.begin_transaction()
        _produce(producer, record, partitions)
        failpoint("hold-before-commit")
        producer.commit_transaction(SECONDS)
    except KafkaException as error:
        _abort(producer)
        raise _explained(error, record.service) from error
    except BaseException:
        _abort(producer)
        raise
    return len(partitions)


def _produce(producer: Producer, record: HoldRecord, partitions: list[int]) -> None:
    value = encode(record)
    for partition in partitions:
        producer.produce(EVIDENCE.name, value, "hold", partition)
    key, kept = note(record, len(partitions))
    told = Sequences().manifest({NOTE: 1} | {Place(EVIDENCE.name, partition): 1 for partition in partitions})
    headers: Headers = [(HEADER, told.encode())]
    producer.produce(NOTE.topic, kept, key, NOTE.partition, headers=headers)
    producer.flush(TRANSACTION_SECONDS)  # what fails is said by the commit


def _abort(producer: Producer) -> None:
    """So that nobody has to wait for the transaction to time out. It is aborted then at the latest."""
    try:
        producer.abort_transaction(TRANSACTION_SECONDS)
    except KafkaException:
        pass


def _explained(error: KafkaException, service: str) -> SidestepError:
    if error.args[0].code() in FENCED:
        return Fenced(
            f"somebody else wrote a hold at the same moment. `sidestep hold list` says whether that of {service} counts"
        )
    return explain(error, f"writing the hold of {service}; `sidestep hold list` says whether it counts")
