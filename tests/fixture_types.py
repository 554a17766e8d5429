"""Types of the fixtures that all tests share; conftest.py makes them."""

from collections.abc import Callable
from typing import Protocol, TypeVar

Found = TypeVar("Found")


class WaitUntil(Protocol):
    """Asks again and again until there is something."""

    def __call__(self, condition: Callable[[], Found | None], seconds: float = 10.0, every: float = 0.02) -> Found:
        """The condition's first true value; the test fails when there is none within `seconds`."""


class MakeTopic(Protocol):
    """Makes a topic that nobody else uses."""

    def __call__(self, partitions: int = 1, **config: str) -> str:
        """Its name. `config`: settings of the topic, with underscores for dots."""
