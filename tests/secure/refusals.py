"""What a broker's authorizer has refused, read in its log, where the logger has been told to say it."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Int8, Int16, Int32, Schema, String

from sidestep.streams.local.secure_kafka import SecureKafka
from sidestep.streams.rights.raw_requests import Send, asked, check

TEXT = String("utf-8")
BROKER_LOGGER = 8
LOGGER = "kafka.authorizer.logger"
LINE = re.compile(r"Principal = User:(\S+) is Denied operation = (\w+) from host = \S+ on resource = (\S+) ")


class _Altered(Response):  # type: ignore[misc]  # aiokafka has no types
    API_KEY, API_VERSION = 44, 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("responses", Array(("error_code", Int16), ("error_message", TEXT), ("type", Int8), ("name", TEXT))),
    )


class _Alter(RequestStruct):  # type: ignore[misc]  # aiokafka has no types
    API_KEY, API_VERSION, RESPONSE_TYPE = 44, 0, _Altered
    CONFIGS = ("configs", Array(("name", TEXT), ("operation", Int8), ("value", TEXT)))
    SCHEMA = Schema(("resources", Array(("type", Int8), ("name", TEXT), CONFIGS)), ("validate_only", Boolean))


class SetLogLevel(Request[_Alter]):  # type: ignore[misc]  # aiokafka has no types
    """KIP-412, which no client library has."""

    API_KEY = 44

    def __init__(self, level: str):
        self._level = level

    def build(self, version: type[_Alter]) -> _Alter:
        """The request as it is sent."""
        return version([(BROKER_LOGGER, "1", [(LOGGER, 0, self._level)])], False)


@contextmanager
def refusals(kafka: SecureKafka) -> Iterator[Callable[[], set[tuple[str, ...]]]]:
    """refused(): (principal, operation, resource) of what was refused while the context is open."""
    start = kafka.log.stat().st_size

    def refused() -> set[tuple[str, ...]]:
        with kafka.log.open("rb") as file:
            file.seek(start)
            return set(LINE.findall(file.read().decode("utf-8", "replace")))

    _set(kafka, "INFO")
    try:
        yield refused
    finally:
        _set(kafka, "WARN")


def _set(kafka: SecureKafka, level: str) -> None:
    async def ask(send: Send) -> None:
        for code, message, *_ in (await send(SetLogLevel(level))).responses:
            check(code, message, f"setting {LOGGER}")

    asked(kafka.connection, "setting a log level", ask)
