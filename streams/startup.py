"""What a worker waits for before its roles are made: a Kafka that answers, topics that fit the catalog, and
partitions that are those that histories lie by; which it watches from then on."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping

from sidestep.streams.errors import PartitionsChanged, RightsError
from sidestep.streams.observe.health import Health
from sidestep.streams.observe.report import BEAT_SECONDS
from sidestep.streams.partition_note import begun_with, grown, misfit, noted
from sidestep.streams.runtime.to_the_end import read_to_end
from sidestep.topics import admin
from sidestep.topics.catalog import CATALOG, CONTROL, Topic
from sidestep.topics.connection import Connection
from sidestep.topics.errors import BrokerUnreachable, NotLetIn, TopicsError
from sidestep.topics.plan import TopicState, differences

log = logging.getLogger(__name__)

AGAIN_SECONDS = 2.0
"""Between two questions."""
TOLD_SECONDS = 60.0
"""Between two lines of the log that say that Kafka does not answer."""
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


async def check_partitions(connection: Connection, health: Health, partitions: Mapping[str, int]) -> bool:
    """Whether it is noted with how many the log was begun; however long it takes until Kafka answers. `partitions`: by
    topic.

    Raises PartitionsChanged where the topics have other numbers of partitions than what is known lies by.
    """
    while True:
        try:
            notes = await asyncio.to_thread(_notes, connection)
        except (NotLetIn, RightsError) as error:
            log.warning("whether the partitions are still those of the ledgers can't be told: %s", error)
            return True
        except BrokerUnreachable as error:
            health.broker_error(str(error))
            await asyncio.sleep(AGAIN_SECONDS)
        else:
            if found := misfit(begun_with(notes), partitions):
                raise PartitionsChanged(found)
            return noted(notes) is not None


def _notes(connection: Connection) -> dict[str, bytes]:
    """As email-control has them; without what Screen brings, for workers that only decide."""
    records = read_to_end(connection, CONTROL.name, (0,), "sidestep-control")
    return {(record.key() or b"").decode("utf-8", "replace"): record.value() or b"" for record in records}


async def follow_partitions(seen: Callable[[], Mapping[str, int]], partitions: Mapping[str, int]) -> None:
    """For ever: whether the partitions are still those that the worker has started with. `seen`: by topic, as the
    cluster said last. Raises PartitionsChanged."""
    while True:
        await asyncio.sleep(BEAT_SECONDS)
        if found := grown(partitions, seen()):
            raise PartitionsChanged(found)


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
