"""Where a reader of a topic begins that has nothing to resume from. Pure."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Last:
    """The last so many offsets of each partition. Records take up one each, ends of transactions too."""

    offsets: int


@dataclass(frozen=True)
class Since:
    """The first record of each partition that is so young: milliseconds since 1970, as Kafka has stamped it."""

    ms: int


Start = Literal["resume", "latest", "earliest"] | Last | Since
