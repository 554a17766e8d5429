"""Sends dead letters back, each once: the records and the note of them in one transaction.

There is one transactional id: who begins fences whoever was at it, waits until what was under way is decided, and then
reads what has been sent back. So a run that was killed leaves nothing half done, and of two at a time one ends.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from confluent_kafka import KafkaException, Producer

from sidestep.streams.errors import Fenced
from sidestep.streams.redrive.letter import DeadLetter
from sidestep.streams.redrive.remembered import PREFIX, Remembered
from sidestep.streams.runtime.dead_letters import REDRIVEN
from sidestep.streams.runtime.kafka import FENCED, MESSAGE_MAX, explain
from sidestep.streams.runtime.manifest import HEADER, Place, Sequences, Writer
from sidestep.streams.runtime.offsets import Offsets
from sidestep.streams.runtime.one_transaction import one_transaction, put
from sidestep.streams.runtime.outgoing import Headers
from sidestep.streams.runtime.takeover import take_over
from sidestep.streams.runtime.to_the_end import read_to_end
from sidestep.topics.catalog import CONTROL
from sidestep.topics.connection import Connection
from sidestep.topics.errors import BrokerUnreachable, SidestepError

TRANSACTION_SECONDS = 10.0
"""After it Kafka aborts what a run that died has left open. Readers of committed records wait behind it that long."""
SETTINGS = {
    "transaction.timeout.ms": int(TRANSACTION_SECONDS * 1000),
    "linger.ms": 0,
    "message.max.bytes": MESSAGE_MAX,
    "log_level": 0,
}
"""Without librdkafka's log, as in streams/hold_transaction.py."""
COMMIT_SECONDS = 30.0
SETTLE_SECONDS = 60.0
"""Others' transactions in email-control end in half of it: Kafka aborts Watch's after 20 s, looked at every 10 s."""
NOTE = Place(CONTROL.name, 0)


def transaction_writer(group: str, partitions: Mapping[str, int]) -> Writer:
    """Who sends a group's dead letters back, to topics with so many partitions."""
    places = [Place(topic, number) for topic, count in partitions.items() for number in range(count)]
    return Writer(f"{group}-redrive", changelog=NOTE, own=(), shared=(*places, NOTE))


def read_remembered(connection: Connection) -> Remembered:
    """What has been sent back by now. Blocks. Raises BrokerUnreachable, RedriveError."""
    notes: dict[str, bytes] = {}
    for record in read_to_end(connection, CONTROL.name, (0,), "sidestep-control"):
        key = (record.key() or b"").decode("utf-8", "replace")
        if key.startswith(PREFIX):
            notes[key] = record.value() or b""
    return Remembered({key: value for key, value in notes.items() if value})


class Redriver:
    """The one of a group. Not for several threads at once. Raises Fenced, Hanging, BrokerUnreachable, RedriveError."""

    def __init__(
        self, connection: Connection, group: str, partitions: Mapping[str, int], failpoint: Callable[[str], None]
    ):
        self._failpoint = failpoint
        self._sequences = Sequences()
        self._producer: Producer = take_over(connection, transaction_writer(group, partitions), SETTINGS)[0]
        _await_notes(connection)
        self.remembered = read_remembered(connection)

    def send(self, letters: Sequence[DeadLetter], now_ms: int) -> None:
        """All of them, in one transaction; they are remembered. Raises SidestepError: none was sent, or the text says
        that the next run finds out."""
        for letter in letters:
            self.remembered.add(letter.origin)
        notes = self.remembered.take(now_ms)
        try:
            with one_transaction(self._producer, COMMIT_SECONDS):
                self._produce(letters, notes)
                self._failpoint("redrive-before-commit")
        except KafkaException as error:
            raise _explained(error) from error
        self._failpoint("redrive-after-commit")

    def _produce(self, letters: Sequence[DeadLetter], notes: Sequence[tuple[str, bytes | None]]) -> None:
        for letter in letters:
            topic, partition, _ = letter.origin
            put(self._producer, topic, letter.value, letter.key, partition, headers=redriven_headers(letter))
        self._failpoint("redrive-half")
        places = Counter(Place(letter.origin.topic, letter.origin.partition) for letter in letters)
        places[NOTE] = len(notes)
        wrote: Headers = [(HEADER, self._sequences.manifest(places).encode())]
        for number, (key, value) in enumerate(notes, start=1):
            put(self._producer, NOTE.topic, value, key, NOTE.partition, headers=wrote if number == len(notes) else [])


def redriven_headers(letter: DeadLetter) -> Headers:
    """The record's own headers, and how many times it has been sent back. That one counts in no signature."""
    return [*(letter.headers or ()), (REDRIVEN, b"%d" % (letter.redriven + 1))]


def batches(letters: Iterable[DeadLetter], most: int, octets: int) -> Iterable[list[DeadLetter]]:
    """So many at a time, and no more octets than that unless it is one alone."""
    batch: list[DeadLetter] = []
    size = 0
    for letter in letters:
        weight = len(letter.key or b"") + len(letter.value or b"")
        if batch and (len(batch) == most or size + weight > octets):
            yield batch
            batch, size = [], 0
        batch.append(letter)
        size += weight
    if batch:
        yield batch


def _await_notes(connection: Connection) -> None:
    """Until readers of committed records see all that email-control has: behind the open transaction of somebody else
    may stand what the run before has committed."""
    offsets = Offsets(connection)
    high = offsets.ends([NOTE])[NOTE].high
    deadline = time.monotonic() + SETTLE_SECONDS
    while offsets.ends([NOTE])[NOTE].stable < high:
        if time.monotonic() > deadline:
            raise BrokerUnreachable(
                f"{NOTE} has a transaction that nobody ends, so it is not known what has been sent back: nothing is "
                "sent. docs/operations.md, A transaction hangs"
            )
        time.sleep(0.1)  # between two questions, until the deadline


def _explained(error: KafkaException) -> SidestepError:
    if error.args[0].code() in FENCED:
        return Fenced("another redrive has begun, and goes on with what is left. Nothing was sent twice")
    return explain(error, "sending dead letters back; run it again, each is sent once")
