"""The endpoints, asked over real sockets on loopback."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
import uvloop

from sidestep.streams.errors import SettingsError
from sidestep.streams.local.ports import free_port
from sidestep.streams.observe.health import Health
from sidestep.streams.observe.metrics import Metrics
from sidestep.streams.web.worker import WorkerEndpoints

HOST = "127.0.0.1"

NewLoop = Callable[[], asyncio.AbstractEventLoop]
LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop]
"""Workers run on uvloop, whose errors are not quite asyncio's."""


@asynccontextmanager
async def _served(health: Health, metrics: Metrics) -> AsyncIterator[aiohttp.ClientSession]:
    server = WorkerEndpoints(HOST, free_port(), health, metrics)
    await server.start()
    try:
        async with aiohttp.ClientSession(f"http://{HOST}:{server.port}") as session:
            yield session
    finally:
        await server.stop()


def _ready_health() -> Health:
    health = Health()
    health.assigned({("email-intents", 0)})
    health.broker_ok()
    return health


async def _ask(method: str, path: str, health: Health | None = None) -> tuple[int, str, dict[str, str]]:
    async with _served(health or _ready_health(), Metrics("1.2.3")) as session, session.request(method, path) as answer:
        return answer.status, await answer.text(), dict(answer.headers)


def test_health_is_answered_with_status_and_reasons() -> None:
    """200 and "ok" while all is well; 503 and every reason in the JSON body when not."""
    status, text, headers = asyncio.run(_ask("GET", "/readyz"))
    assert (status, json.loads(text)) == (200, {"status": "ok", "reasons": []})
    assert headers["Content-Type"].startswith("application/json")
    status, text, _ = asyncio.run(_ask("GET", "/readyz", Health()))
    assert (status, len(json.loads(text)["reasons"])) == (503, 2)
    assert asyncio.run(_ask("GET", "/livez", Health()))[0] == 200


def test_a_fatal_error_shows_on_both() -> None:
    """Supervisors see a worker that cannot go on, and why."""
    health = _ready_health()
    health.fatal("fenced")
    for path in ("/livez", "/readyz"):
        status, text, _ = asyncio.run(_ask("GET", path, health))
        assert (status, json.loads(text)["reasons"]) == (503, ["Stopped by an error: fenced"])


def test_metrics_are_served_as_text() -> None:
    """A scrape gets the text format of Prometheus, OpenMetrics when it asks for that."""
    status, text, headers = asyncio.run(_ask("GET", "/metrics"))
    assert status == 200
    assert "sidestep_build_info{" in text
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4")


def test_openmetrics_is_served_when_asked_for() -> None:
    """The Accept header chooses the format."""

    async def scrape() -> tuple[str, str]:
        accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
        async with _served(_ready_health(), Metrics()) as session, session.get("/metrics", headers=accept) as answer:
            return answer.headers["Content-Type"], await answer.text()

    content_type, text = asyncio.run(scrape())
    assert content_type.startswith("application/openmetrics-text")
    assert text.endswith("# EOF\n")


def test_the_index_names_the_endpoints() -> None:
    """Someone who opens the port in a browser learns what there is."""
    status, text, _ = asyncio.run(_ask("GET", "/"))
    assert status == 200
    for path in ("/livez", "/readyz", "/metrics"):
        assert path in text


@pytest.mark.parametrize("path", ["/", "/livez", "/readyz", "/metrics"])
def test_head_works_and_nothing_else_does(path: str) -> None:
    """Checks may use HEAD; no endpoint can be written to."""
    status, text, _ = asyncio.run(_ask("HEAD", path))
    assert (status, text) == (200, "")
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        assert asyncio.run(_ask(method, path))[0] == 405


@pytest.mark.parametrize("path", ["/livez", "/nothing-here"])
def test_answers_are_not_kept_and_name_no_versions(path: str) -> None:
    """No cache holds an old state; the server header gives no version away, on errors neither."""
    _, _, headers = asyncio.run(_ask("GET", path))
    assert headers["Cache-Control"] == "no-store"
    assert headers["Server"] == "sidestep"


@pytest.mark.parametrize("loop", LOOPS)
def test_a_port_that_is_taken_is_a_settings_error(loop: NewLoop) -> None:
    """The message names the setting and the port, and what to do."""

    async def start_twice() -> None:
        with socket.socket() as holder:
            holder.bind((HOST, 0))
            holder.listen()
            await WorkerEndpoints(HOST, holder.getsockname()[1], Health(), Metrics()).start()

    message = r"SIDESTEP_WEB_PORT=\d+: taken on 127\.0\.0\.1; choose another"
    with pytest.raises(SettingsError, match=message), asyncio.Runner(loop_factory=loop) as runner:
        runner.run(start_twice())


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(
    ("host", "port", "name"),
    [
        ("192.0.2.1", 6066, "SIDESTEP_WEB_HOST"),
        ("no such host", 6066, "SIDESTEP_WEB_HOST"),
        (HOST, 70_000, "SIDESTEP_WEB_PORT"),
    ],
)
def test_an_impossible_place_is_a_settings_error(host: str, port: int, name: str, loop: NewLoop) -> None:
    """A host that is not this machine's, and a port that is none, are told by the setting's name."""
    with pytest.raises(SettingsError, match=name), asyncio.Runner(loop_factory=loop) as runner:
        runner.run(WorkerEndpoints(host, port, Health(), Metrics()).start())


def test_port_0_serves_nothing() -> None:
    """Nothing listens, and start and stop are still safe to call."""

    async def start_and_stop() -> int:
        server = WorkerEndpoints(HOST, 0, Health(), Metrics())
        await server.start()
        count = len(server.addresses)
        await server.stop()
        return count

    assert asyncio.run(start_and_stop()) == 0


def test_a_stopped_server_frees_its_port() -> None:
    """The port can be bound again at once, as a restarted worker does."""

    async def twice() -> None:
        port = free_port()
        for _ in range(2):
            server = WorkerEndpoints(HOST, port, _ready_health(), Metrics())
            await server.start()
            async with aiohttp.ClientSession() as session, session.get(f"http://{HOST}:{port}/livez") as answer:
                assert answer.status == 200
            await server.stop()

    asyncio.run(twice())
