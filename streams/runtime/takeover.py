"""Taking a partition over: whoever had it can commit nothing any more, and no transaction of his is left hanging.

After init_transactions nobody has a transaction open in the partitions that only this transactional id writes to. One
that is open all the same hangs (docs/decisions/020): readers see nothing behind it, and the id's next transaction
would decide it by accident. It is adopted or rolled back, as its own records say; where they do not say it, Hanging is
raised, and nothing is changed. Blocks.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from aiokafka import errors
from confluent_kafka import KafkaException, Producer

from sidestep.streams.errors import Hanging, RightsError
from sidestep.streams.runtime.examine import examine
from sidestep.streams.runtime.hanging import Ended, Fate, Unresolvable
from sidestep.streams.runtime.kafka import client, explain
from sidestep.streams.runtime.manifest import Place, Writer
from sidestep.streams.runtime.offsets import Ends, Offsets
from sidestep.streams.runtime.raw_log import RawLog, raw_log
from sidestep.topics.connection import Connection
from sidestep.topics.errors import BrokerUnreachable, SidestepError

Answer = TypeVar("Answer")

log = logging.getLogger(__name__)

REFUSED = (errors.TopicAuthorizationFailedError, errors.TransactionalIdAuthorizationFailed)
"""By Kafka's ACLs."""
ASK_SECONDS = 60.0
SETTLE_SECONDS = 0.3
"""Others' transactions in shared partitions end in some ten milliseconds; end markers of the predecessor as well."""
PATIENCE_SECONDS = 10.0
"""How long a last stable offset may lag behind a partition in which no transaction is open."""
ROUNDS = 3
"""A hanging transaction is ended in one round. Another one stands for what its end uncovers."""


def new_producer(connection: Connection, writer: Writer, settings: Mapping[str, Any]) -> Producer:
    """One of the id, which has taken nothing over yet."""
    name = writer.transactional_id
    return Producer(client(connection, name, **{"transactional.id": name, **settings}))


def take_over(
    connection: Connection,
    writer: Writer,
    settings: Mapping[str, Any],
    offsets: Offsets | None = None,
    producer: Producer | None = None,
) -> tuple[Producer, Ended]:
    """A producer of the id, with `settings`, whose predecessors are fenced and leave nothing open. `producer`: one that
    has connected, to begin with.

    Raises Hanging, Fenced, BrokerUnreachable or another SidestepError.
    """
    offsets = offsets or Offsets(connection)
    ended = Ended()
    for _ in range(ROUNDS):
        producer = _initialised(producer or new_producer(connection, writer, settings), writer)
        still_open = unsettled(offsets, writer)
        if not still_open:
            return producer, ended
        producer = None  # to look closer fences it
        if not _end_all(connection, writer, still_open, ended):
            _await_settled(offsets, writer)
            return _initialised(new_producer(connection, writer, settings), writer), ended
    name = writer.transactional_id
    raise Hanging(f"{name}: transactions hang again as often as they are ended. {_advice(writer)}")


def _end_all(connection: Connection, writer: Writer, still_open: Mapping[Place, Ends], ended: Ended) -> bool:
    """False: of the places where something is open none has anything of this id."""
    fates = _ask(connection, writer, lambda kafka: examine(kafka, writer, Offsets(connection), still_open))
    if fates:
        _ask(connection, writer, lambda kafka: _end(kafka, writer, fates))
        ended.count(fates)
    return bool(fates)


def _initialised(producer: Producer, writer: Writer) -> Producer:
    try:
        producer.init_transactions(ASK_SECONDS)
    except KafkaException as error:
        raise explain(error, f"taking over {writer.changelog}") from error
    return producer


def unsettled(offsets: Offsets, writer: Writer) -> dict[Place, Ends]:
    """Places in which something is open: in one's own after a moment still, in shared ones all that while. Fences
    nobody. Raises SidestepError."""
    first = offsets.ends((*writer.own, *writer.shared))
    open_since = {place: ends for place, ends in first.items() if ends.stable < ends.high}
    deadline = time.monotonic() + SETTLE_SECONDS
    while open_since and time.monotonic() < deadline:
        time.sleep(0.02)  # between two questions, until the deadline
        now = offsets.ends(open_since)
        open_since = {place: ends for place, ends in now.items() if ends.stable < first[place].high}
    return open_since


def _await_settled(offsets: Offsets, writer: Writer) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while behind := [str(place) for place, ends in offsets.ends(writer.own).items() if ends.stable < ends.high]:
        if time.monotonic() > deadline:
            raise Hanging(
                f"{', '.join(behind)}: the last stable offset stays below the end, and no transaction of "
                f"{writer.transactional_id} is open there. {_advice(writer)}"
            )
        time.sleep(0.1)  # between two questions, until the deadline


def _ask(connection: Connection, writer: Writer, work: Callable[[RawLog], Awaitable[Answer]]) -> Answer:
    async def bounded() -> Answer:
        async with asyncio.timeout(ASK_SECONDS), raw_log(connection) as kafka:
            return await work(kafka)

    try:
        return asyncio.run(bounded())
    except Unresolvable as error:
        raise Hanging(
            f"a transaction of {writer.transactional_id} hangs, and {error}. Nothing was changed. {_advice(writer)}"
        ) from error
    except (errors.KafkaError, TimeoutError) as error:
        raise _explained(error, writer) from error


def _explained(error: Exception, writer: Writer) -> SidestepError:
    text = f"looking into what hangs of {writer.transactional_id}: {type(error).__name__} {error}"
    if isinstance(error, REFUSED):
        return RightsError(f"{text}. `sidestep acls check` says which right is missing")
    return BrokerUnreachable(f"{text}. Is Kafka running, and may this worker read {writer.changelog.topic}?")


async def _end(kafka: RawLog, writer: Writer, fates: Mapping[Place, Fate]) -> None:
    for fate, doing in ((Fate.COMMITTED, "adopted"), (Fate.ABORTED, "rolled back")):
        places = [place for place, wanted in fates.items() if wanted is fate]
        if places:
            await kafka.end(writer.transactional_id, places, commit=fate is Fate.COMMITTED)
            names = ", ".join(map(str, sorted(places)))
            log.warning("a transaction of %s hung and was %s: %s", writer.transactional_id, doing, names)


def _advice(writer: Writer) -> str:
    return (
        "This partition rests until an operator has ended it: kafka-transactions.sh "
        f"--bootstrap-server … find-hanging --topic {writer.changelog.topic} and the other topics named here, then "
        "kafka-transactions.sh … abort; see operations.md, When Kafka is in trouble"
    )
