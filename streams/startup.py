"""What a worker waits for before its roles are made: a Kafka that answers, and topics that fit the catalog."""

import asyncio
import logging
import time
from collections.abc import Iterable

from sidestep.streams.observe.health import Health
from sidestep.topics import admin
from sidestep.topics.catalog import CATALOG, Topic
from sidestep.topics.connection import Connection
from sidestep.topics.errors import BrokerUnreachable, TopicsError
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
            raise TopicsError(
                "The topics do not fit the catalog:\n  " + "\n  ".join(wrong) + "\nRun `sidestep topics create`. "
                "Where Kafka has ACLs, topics are hidden from whoever has no right to them: `sidestep acls check`."
            )
        await asyncio.sleep(AGAIN_SECONDS)


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
