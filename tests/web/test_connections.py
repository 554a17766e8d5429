"""Clients that are slow, silent, many or greedy, over real sockets: they are cut off, and the others are served."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop
from aiohttp import web

from sidestep.streams.local.development_ca import DevelopmentCA
from sidestep.streams.web.certificate import ServerCertificate
from sidestep.streams.web.guarded import ConnectionLimits
from sidestep.streams.web.listen import FIELD_MAX, FIELDS_MAX, HttpServer, Listen
from sidestep.streams.web.validate.serving import NAMES

LIMITS = ConnectionLimits(most=3, idle=2.0, request=0.6, head=0.3, handshake=0.3, reading=0.3)
PATIENT = ConnectionLimits(most=3, idle=60.0, request=60.0, head=60.0)
SOON = 5.0
"""Seconds within which all of those are over, whatever else the machine does."""
ASK = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LARGE = 30_000_000
"""Octets of an answer that no buffers between client and server hold."""

LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop]

pytestmark = pytest.mark.parametrize("loop", LOOPS, ids=["asyncio", "uvloop"])
NewLoop = Callable[[], asyncio.AbstractEventLoop]


@asynccontextmanager
async def _serving(certificate: ServerCertificate | None, limits: ConnectionLimits) -> AsyncIterator[HttpServer]:
    async def short(_: web.Request) -> web.Response:
        return web.Response(text="here")

    async def large(_: web.Request) -> web.Response:
        return web.Response(body=bytes(LARGE))

    async def never(_: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    app = web.Application()
    app.add_routes([web.get("/", short), web.get("/large", large), web.get("/never", never)])
    server = HttpServer(app, Listen("127.0.0.1", 0, NAMES, limits, certificate), stop_seconds=0.1)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def _run(
    loop: NewLoop,
    scene: Callable[[HttpServer], Awaitable[Any]],
    certificate: ServerCertificate | None = None,
    limits: ConnectionLimits = LIMITS,
) -> Any:
    async def play() -> Any:
        async with _serving(certificate, limits) as server:
            return await asyncio.wait_for(scene(server), 20)

    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(play())


Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _connect(server: HttpServer) -> Client:
    return await asyncio.open_connection(server.host, server.port)


async def _is_cut(client: Client) -> float:
    """Seconds until the server has ended the connection."""
    began = time.monotonic()
    try:
        while await asyncio.wait_for(client[0].read(65536), SOON):
            pass
    except ConnectionError:
        pass
    return time.monotonic() - began


async def _answered(client: Client) -> bool:
    client[1].write(ASK)
    return (await asyncio.wait_for(client[0].readuntil(b"here"), SOON)).startswith(b"HTTP/1.1 200")


async def _trickle(client: Client, octets: bytes) -> None:
    try:
        for octet in octets:
            client[1].write(bytes([octet]))
            await client[1].drain()
            await asyncio.sleep(0.05)
    except ConnectionError:
        pass


@pytest.mark.parametrize("octets", [b"", b"GET / HTTP/1.1\r\nHost: x" + b"x" * 500])
def test_an_unfinished_head_is_cut_off(loop: NewLoop, octets: bytes) -> None:
    """One that never begins, and one of which an octet comes now and then."""

    async def scene(server: HttpServer) -> float:
        client = await _connect(server)
        sending = asyncio.create_task(_trickle(client, octets))
        seconds = await _is_cut(client)
        sending.cancel()
        return seconds

    assert LIMITS.head * 0.8 < _run(loop, scene) < LIMITS.idle * 0.8


def test_a_second_head_has_no_more_time(loop: NewLoop) -> None:
    """A connection that was answered is kept, and whoever then sends octet by octet is cut off as before."""

    async def scene(server: HttpServer) -> float:
        client = await _connect(server)
        assert await _answered(client)
        assert await _answered(client)
        sending = asyncio.create_task(_trickle(client, b"GET / HTTP/1.1\r\n" + b"x" * 500))
        seconds = await _is_cut(client)
        sending.cancel()
        return seconds

    assert _run(loop, scene) < LIMITS.idle * 0.8


def test_an_idle_connection_is_closed(loop: NewLoop) -> None:
    """Kept for the next request, not for ever."""

    async def scene(server: HttpServer) -> float:
        client = await _connect(server)
        assert await _answered(client)
        return await _is_cut(client)

    assert LIMITS.idle * 0.8 < _run(loop, scene) < SOON


def test_a_client_that_does_not_read_is_cut_off(loop: NewLoop) -> None:
    """Its answer does not lie here for ever."""

    async def scene(server: HttpServer) -> float:
        _, writer = client = await _connect(server)
        client[0]._transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        await _until(lambda: server.connected == 1)
        began = time.monotonic()
        await _until(lambda: server.connected == 0)
        writer.transport.abort()
        return time.monotonic() - began

    assert _run(loop, scene) < LIMITS.idle * 0.8


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(SOON):
        while not condition():
            await asyncio.sleep(0.02)


def test_a_head_that_never_ends_is_not_kept(loop: NewLoop) -> None:
    """Refused as soon as it is larger than any honest one: 256 KiB, in headers of the largest size."""

    async def scene(server: HttpServer) -> bytes:
        reader, writer = await _connect(server)
        writer.write(b"GET / HTTP/1.1\r\n")
        for number in range(FIELDS_MAX + 2):
            writer.write(b"x%d: %s\r\n" % (number, b"y" * (FIELD_MAX - 10)))
        return await asyncio.wait_for(reader.readline(), SOON)

    assert b" 400 " in _run(loop, scene)


@pytest.mark.parametrize("head", [b"GET /" + b"x" * 3_000 + b" HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nx: " + b"y" * 5_000])
def test_a_line_that_is_too_long_is_refused(loop: NewLoop, head: bytes) -> None:
    """400, and the end."""

    async def scene(server: HttpServer) -> bytes:
        reader, writer = await _connect(server)
        writer.write(head + b"\r\n\r\n")
        return await asyncio.wait_for(reader.readline(), SOON)

    assert b" 400 " in _run(loop, scene)


def test_who_has_waited_longest_makes_room(loop: NewLoop) -> None:
    """With all connections taken by clients that send nothing, somebody who does ask is still answered at once."""

    async def scene(server: HttpServer) -> tuple[list[bool], int]:
        silent = [await _connect(server) for _ in range(LIMITS.most)]
        await _until(lambda: server.connected == LIMITS.most)
        answers = [await _answered(await _connect(server)) for _ in range(2)]
        assert await _is_cut(silent[0]) < SOON
        return answers, server.connected

    answers, connected = _run(loop, scene, limits=PATIENT)
    assert answers == [True, True] and connected <= LIMITS.most


def test_requests_under_way_are_not_cut_for_others(loop: NewLoop) -> None:
    """Where all are being answered the next one waits, for as long as a request may take at most."""

    async def scene(server: HttpServer) -> bool:
        busy = [await _connect(server) for _ in range(LIMITS.most)]
        for _, writer in busy:
            writer.write(b"GET /never HTTP/1.1\r\nHost: x\r\n\r\n")
        await _until(lambda: server.connected == LIMITS.most)
        return await _answered(await _connect(server))

    assert _run(loop, scene)


def test_connections_stay_few(loop: NewLoop) -> None:
    """However many come: descriptors are the resolver's and the ledger's as well."""

    async def scene(server: HttpServer) -> int:
        clients = [await _connect(server) for _ in range(30)]
        most = server.connected
        for client in clients[:20]:
            client[1].write(b"GET / ")
        await _until(lambda: server.connected <= LIMITS.most)
        return max(most, server.connected)

    assert _run(loop, scene, limits=PATIENT) <= PATIENT.most


def test_a_handshake_that_does_not_begin_is_cut_off(loop: NewLoop, tmp_path: Path) -> None:
    """It counts as a connection from the start; no TLS is no handshake either; an honest client gets its answer."""
    authority = DevelopmentCA(tmp_path)
    issued = authority.issue("here", ["127.0.0.1"])

    async def scene(server: HttpServer) -> tuple[int, float, float]:
        silent, plain = await _connect(server), await _connect(server)
        plain[1].write(ASK)
        await _until(lambda: server.connected > 0)
        connected = server.connected
        return connected, await _is_cut(plain), await _is_cut(silent)

    certificate = ServerCertificate(issued.certificate, issued.key, NAMES)
    connected, of_plain, of_silent = _run(loop, scene, certificate)
    assert 0 < connected <= 2 and of_plain < SOON and of_silent < SOON


def test_who_has_sent_most_of_unfinished_heads_is_cut_off(loop: NewLoop) -> None:
    """All heads together have some room: who fills it ends, and who sends an honest one is answered, then and later."""

    async def scene(server: HttpServer) -> tuple[bool, bool]:
        honest, greedy = await _connect(server), await _connect(server)
        honest[1].write(ASK[:10])
        greedy[1].write(b"GET / HTTP/1.1\r\nx: " + b"y" * 1_000)
        await _is_cut(greedy)
        honest[1].write(ASK[10:])
        first = (await asyncio.wait_for(honest[0].readuntil(b"here"), SOON)).startswith(b"HTTP/1.1 200")
        return first, all([await _answered(honest) for _ in range(20)])

    limits = ConnectionLimits(most=3, idle=60.0, request=60.0, head=60.0, heads=300)
    assert (True, True) == _run(loop, scene, limits=limits)


def test_a_flood_of_unfinished_heads_costs_little(loop: NewLoop) -> None:
    """Ten megabytes of pipelined requests and of heads without an end: the server answers the next one."""

    async def scene(server: HttpServer) -> bool:
        with socket.create_connection((server.host, server.port)) as flood:
            flood.setblocking(False)
            for _ in range(20):
                try:
                    flood.send(ASK * 20_000)
                except BlockingIOError:
                    await asyncio.sleep(0.01)
                except ConnectionError:
                    break
            return await _answered(await _connect(server))

    assert _run(loop, scene)
