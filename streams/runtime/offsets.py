"""First, last stable and last offsets of partitions, many in one question."""

import time
from collections.abc import Iterable
from concurrent.futures import wait
from typing import NamedTuple

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from sidestep.streams.runtime.kafka import client, explain
from sidestep.streams.runtime.manifest import Place
from sidestep.topics.connection import Connection
from sidestep.topics.errors import CredentialsError
from sidestep.topics.renewing import Renewing

ANSWER_SECONDS = 60.0
"""As long as a transaction may take."""
AGAIN_SECONDS = 0.2
LOOK_SECONDS = 2.0
"""After which it is looked at whether there is anybody to answer."""
PASSING = {
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.REPLICA_NOT_AVAILABLE,
    KafkaError.OFFSET_NOT_AVAILABLE,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_PARTITION,
    KafkaError._TRANSPORT,
    KafkaError._NOENT,
}
"""What is said while a partition changes its leader, or a broker starts; by a client that knew the cluster before, too.
"""


class Ends(NamedTuple):
    """`stable`: from here on readers of committed records see nothing. `high`: what would come next. Equal unless a
    transaction is open."""

    stable: int
    high: int


class Offsets:
    """Asks one cluster, from any thread. Blocks. Raises BrokerUnreachable or another SidestepError."""

    def __init__(self, connection: Connection):
        self._connection = connection
        self._admins = self._new()

    def _new(self) -> Renewing[AdminClient]:
        connection = self._connection
        return Renewing(connection.renewals, lambda: AdminClient(client(connection, "offsets")))

    def ends(self, places: Iterable[Place]) -> dict[Place, Ends]:
        """Where committed records and all records end."""
        wanted = list(places)
        # in this order: a transaction that ends in between makes a place look settled, never the other way round
        high = self._ask(wanted, OffsetSpec.latest(), IsolationLevel.READ_UNCOMMITTED)
        stable = self._ask(wanted, OffsetSpec.latest(), IsolationLevel.READ_COMMITTED)
        return {place: Ends(stable[place], high[place]) for place in wanted}

    def starts(self, places: Iterable[Place]) -> dict[Place, int]:
        """The first offset that is still there."""
        return self._ask(list(places), OffsetSpec.earliest(), IsolationLevel.READ_UNCOMMITTED)

    def _ask(self, places: list[Place], spec: OffsetSpec, isolation: IsolationLevel) -> dict[Place, int]:
        deadline = time.monotonic() + ANSWER_SECONDS
        while True:
            admins = self._admins
            try:
                return self._ask_once(admins, places, spec, isolation)
            except KafkaException as error:
                if error.args[0].code() not in PASSING or time.monotonic() > deadline:
                    raise explain(error, f"asking for the offsets of {len(places)} partitions") from error
                # the client may go on with the leader that it knew, for as long as it is asked
                self._begin_anew(admins, deadline)

    def _begin_anew(self, failed: Renewing[AdminClient], deadline: float) -> None:
        """With another client than the one that failed: after a moment, for a partition without a leader; later while
        who gives tokens is away, which is no other trouble than a broker that is."""
        while True:
            time.sleep(AGAIN_SECONDS)  # between two tries, until the deadline
            if self._admins is not failed:  # another thread has made it
                return
            try:
                self._admins = self._new()
            except CredentialsError:
                if time.monotonic() > deadline:
                    raise
            else:
                return

    def _ask_once(
        self, admins: Renewing[AdminClient], places: list[Place], spec: OffsetSpec, isolation: IsolationLevel
    ) -> dict[Place, int]:
        while (found := self._found(admins, places, spec, isolation)) is None:
            pass  # with another client: the one that was asked has nobody to ask
        return found

    def _found(
        self, admins: Renewing[AdminClient], places: list[Place], spec: OffsetSpec, isolation: IsolationLevel
    ) -> dict[Place, int] | None:
        # held until the answer is here: other threads may have gone over to another client by then, and what was asked
        # with one that nobody holds any more is never answered
        client = admins.get(places[0].topic if places else None)
        wanted = {TopicPartition(*place): spec for place in places}
        found = client.list_offsets(wanted, isolation_level=isolation, request_timeout=ANSWER_SECONDS)
        waiting = set(found.values())
        while waiting := wait(waiting, LOOK_SECONDS).not_done:
            if admins.client is not client or admins.renew(topic=places[0].topic):
                return None
        return {Place(tp.topic, tp.partition): int(future.result().offset) for tp, future in found.items()}
