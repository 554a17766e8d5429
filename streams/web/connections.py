"""The connections of a server: accepted one by one, never more than so many. Where they are all taken, the client that
has kept us waiting for longest makes room for the next one."""

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Callable

from sidestep.streams.web.guarded import ConnectionLimits, Guarded

BACKLOG = 1024
"""Connections that the kernel holds until they are accepted."""

SWEEP_SECONDS = 0.5
"""Between two looks at who is overdue."""

AGAIN_SECONDS = 0.2
"""After the system has not given a connection (no descriptors are left, say), or while there is no room."""

NOT_HERE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)

log = logging.getLogger(__name__)

NewProtocol = Callable[[], asyncio.BaseProtocol]


class Connections:
    """The connections of a server, from `listen` to `close`. Belongs to one event loop."""

    def __init__(self, new_protocol: NewProtocol, limits: ConnectionLimits, tls: ssl.SSLContext | None) -> None:
        """`new_protocol` makes the HTTP library's protocol of a connection."""
        self._new_protocol = new_protocol
        self._limits = limits
        self._tls = tls
        self._open: dict[Guarded, asyncio.Task[None]] = {}
        self._unfinished = 0
        """Octets of heads."""
        self._listeners: list[socket.socket] = []
        self._tasks: list[asyncio.Task[None]] = []

    def __len__(self) -> int:
        return len(self._open)

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """IP addresses and ports that are listened on."""
        return [listener.getsockname()[:2] for listener in self._listeners]

    async def listen(self, host: str, port: int) -> None:
        """Accept whoever comes. Raises OSError."""
        try:
            await self._bind(host, port)
        except BaseException:
            self._hang_up()
            raise
        self._tasks = [asyncio.create_task(self._accept(listener)) for listener in self._listeners]
        self._tasks.append(asyncio.create_task(self._sweep()))

    async def refuse(self) -> None:
        """Accept nobody any more; who is connected stays."""
        await _end(self._tasks)
        self._hang_up()

    async def close(self) -> None:
        """Cut off whoever is left."""
        tasks = list(self._open.values())
        for connection in list(self._open):
            self._cut(connection)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _bind(self, host: str, port: int) -> None:
        found = await asyncio.get_running_loop().getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        missing: OSError | None = None
        for family, address in dict.fromkeys((family, address) for family, _, _, _, address in found):
            # with port 0 all addresses get the same one, the first that is free
            at = (address[0], self.addresses[0][1] if self._listeners else port, *address[2:])
            try:
                listener = socket.create_server(at, family=family, backlog=BACKLOG)
            except OSError as error:
                if error.errno not in NOT_HERE:
                    raise
                missing = error  # localhost is ::1 as well, on machines without IPv6 too
                continue
            listener.setblocking(False)
            self._listeners.append(listener)
        if missing is not None and not self._listeners:
            raise missing

    def _hang_up(self) -> None:
        for listener in self._listeners:
            listener.close()
        self._listeners, self._tasks = [], []

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, _ = await loop.sock_accept(listener)
            except OSError as error:
                log.warning("a connection could not be accepted: %s", error)
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            try:
                await self._make_room()
            except BaseException:
                accepted.close()
                raise
            self._greet(accepted)

    async def _make_room(self) -> None:
        while len(self._open) >= self._limits.most:
            waiting = [connection for connection in self._open if connection.waits_since is not None]
            if not waiting:
                await asyncio.sleep(AGAIN_SECONDS)  # each has a request under way, which ends within seconds
                continue
            self._cut(min(waiting, key=lambda connection: connection.waits_since or 0.0))

    def _greet(self, accepted: socket.socket) -> None:
        connection = Guarded(self._new_protocol(), self._limits, self._forget, self._heads_grown)
        self._open[connection] = asyncio.create_task(self._open_up(connection, accepted))

    async def _open_up(self, connection: Guarded, accepted: socket.socket) -> None:
        seconds = None if self._tls is None else self._limits.handshake
        made = False
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: connection, accepted, ssl=self._tls, ssl_handshake_timeout=seconds
            )
            made = True
        except OSError:
            pass  # it spoke no TLS, was too slow, or is gone
        finally:
            if not made:
                self._forget(connection)
                accepted.close()

    def _cut(self, connection: Guarded) -> None:
        task = self._open.pop(connection)
        if not task.done():
            task.cancel()
        connection.cut()

    def _forget(self, connection: Guarded) -> None:
        self._open.pop(connection, None)

    def _heads_grown(self, octets: int) -> None:
        self._unfinished += octets
        if octets > 0 and self._unfinished > self._limits.heads and self._open:
            self._cut(max(self._open, key=lambda connection: connection.unfinished))

    async def _sweep(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = clock()
            for connection in [each for each in self._open if each.overdue(now)]:
                self._cut(connection)


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
