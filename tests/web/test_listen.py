"""The HTTP server that the worker's endpoints and /v1/validate share, over real sockets."""

import asyncio
import logging

import pytest
from aiohttp import ClientSession, web

from sidestep.streams.web.exposure import all_loopback
from sidestep.streams.web.guarded import ConnectionLimits
from sidestep.streams.web.listen import HttpServer, Listen
from sidestep.streams.web.validate.serving import NAMES


def _server(host: str = "127.0.0.1") -> HttpServer:
    async def size(request: web.Request) -> web.Response:
        return web.Response(text=str(len(await request.read())))

    app = web.Application()
    app.add_routes([web.post("/", size)])
    return HttpServer(app, Listen(host, 0, NAMES, ConnectionLimits(most=10, idle=5, request=5)), stop_seconds=1.0)


def test_a_compressed_body_stays_as_it_came() -> None:
    """Whatever the application does with bodies, a small one never unfolds to gigabytes."""

    async def post() -> tuple[str, str]:
        server = _server()
        await server.start()
        try:
            async with ClientSession() as session:
                headers = {"Content-Encoding": "gzip"}
                async with session.post(server.url, data=b"\x1f\x8b not gzip", headers=headers) as answer:
                    return await answer.text(), answer.headers["Server"]
        finally:
            await server.stop()

    assert asyncio.run(post()) == ("11", "sidestep")


def test_strangers_do_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """What is no HTTP is told once a second, without what it was."""

    async def noise() -> None:
        server = _server()
        await server.start()
        try:
            for _ in range(20):
                reader, writer = await asyncio.open_connection(server.host, server.port)
                writer.write(b"secret nonsense\r\n\r\n")
                await reader.read()
                writer.close()
        finally:
            await server.stop()

    with caplog.at_level(logging.DEBUG, "sidestep.streams.web"):
        asyncio.run(noise())
    assert caplog.text.count("a connection failed") <= 3 and "nonsense" not in caplog.text


@pytest.mark.parametrize(("host", "exposed"), [("127.0.0.1", False), ("0.0.0.0", True)])
def test_plain_text_beyond_loopback_is_known(host: str, exposed: bool) -> None:
    """By the addresses that the server really listens on."""

    async def start() -> bool:
        server = _server(host)
        await server.start()
        try:
            return server.exposed
        finally:
            await server.stop()

    assert asyncio.run(start()) is exposed


@pytest.mark.parametrize(
    ("addresses", "loopback"),
    [(["127.0.0.1", "::1"], True), (["127.0.0.1", "0.0.0.0"], False), (["fe80::1%eth0"], False), (["::"], False)],
)
def test_one_address_beyond_loopback_is_enough(addresses: list[str], loopback: bool) -> None:
    """Every interface is not loopback, and neither is a link."""
    assert all_loopback(addresses) is loopback
