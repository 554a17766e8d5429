"""The HTTP server that the worker's endpoints and /v1/validate share, over real sockets."""

import asyncio
import logging
import socket

import pytest
from aiohttp import ClientSession, web

from sidestep.streams.observe.health import Health
from sidestep.streams.observe.metrics import Metrics
from sidestep.streams.web.exposure import all_loopback
from sidestep.streams.web.listen import HttpServer, Listen, SettingNames
from sidestep.streams.web.worker import WorkerEndpoints

NAMES = SettingNames("--host ", "--port ", "takes any that is free")


def _server(host: str = "127.0.0.1") -> HttpServer:
    async def size(request: web.Request) -> web.Response:
        return web.Response(text=str(len(await request.read())))

    app = web.Application()
    app.add_routes([web.post("/", size)])
    return HttpServer(app, Listen(host, 0, NAMES), stop_seconds=1.0)


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


@pytest.mark.parametrize(("host", "warned"), [("127.0.0.1", False), ("0.0.0.0", True)])
def test_a_worker_that_can_be_reached_from_elsewhere_says_so(
    host: str, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """A warning with what to do; it is served all the same, as in a container whose port is not published."""

    async def ask() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = WorkerEndpoints(host, port, Health(), Metrics())
        await server.start()
        try:
            async with ClientSession() as session, session.get(f"http://127.0.0.1:{port}/livez") as answer:
                return answer.status
        finally:
            await server.stop()

    with caplog.at_level(logging.WARNING):
        assert asyncio.run(ask()) == 200
    assert ("SIDESTEP_WEB_HOST=127.0.0.1" in caplog.text) is warned
