"""Caches of answers, bounded in number and in octets; those with a time to live forget by themselves. Pure: the time is
handed in."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


def _nothing(key: object, value: object) -> int:
    return 0


class BoundedCache(Generic[Key, Value]):
    """The newest so many values by key; beyond that number, or beyond so many octets, the oldest go."""

    def __init__(self, size: int, most: int = 0, weigh: Callable[[Key, Value], int] = _nothing) -> None:
        """`size`: values. `most`: octets as `weigh` has them, which says the same of a value whenever it is asked."""
        self.octets = 0
        self._size, self._most, self._weigh = size, most, weigh
        self._values: OrderedDict[Key, Value] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Key) -> Value | None:
        """The value; None when it was never put in, or was pushed out."""
        return self._values.get(key)

    def put(self, key: Key, value: Value) -> None:
        """Keep a value in place of an older one, as the newest of all."""
        self.drop(key)
        self._values[key] = value
        self.octets += self._weigh(key, value)
        while len(self._values) > self._size or self.octets > self._most:
            self.octets -= self._weigh(*self._values.popitem(last=False))

    def drop(self, key: Key) -> None:
        """Forget a value, if there is one."""
        held = self._values.pop(key, None)
        if held is not None:
            self.octets -= self._weigh(key, held)

    def items(self) -> list[tuple[Key, Value]]:
        """Keys and values, oldest first."""
        return list(self._values.items())


class TtlCache(Generic[Key, Value]):
    """Values by key, each for a time of its own; beyond a number of them, or of octets, the oldest go. Times are
    seconds."""

    def __init__(self, size: int, most: int = 0, weigh: Callable[[Key, Value], int] = _nothing) -> None:
        """Arguments as of BoundedCache."""
        self._values: BoundedCache[Key, tuple[Value, float]] = BoundedCache(
            size, most, lambda key, held: weigh(key, held[0])
        )

    def __len__(self) -> int:
        return len(self._values)

    @property
    def octets(self) -> int:
        """The octets of all values."""
        return self._values.octets

    def get(self, key: Key, now: float) -> Value | None:
        """The value while its time lasts, else None."""
        held = self._values.get(key)
        return held[0] if held is not None and now < held[1] else None

    def left(self, key: Key, now: float) -> float:
        """The seconds that a value still has; 0 where there is none."""
        held = self._values.get(key)
        return max(0.0, held[1] - now) if held is not None else 0.0

    def put(self, key: Key, value: Value, expires_at: float) -> None:
        """Keep a value until `expires_at`, in place of an older one."""
        self._values.put(key, (value, expires_at))

    def items(self, now: float) -> Iterator[tuple[Key, Value]]:
        """Keys and values whose time lasts, oldest first."""
        return ((key, value) for key, (value, expires_at) in self._values.items() if now < expires_at)
