"""Look-ups under way: one for each question, shared by everybody who asks it meanwhile. Belongs to one event loop."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Flights(Generic[Key, Value]):
    """`join` departs or comes along; what comes of it is for `arrival` to say."""

    def __init__(self) -> None:
        self._under_way: dict[Key, asyncio.Task[Value]] = {}

    def __len__(self) -> int:
        return len(self._under_way)

    def __contains__(self, key: Key) -> bool:
        return key in self._under_way

    def join(self, key: Key, depart: Callable[[], Coroutine[Any, Any, Value]]) -> "asyncio.Task[Value]":
        """The flight of this key; a new one where none is under way."""
        flight = self._under_way.get(key)
        if flight is None:
            flight = self._under_way[key] = asyncio.get_running_loop().create_task(depart())
            flight.add_done_callback(lambda _: self._under_way.pop(key, None))
        return flight

    async def close(self) -> None:
        """End them all."""
        flights = list(self._under_way.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)


async def arrival(flight: "asyncio.Task[Value]", closed: Value, timeout: float | None = None) -> Value:
    """What comes of a flight; `closed` where it was ended, or has not arrived within `timeout` seconds.

    Whoever is cancelled here leaves the flight to the others.
    """
    await asyncio.wait((flight,), timeout=timeout)  # unlike awaiting it, neither cancels it nor raises with it
    return flight.result() if flight.done() and not flight.cancelled() else closed
