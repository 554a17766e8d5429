"""`sidestep ready`, against real endpoints: in plain text and over TLS."""

import asyncio
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from sidestep.streams.cli import main
from sidestep.streams.errors import SettingsError
from sidestep.streams.local.development_ca import DevelopmentCA, Issued
from sidestep.streams.observe.health import Health
from sidestep.streams.observe.metrics import Metrics
from sidestep.streams.web.certificate import ServerCertificate
from sidestep.streams.web.readiness import status
from sidestep.streams.web.worker import NAMES, WorkerEndpoints

HOST = "127.0.0.1"


def ready() -> Health:
    """The health of a worker that has what it needs."""
    health = Health()
    health.broker_ok()
    health.assigned({("email-intents", 0)})
    return health


@pytest.fixture
def unused_port() -> int:
    """A port at which nobody listens."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def issued(tmp_path: Path) -> Issued:
    """A certificate for a name that this machine does not have."""
    return DevelopmentCA(tmp_path).issue("decide", ["workers"])


async def asked(health: Health, port: int, server: Issued | None, client: Path | None) -> str:
    """What a server says, or what is wrong."""
    certificate = ServerCertificate(server.certificate, server.key, NAMES) if server else None
    endpoints = WorkerEndpoints(HOST, port, health, Metrics(), certificate=certificate)
    await endpoints.start()
    try:
        return await asyncio.to_thread(status, HOST, port, client)
    finally:
        await endpoints.stop()


def test_plain_text(unused_port: int) -> None:
    """On loopback there is no certificate."""
    assert "ok" == asyncio.run(asked(ready(), unused_port, None, None))


def test_over_tls_without_an_authority(unused_port: int, issued: Issued) -> None:
    """The server's own certificate is all that is trusted, whatever name it is reached by."""
    assert "ok" == asyncio.run(asked(ready(), unused_port, issued, issued.certificate))


def test_another_servers_certificate(unused_port: int, issued: Issued, tmp_path: Path) -> None:
    """Somebody else's server at that port is no ready worker, not even one of the same authority."""
    other = DevelopmentCA(tmp_path).issue("watch", ["workers"])
    found = asyncio.run(asked(ready(), unused_port, other, issued.certificate))
    assert found.startswith("no TLS with the certificate")


def test_not_ready(unused_port: int) -> None:
    """Nothing assigned yet."""
    assert "HTTP 503, failed" == asyncio.run(asked(Health(), unused_port, None, None))


def test_nobody_there(unused_port: int, issued: Issued) -> None:
    """A worker that has ended."""
    assert "no answer (Connection refused)" == status(HOST, unused_port)
    assert "no answer (Connection refused)" == status(HOST, unused_port, issued.certificate)


def test_a_file_that_is_no_certificate(unused_port: int, tmp_path: Path) -> None:
    """A fault of the settings, not of the server."""
    (tmp_path / "x.pem").write_text("nothing")
    with pytest.raises(SettingsError, match="give the server's certificate"):
        asyncio.run(asked(ready(), unused_port, None, tmp_path / "x.pem"))


def test_the_command_fails_where_nobody_answers(unused_port: int) -> None:
    """Exit code 1 and a few words; settings come from the environment as the worker's own do."""
    done = CliRunner().invoke(main, ["ready"], env={"SIDESTEP_WEB_PORT": str(unused_port)})
    assert (done.exit_code, done.output) == (1, "no answer (Connection refused)\n")


def test_the_command_ends_with_0_where_a_worker_is_ready(unused_port: int) -> None:
    """As Docker wants it of a health check."""

    async def run() -> int:
        endpoints = WorkerEndpoints(HOST, unused_port, ready(), Metrics())
        await endpoints.start()
        done = await asyncio.to_thread(CliRunner().invoke, main, ["ready", "--port", str(unused_port)])
        await endpoints.stop()
        return done.exit_code

    assert asyncio.run(run()) == 0
