"""A network that can be broken: a TCP proxy on loopback, whose port a broker advertises on a listener of its own.

    with Proxy() as proxy, EmbeddedKafka(folder, server=Server(listeners=(proxy.listener("PROXIED"),))):
        worker = system.start("decide", broker=proxy.connection)
        proxy.up(Flow(held=True))

Knows Kafka's frames (four octets of length, then so many), so that single requests can be slow.
"""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from random import random
from types import TracebackType
from typing import Self

from sidestep.streams.local.embedded_config import Listener
from sidestep.topics.connection import Connection
from tests.guarantees.harness.ports import HOST, lasting_ports

LENGTH = 4
ON_THE_WAY = 64
"""Frames of one connection that may be under way at once."""
CHUNK = 4096


def _all(_frame: bytes) -> bool:
    return True


@dataclass(frozen=True)
class Flow:
    """How one way behaves. What is held is passed on when it no longer is, as TCP does when a cut network is mended."""

    held: bool = False
    delay: float = 0.0
    """Seconds that a frame takes."""
    rate: float = float("inf")
    """Octets a second of one connection."""
    slow: Callable[[bytes], bool] = _all
    """Which frames `delay` is for."""


OPEN = Flow()
LOST_SHARE = 0.05


def _lost(_frame: bytes) -> bool:
    return random() < LOST_SHARE


LOSSY = Flow(delay=0.4, slow=_lost)
"""One in twenty is lost and sent again, twice as late as TCP does it at the least (RFC 6298, 200 ms in Linux); what
comes behind it on the connection waits. What a lossy network is to programs, which never see a packet."""


class Proxy:
    """Forwards to a port of the broker as long as the context is open. Its methods may be called from any thread."""

    def __init__(self) -> None:
        self.target = lasting_ports(1)[0]
        """Where the broker listens."""
        self.port = 0
        self.broken = 0
        """Connections that were reset or refused."""
        self._flows = {"up": OPEN, "down": OPEN}
        self._refusing = False
        self._loop = asyncio.new_event_loop()
        self._changed = asyncio.Event()
        self._sockets: set[asyncio.StreamWriter] = set()
        self._ways: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)

    @property
    def connection(self) -> Connection:
        """For whoever is to be behind the proxy."""
        return Connection(f"{HOST}:{self.port}")

    def listener(self, name: str) -> Listener:
        """What the broker needs, so that clients behind the proxy stay behind it."""
        return Listener(name, self.target, self.port)

    def up(self, flow: Flow) -> None:
        """From now on requests travel like this."""
        self._do(self._set, "up", flow)

    def down(self, flow: Flow) -> None:
        """From now on answers travel like this."""
        self._do(self._set, "down", flow)

    def both(self, flow: Flow) -> None:
        """Requests and answers."""
        self.up(flow)
        self.down(flow)

    def reset(self) -> None:
        """Break all connections that there are (RST); new ones work."""
        self._do(self._reset)

    def refuse(self) -> None:
        """Break all connections, and new ones at once."""
        self._do(self._refuse, True)

    def mend(self) -> None:
        """All is well again. Connections that were cut go on, with what was held."""
        self._do(self._refuse, False)
        self.both(OPEN)

    def __enter__(self) -> Self:
        self._thread.start()
        server = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._connected, HOST, 0), self._loop).result(10)
        self.port = server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _do(self, change: Callable[..., None], *arguments: object) -> None:
        async def now() -> None:
            change(*arguments)

        asyncio.run_coroutine_threadsafe(now(), self._loop).result(10)

    def _set(self, way: str, flow: Flow) -> None:
        self._flows[way] = flow
        self._changed.set()
        self._changed = asyncio.Event()

    def _refuse(self, refusing: bool) -> None:
        self._refusing = refusing
        if refusing:
            self._reset()

    def _reset(self) -> None:
        for writer in list(self._sockets):
            self._break(writer)

    def _break(self, writer: asyncio.StreamWriter) -> None:
        self.broken += 1
        with contextlib.suppress(OSError):  # the other end was quicker
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async def _close(self) -> None:
        self._reset()
        for way in list(self._ways):
            way.cancel()
        await asyncio.gather(*self._ways, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing:
            return self._break(writer)
        try:
            there = await asyncio.open_connection(HOST, self.target, limit=2**22)
        except OSError:
            return self._break(writer)
        self._sockets |= {writer, there[1]}
        for way, source, sink in (("up", reader, there[1]), ("down", there[0], writer)):
            task = asyncio.create_task(self._carry(way, source, sink))
            self._ways.add(task)
            task.add_done_callback(self._ways.discard)

    async def _carry(self, way: str, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        """One way of one connection until its source ends, or its sink does."""
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(ON_THE_WAY)
        reading = asyncio.create_task(self._receive(way, source, queue))
        try:
            while True:
                due, frame = await queue.get()
                if not frame:
                    break
                await asyncio.sleep(due - self._loop.time())
                await self._pass_on(way, frame, sink)
        except OSError:
            pass  # the sink is gone, and so is what was on its way
        finally:
            reading.cancel()
            self._sockets.discard(sink)
            sink.close()

    async def _receive(
        self, way: str, source: asyncio.StreamReader, queue: "asyncio.Queue[tuple[float, bytes]]"
    ) -> None:
        frame = b"-"
        while frame:
            frame = await _frame(source)
            flow = self._flows[way]
            delay = flow.delay if flow.delay and flow.slow(frame) else 0.0
            await queue.put((self._loop.time() + delay, frame))

    async def _pass_on(self, way: str, frame: bytes, sink: asyncio.StreamWriter) -> None:
        for start in range(0, len(frame), CHUNK):
            while self._flows[way].held:
                await self._changed.wait()
            chunk = frame[start : start + CHUNK]
            sink.write(chunk)
            await sink.drain()
            if self._flows[way].rate != OPEN.rate:
                await asyncio.sleep(len(chunk) / self._flows[way].rate)


async def _frame(source: asyncio.StreamReader) -> bytes:
    """The next frame with its length; what there is of it when the connection ends, so empty at the end."""
    try:
        length = await source.readexactly(LENGTH)
        return length + await source.readexactly(int.from_bytes(length, "big"))
    except asyncio.IncompleteReadError as cut:
        return cut.partial
    except OSError:
        return b""
