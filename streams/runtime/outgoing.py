"""Records on their way to Kafka, by where they go. One type for the publisher and the ledger. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NotRequired, Protocol, TypedDict

Headers = list[tuple[str, str | bytes | None]]
ANY_PARTITION = -1
"""The partition that the key says, or any."""


class Keyed(TypedDict):
    """A record of a batch, which goes to one partition."""

    key: str | bytes | None
    value: bytes | None


class Single(TypedDict):
    """A record that goes out by itself: the arguments of produce()."""

    topic: str
    partition: NotRequired[int]
    key: NotRequired[str | bytes | None]
    value: bytes | None
    headers: NotRequired[Headers]


Batches = Mapping[tuple[str, int], list[Keyed]]
"""By topic and partition."""


@dataclass
class Outgoing:
    """Records to send: `batches` go out at C speed, `singles` are for those with headers."""

    batches: Batches = field(default_factory=dict)
    singles: Sequence[Single] = ()


class Sender(Protocol):
    """Takes records to Kafka: the publisher, or what stands in for it."""

    async def send(self, outgoing: Outgoing) -> None:
        """Returns when Kafka has all of it. Raises SidestepError."""
