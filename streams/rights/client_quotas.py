"""A cluster's quotas of users: read and set, in requests that librdkafka does not offer (KIP-546). Blocks. Raises
RightsError."""

from collections.abc import Mapping

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Float64, Int8, Int16, Int32, Schema, String

from sidestep.streams.rights.raw_requests import Send, asked, check
from sidestep.topics.connection import Connection

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
    doing = "reading quotas"

    async def ask(send: Send) -> dict[str, dict[str, float]]:
        told = await send(DescribeClientQuotas())
        check(told.error_code, told.error_message, doing)
        return {entity[0][1]: dict(values) for entity, values in told.entries or ()}

    return asked(connection, doing, ask)


def set_quotas(connection: Connection, limits: Mapping[str, Limits]) -> None:
    """Limits of users, by Kafka's names without `User:`; other limits of theirs stay."""
    doing = "setting quotas"

    async def ask(send: Send) -> None:
        for code, message, entity in (await send(AlterClientQuotas(limits))).entries:
            check(code, message, f"{doing} of {entity[0][1]}")

    if limits:
        asked(connection, doing, ask)
