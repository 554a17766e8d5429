"""One connection of a server, and until when it may go on: who sends or reads too slowly is cut off.

aiohttp bounds how much it reads of a request and not how long that takes; asyncio waits for ever for a client that does
not read.
"""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast


@dataclass(frozen=True)
class ConnectionLimits:
    """The limits of a server's connections: how many, and seconds for each thing that a client may be waited for."""

    most: int
    idle: float
    """From an answer to the next request."""
    request: float
    """From a whole head to the handler's end, the body's arrival included."""
    head: float = 5.0
    """From the connection, or from the first octet after an answer, to a whole head."""
    handshake: float = 5.0
    """Of TLS."""
    reading: float = 10.0
    """For which an answer may lie here because the client does not read."""
    heads: int = 32 * 2**20
    """Octets of all heads together that are not finished; who has sent most of them is cut off."""


class Guarded(asyncio.Protocol):
    """A connection between its transport and the HTTP library's protocol, which gets everything that happens."""

    def __init__(
        self,
        inner: asyncio.BaseProtocol,
        limits: ConnectionLimits,
        lost: Callable[["Guarded"], None],
        grown: Callable[[int], None],
    ) -> None:
        """`lost` is told when the connection has ended, `grown` by how many octets heads are more or fewer."""
        self._inner = cast(asyncio.Protocol, inner)
        self._limits = limits
        self._lost = lost
        self._grown = grown
        self.unfinished = 0
        """Octets of a head that is not whole yet."""
        self._transport: asyncio.Transport | None = None
        self._clock = asyncio.get_running_loop().time
        self._quiet = False
        """Answered, and nothing has come since."""
        self._until = math.inf
        self._read_until = math.inf
        self.waits_since: float | None = self._clock()
        """Since when it is the client's turn; None: it is ours."""

    def overdue(self, now: float) -> bool:
        """Whether the client has been waited for long enough."""
        return now > min(self._until, self._read_until)

    def cut(self) -> None:
        """End the connection now, whatever has not been read or sent."""
        self._head_is_over()
        if self._transport is not None:
            self._transport.abort()

    def begun(self) -> None:
        """A whole head has come; it is our turn."""
        self.waits_since = None
        self._until = self._clock() + self._limits.request
        self._head_is_over()

    def answered(self) -> None:
        """The handler has ended; it is the client's turn."""
        self.waits_since, self._quiet = self._clock(), True
        self._until = self.waits_since + self._limits.idle

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """From here on a head is waited for."""
        self._transport = cast(asyncio.Transport, transport)
        self._until = self._clock() + self._limits.head
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """The first octets after an answer begin a head."""
        if self._quiet:
            self._quiet = False
            self._until = self._clock() + self._limits.head
        self._inner.data_received(data)
        if self.waits_since is not None:
            self.unfinished += len(data)
            self._grown(len(data))

    def pause_writing(self) -> None:
        """The client does not read."""
        self._read_until = self._clock() + self._limits.reading
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """The client has read."""
        self._read_until = math.inf
        self._inner.resume_writing()

    def eof_received(self) -> bool | None:
        """Handed on."""
        return self._inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Handed on, and told."""
        self._head_is_over()
        self._lost(self)
        self._inner.connection_lost(exc)

    def _head_is_over(self) -> None:
        self._grown(-self.unfinished)
        self.unfinished = 0


def guard_of(transport: asyncio.BaseTransport | None) -> Guarded | None:
    """What guards the connection of a request; None when it has ended."""
    protocol = transport.get_protocol() if transport is not None else None
    return protocol if isinstance(protocol, Guarded) else None
