"""Caches of answers, bounded in number; those with a time to live forget by themselves. Pure: the time is handed in."""

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class BoundedCache(Generic[Key, Value]):
    """The newest so many values by key; beyond that number the oldest goes."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[Key, Value] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Key) -> Value | None:
        """The value; None when it was never put in, or was pushed out."""
        return self._values.get(key)

    def put(self, key: Key, value: Value) -> None:
        """Keep a value in place of an older one, as the newest of all."""
        self._values.pop(key, None)
        self._values[key] = value
        if len(self._values) > self._size:
            self._values.popitem(last=False)

    def items(self) -> list[tuple[Key, Value]]:
        """Keys and values, oldest first."""
        return list(self._values.items())


class TtlCache(Generic[Key, Value]):
    """Values by key, each for a time of its own; beyond a number of them the oldest goes. Times are seconds."""

    def __init__(self, size: int) -> None:
        self._values: BoundedCache[Key, tuple[Value, float]] = BoundedCache(size)

    def __len__(self) -> int:
        return len(self._values)

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
