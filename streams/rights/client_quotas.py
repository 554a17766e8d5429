"""A cluster's quotas of users: read and set, in requests that librdkafka does not offer (KIP-546). Blocks. Raises
RightsError."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from aiokafka import errors
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Float64, Int8, Int16, Int32, Schema, String

from sidestep.streams.errors import RightsError
from sidestep.topics.connection import Connection

Answer = TypeVar("Answer")
SECONDS = 30.0
USER = "user"
SPECIFIED = 2
"""Of a question: whoever has a quota of this kind, the default one apart."""
TEXT = String("utf-8")
ENTITY = ("entity", Array(("type", TEXT), ("name", TEXT)))

Limits = Mapping[str, float]
"""By Kafka's names of quotas."""


class _Told(Response):  # type: ignore[misc]  # aiokafka has no types
    API_KEY, API_VERSION = 48, 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        ("error_message", TEXT),
        ("entries", Array(ENTITY, ("values", Array(("key", TEXT), ("value", Float64))))),
    )


class _Describe(RequestStruct):  # type: ignore[misc]  # aiokafka has no types
    API_KEY, API_VERSION, RESPONSE_TYPE = 48, 0, _Told
    SCHEMA = Schema(("components", Array(("type", TEXT), ("how", Int8), ("match", TEXT))), ("strict", Boolean))


class DescribeClientQuotas(Request[_Describe]):  # type: ignore[misc]  # aiokafka has no types
    """The question for the quotas of all users."""

    API_KEY = 48

    def build(self, version: type[_Describe]) -> _Describe:
        """The request as it is sent."""
        return version([(USER, SPECIFIED, None)], True)


class _Altered(Response):  # type: ignore[misc]  # aiokafka has no types
    API_KEY, API_VERSION = 49, 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32), ("entries", Array(("error_code", Int16), ("error_message", TEXT), ENTITY))
    )


class _Alter(RequestStruct):  # type: ignore[misc]  # aiokafka has no types
    API_KEY, API_VERSION, RESPONSE_TYPE = 49, 0, _Altered
    SCHEMA = Schema(
        ("entries", Array(ENTITY, ("operations", Array(("key", TEXT), ("value", Float64), ("remove", Boolean))))),
        ("validate_only", Boolean),
    )


class AlterClientQuotas(Request[_Alter]):  # type: ignore[misc]  # aiokafka has no types
    """New limits of users; those that are not named stay."""

    API_KEY = 49

    def __init__(self, limits: Mapping[str, Limits]):
        self._limits = limits

    def build(self, version: type[_Alter]) -> _Alter:
        """The request as it is sent."""
        entries = [
            ([(USER, user)], [(key, float(value), False) for key, value in limits.items()])
            for user, limits in self._limits.items()
        ]
        return version(entries, False)


def read_quotas(connection: Connection) -> dict[str, dict[str, float]]:
    """Limits of each user that has some, by Kafka's name without `User:`."""

    async def ask(client: AIOKafkaClient) -> dict[str, dict[str, float]]:
        told = await _send(client, DescribeClientQuotas())
        _check(told.error_code, told.error_message, "reading quotas")
        return {entity[0][1]: dict(values) for entity, values in told.entries or ()}

    return _asked(connection, ask)


def set_quotas(connection: Connection, limits: Mapping[str, Limits]) -> None:
    """Limits of users, by Kafka's names without `User:`; other limits of theirs stay."""

    async def ask(client: AIOKafkaClient) -> None:
        for code, message, entity in (await _send(client, AlterClientQuotas(limits))).entries:
            _check(code, message, f"setting quotas of {entity[0][1]}")

    if limits:
        _asked(connection, ask)


async def _send(client: AIOKafkaClient, request: Any) -> Any:
    return await client.send(client.get_random_node(), request)


def _asked(connection: Connection, ask: Callable[[AIOKafkaClient], Awaitable[Answer]]) -> Answer:
    async def bounded() -> Answer:
        async with asyncio.timeout(SECONDS):
            client = AIOKafkaClient(**connection.aiokafka(), client_id="quotas")
            try:
                await client.bootstrap()
                return await ask(client)
            finally:
                await client.close()

    try:
        return asyncio.run(bounded())
    except (errors.KafkaError, NotImplementedError, TimeoutError) as error:
        raise RightsError(f"asking {connection} for quotas: {error or type(error).__name__}") from error


def _check(code: int, message: str | None, doing: str) -> None:
    if code:
        raise RightsError(
            f"{doing}: {message or errors.for_code(code).__name__}. To set them, connect as an administrator, or use "
            "the commands of `sidestep acls show --format kafka`"
        )
