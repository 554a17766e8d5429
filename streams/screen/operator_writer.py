"""Writes what operators say: control records into partitions of email-evidence and notes to email-control, in one
transaction.

Decide reads what is committed, so what is said is in force everywhere or nowhere, whenever the writer dies. There is
one transactional id: of two writers at the same moment the later one fences the earlier one, and all partitions get the
records of both in the same order.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from confluent_kafka import KafkaException

from sidestep.schemas.codec import encode
from sidestep.schemas.controls import Control
from sidestep.streams.errors import Fenced
from sidestep.streams.hold_transaction import NOTE, SETTINGS, TRANSACTION_SECONDS, writer
from sidestep.streams.runtime.kafka import FENCED, explain
from sidestep.streams.runtime.manifest import HEADER, Place, Sequences
from sidestep.streams.runtime.one_transaction import one_transaction, put
from sidestep.streams.runtime.outgoing import Headers
from sidestep.streams.runtime.takeover import take_over
from sidestep.topics.catalog import EVIDENCE
from sidestep.topics.connection import Connection
from sidestep.topics.errors import SidestepError

SECONDS = 30.0
MANY = 2_000
"""Sayings in one transaction: few enough for the ten seconds that Kafka gives it."""

Failpoint = Callable[[str], None]


class Said(NamedTuple):
    """Something that an operator says: its record, in which partitions, and the note that email-control keeps."""

    kind: str
    """Key of the record."""
    record: Control
    partitions: Sequence[int]
    note: tuple[str, bytes | None]
    gone: Sequence[str] = ()
    """Keys of notes in place of which this one comes."""
    besides: Sequence[tuple[str, bytes]] = ()
    """Notes that are kept besides, each under its key."""


class OperatorWriter:
    """The one writer of a group. `look`: how people find out what counts, such as `sidestep hold list`."""

    def __init__(self, connection: Connection, group: str, partitions: Sequence[int], look: str, failpoint: Failpoint):
        self._connection = connection
        self._look = look
        self._failpoint = failpoint
        self._sequences = Sequences()
        self._producer, _ = take_over(connection, writer(group, partitions), SETTINGS)

    def write(self, said: Sequence[Said], told: Callable[[int], None] = lambda done: None) -> None:
        """As many in a transaction as it has time for; `told` how many are in force. Raises BrokerUnreachable,
        PublishFailed, Fenced; then nothing of the last transaction counts, unless the text says that it is unknown."""
        for start in range(0, len(said), MANY):
            some = said[start : start + MANY]
            self._write(some)
            told(start + len(some))

    def _write(self, said: Sequence[Said]) -> None:
        try:
            with one_transaction(self._producer, SECONDS):
                self._produce(said)
                self._failpoint("hold-before-commit")
        except KafkaException as error:
            raise self._explained(error) from error

    def _produce(self, said: Sequence[Said]) -> None:
        places = Counter([Place(EVIDENCE.name, partition) for each in said for partition in each.partitions])
        places[NOTE] = sum(1 + len(each.gone) + len(each.besides) for each in said)
        wrote: Headers = [(HEADER, self._sequences.manifest(places).encode())]
        for number, each in enumerate(said, start=1):
            value = encode(each.record)
            for partition in each.partitions:
                put(self._producer, EVIDENCE.name, value, each.kind, partition)
            for gone in each.gone:
                put(self._producer, NOTE.topic, None, gone, NOTE.partition)
            for other, value_kept in each.besides:
                put(self._producer, NOTE.topic, value_kept, other, NOTE.partition)
            key, kept = each.note
            put(self._producer, NOTE.topic, kept, key, NOTE.partition, headers=wrote if number == len(said) else [])
        self._producer.flush(TRANSACTION_SECONDS)  # what fails is said by the commit

    def _explained(self, error: KafkaException) -> SidestepError:
        if error.args[0].code() in FENCED:
            return Fenced(f"somebody else wrote at the same moment. `{self._look}` says what counts")
        return explain(error, f"writing; `{self._look}` says what counts")
