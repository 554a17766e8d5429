"""Requests to a cluster that librdkafka does not offer, or whose refusals it does not hand on: a client for each.
Blocks. Raises RightsError."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from aiokafka import errors
from aiokafka.client import AIOKafkaClient

from sidestep.streams.errors import RightsError
from sidestep.streams.runtime.credentials import aiokafka_settings
from sidestep.topics.connection import Connection

Answer = TypeVar("Answer")
Send = Callable[[Any], Awaitable[Any]]
"""Sends a request to any broker; gives its answer."""
SECONDS = 30.0
NO_AUTHORIZER = 54
REFUSED = 31


def asked(connection: Connection, doing: str, ask: Callable[[Send], Awaitable[Answer]]) -> Answer:
    """What `ask` makes of the answers to its requests. `doing`: for what is raised."""

    async def bounded() -> Answer:
        async with asyncio.timeout(SECONDS):
            client = AIOKafkaClient(**aiokafka_settings(connection), client_id="rights")
            try:
                await client.bootstrap()
                return await ask(lambda request: client.send(client.get_random_node(), request))
            finally:
                await client.close()

    try:
        return asyncio.run(bounded())
    except (errors.KafkaError, NotImplementedError, TimeoutError) as error:
        raise RightsError(f"{doing} at {connection}: {error or type(error).__name__}") from error


def check(code: int, message: str | None, doing: str) -> None:
    """Raises RightsError for a code that is no success."""
    if code == 0:
        return
    text = f"{doing}: {message or errors.for_code(code).__name__}"
    if code == NO_AUTHORIZER:
        raise RightsError(
            f"{text} This Kafka has no authorizer, so everybody may do everything: set authorizer.class.name="
            "org.apache.kafka.metadata.authorizer.StandardAuthorizer and super.users on brokers and controllers"
        )
    if code == REFUSED:
        raise RightsError(
            f"{text} Connect as an administrator, or take Kafka's own tools: sidestep acls show --format kafka. "
            "To read, DESCRIBE and DESCRIBE_CONFIGS on the cluster are enough, as the operator has them"
        )
    raise RightsError(text)
