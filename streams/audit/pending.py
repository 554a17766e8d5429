"""Values by key that wait for another one: some in memory, the rest in a store that is made when it is needed. Pure."""

from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from sidestep.streams.audit.key_values import KeyValues

MOST = 50_000
"""Kept in memory, some 20 MB."""

Value = TypeVar("Value")


class Pending(Generic[Value]):
    """Who looks a key up in `values`, or writes it, has it fetched before."""

    def __init__(
        self,
        new_store: Callable[[], KeyValues],
        pack: Callable[[Value], bytes],
        unpack: Callable[[bytes], Value],
        most: int = MOST,
    ):
        self.values: dict[bytes, Value] = {}
        self._new_store = new_store
        self._pack = pack
        self._unpack = unpack
        self._most = most
        self._store: KeyValues | None = None

    def __bool__(self) -> bool:
        return bool(self.values) or (self._store is not None and next(iter(self._store.items(b"")), None) is not None)

    def fetch(self, keys: Iterable[bytes]) -> None:
        """Have what waits under these keys in memory."""
        if self._store is None:
            return
        wanted = list({key for key in keys if key not in self.values})
        found = {key: value for key, value in zip(wanted, self._store.get_many(wanted), strict=True) if value}
        self.values.update({key: self._unpack(value) for key, value in found.items()})
        if found:
            self._store.put([(key, None) for key in found])

    def bound(self) -> None:
        """Bring memory down to what it may be."""
        if len(self.values) > self._most:
            self.put_by()

    def put_by(self) -> None:
        """Into the store, all of it."""
        if self._store is None:
            self._store = self._new_store()
        self._store.put([(key, self._pack(value)) for key, value in self.values.items()])
        self.values.clear()

    def items(self) -> Iterator[tuple[bytes, Value]]:
        """Everything, in key order."""
        if self._store is None:
            yield from sorted(self.values.items(), key=lambda item: item[0])
            return
        self.put_by()
        for key, value in self._store.items(b""):
            yield key, self._unpack(value)
