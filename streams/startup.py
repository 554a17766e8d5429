"""What a worker waits for before its roles are made: a Kafka that answers, topics that fit the catalog, and
partitions that are those that histories lie by; which it watches from then on."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping

from sidestep.streams.errors import PartitionsChanged, RightsError
from sidestep.streams.observe.health import Health
from sidestep.streams.observe.report import BEAT_SECONDS
from sidestep.streams.partition_note import PartitionNote, begun_with, grown, is_draining, misfit, noted
from sidestep.streams.read_partitions import notes_of_control
from sidestep.topics import admin
from sidestep.topics.catalog import CATALOG, EVIDENCE, Topic
from sidestep.topics.connection import Connection
from sidestep.topics.errors import BrokerUnreachable, NotLetIn, SidestepError, TopicsError
from sidestep.topics.plan import TopicState, differences

log = logging.getLogger(__name__)

AGAIN_SECONDS = 2.0
"""Between two questions."""
TOLD_SECONDS = 60.0
"""Between two lines of the log that say that Kafka does not answer."""
GROWN_SECONDS = 0.5
"""Between two looks at the note while the log is being grown."""
TOPICS_SECONDS = 10.0
"""For which topics may be missing: a broker that has just started may not know all that there are."""


async def await_topics(connection: Connection, health: Health, topics: Iterable[Topic] = CATALOG) -> dict[str, int]:
    """Partitions of each topic; however long it takes until Kafka answers, which health and log tell meanwhile.

    Raises TopicsError where the topics do not fit the catalog.
    """
    topics, answered = tuple(topics), float("inf")
    while True:
        states = await _await_states(connection, health, topics)
        answered = min(answered, time.monotonic())
        differing = differences({state.name: state for state in states}, topics)
        # more than they need they have while the log is being grown, before it has them itself
        wrong = [line for line in differing if "does not exist" in line or " partitions, but" in line]
        if not wrong:
            for line in differing:
                log.warning("topics: %s", line)
            return {state.name: state.partitions for state in states}
        if time.monotonic() - answered >= TOPICS_SECONDS:
            raise TopicsError("The topics do not fit the catalog:\n  " + "\n  ".join(wrong) + "\n" + _advice(wrong))
        await asyncio.sleep(AGAIN_SECONDS)


def _advice(wrong: Iterable[str]) -> str:
    """What helps; no command that changes nothing."""
    if any("does not exist" in line for line in wrong):
        return (
            "Run `sidestep topics create`. Where Kafka has ACLs, topics are hidden from whoever has no right to them: "
            "`sidestep acls check`."
        )
    return (
        "`sidestep topics create` leaves topics that are there as they are. Somebody has changed their partitions by "
        "another tool, or made them by one: docs/operations.md says under Partitions what can be done."
    )


async def check_partitions(
    connection: Connection, health: Health, partitions: Mapping[str, int]
) -> PartitionNote | None:
    """With how many the log was begun, as it is noted; None: it is not. However long it takes until Kafka answers.
    `partitions`: by topic.

    Raises PartitionsChanged where the topics have other numbers of partitions than what is known lies by.
    """
    while True:
        try:
            notes = await asyncio.to_thread(notes_of_control, connection)
        except (NotLetIn, RightsError) as error:
            log.warning("whether the partitions are still those of the ledgers can't be told: %s", error)
            return PartitionNote(partitions[EVIDENCE.name])
        except BrokerUnreachable as error:
            health.broker_error(str(error))
            await asyncio.sleep(AGAIN_SECONDS)
        else:
            if found := misfit(begun_with(notes), partitions):
                raise PartitionsChanged(found)
            return noted(notes)


async def await_grown(connection: Connection, health: Health) -> PartitionNote:
    """Returns when the log is not being grown any more, with what is noted then."""
    while True:
        try:
            note = noted(await asyncio.to_thread(notes_of_control, connection))
        except BrokerUnreachable as error:
            health.broker_error(str(error))
        else:
            if note is not None and not note.growing:
                return note
        await asyncio.sleep(GROWN_SECONDS)


def is_grown_by_us(connection: Connection, partitions: Mapping[str, int]) -> bool:
    """Whether it is `sidestep topics grow` that has given the log so many partitions. Blocks. Raises SidestepError."""
    note = noted(notes_of_control(connection))
    return note is not None and (is_draining(note, partitions) or note.log == partitions.get(EVIDENCE.name))


async def follow_partitions(
    seen: Callable[[], Mapping[str, int]],
    partitions: Mapping[str, int],
    connection: Connection,
    begin_anew: Callable[[], object],
) -> None:
    """Until the partitions are not those any more that the worker has started with: if the log is being grown, it
    begins anew. `seen`: by topic, as the cluster said last. Raises PartitionsChanged."""
    while True:
        await asyncio.sleep(BEAT_SECONDS)
        now = seen()
        if not (found := grown(partitions, now)):
            continue
        try:
            ours = await asyncio.to_thread(is_grown_by_us, connection, now)
        except SidestepError as error:
            log.warning("why there are more partitions can't be told yet: %s", error)
            continue
        if not ours:
            raise PartitionsChanged(found)
        log.info("the log has grown: this worker finishes what is in hand and begins anew")
        begin_anew()
        return


async def _await_states(connection: Connection, health: Health, topics: tuple[Topic, ...]) -> list[TopicState]:
    told = float("-inf")
    while True:
        try:
            states = await asyncio.to_thread(admin.states, connection, topics)
        except BrokerUnreachable as error:
            health.broker_error(str(error))
            if time.monotonic() - told >= TOLD_SECONDS:
                told = time.monotonic()
                log.warning("waiting for Kafka: %s", error)
            await asyncio.sleep(AGAIN_SECONDS)
        else:
            health.broker_ok()
            return states
