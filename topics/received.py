"""A record as a subscriber gets it: where it stood, and its value decoded, or the reason why it can't be. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sidestep.schemas import Bounce, EmailIntent, Engagement
from sidestep.schemas.codec import ContractError, decode
from sidestep.schemas.framed import frames
from sidestep.topics.catalog import BY_NAME
from sidestep.topics.headers import UnreadableHeaders, headers_of

if TYPE_CHECKING:  # what was received can be looked at without Kafka's client
    from confluent_kafka import Message

FRAMED = (EmailIntent, Bounce, Engagement)
"""What others write, and may put into frames."""


@dataclass(frozen=True)
class Unreadable:
    """A value that breaks the contract. `code` is short, `text` says what is wrong, `octets` are the value itself."""

    code: str
    text: str
    octets: bytes | None


class Unproved(Unreadable):
    """A value that nobody may act on, as nothing proves that it is a verdict: see Verdicts(…, verify=…)."""


@dataclass(frozen=True)
class Received:
    """One record. `value` is the topic's model, octets where the topic has none, or Unreadable."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    """Milliseconds since 1970; 0 where the record has none."""
    key: bytes | None
    value: Any
    headers: Mapping[str, bytes | None] = field(default_factory=dict)


def received(message: "Message") -> Received:
    """A record from librdkafka's message. The last header of a name counts."""
    return Received(
        message.topic() or "",
        message.partition() or 0,
        message.offset() or 0,
        max(message.timestamp()[1], 0),
        octets_of(message.key()),
        _value(message.topic() or "", octets_of(message.value())),
        _headers(message),
    )


def _headers(message: "Message") -> dict[str, bytes | None]:
    """None of them where the name of one is not UTF-8: nobody who may write to a topic can stop its readers."""
    try:
        return dict(headers_of(message))
    except UnreadableHeaders:
        return {}


def _value(topic: str, octets: bytes | None) -> Any:
    entry = BY_NAME.get(topic)
    if entry is None or entry.schema is None:
        return octets
    try:
        return decode(entry.schema, octets)
    except ContractError as error:
        fault = Unreadable(error.code, str(error), octets)
    found = frames(octets) if entry.schema in FRAMED else []
    if not found:
        return fault
    try:
        return decode(entry.schema, found[-1].value)
    except ContractError as error:
        return Unreadable(error.code, f"in {found[-1].frame}: {error}", octets)


def octets_of(value: bytes | str | None) -> bytes | None:
    """A value or a key as the client's types have it -> octets."""
    return value.encode() if isinstance(value, str) else value
