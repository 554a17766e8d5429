"""Whom the worker's endpoints answer: beyond loopback only with a token, and then strangers learn next to nothing."""

import asyncio
import json
import logging
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sidestep.streams.errors import SettingsError
from sidestep.streams.local.development_ca import DevelopmentCA
from sidestep.streams.local.ports import free_port
from sidestep.streams.observe.health import Health
from sidestep.streams.observe.metrics import Metrics
from sidestep.streams.settings import load
from sidestep.streams.web import strangers
from sidestep.streams.web.endpoint_tokens import EndpointTokens
from sidestep.streams.web.strangers import ADDRESSES_MAX, Strangers
from sidestep.streams.web.worker import WorkerEndpoints, check_endpoints, worker_endpoints
from sidestep.topics.errors import CredentialsError

TOKEN, NEXT = "a" * 32 + "+/=", "0123456789abcdef" * 4
HOST = "127.0.0.1"


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "web-token"
    path.write_text(TOKEN + "\n")
    path.chmod(0o600)
    return path


Answer = tuple[int, str, dict[str, str]]


def _ask(
    tokens: EndpointTokens | None, *requests: tuple[str, str | None], method: str = "GET", **more: Any
) -> list[Answer]:
    """(path, Authorization) each -> status, text, headers."""

    async def ask() -> list[Answer]:
        server = WorkerEndpoints(HOST, free_port(), Health(), Metrics(), tokens=tokens)
        await server.start()
        try:
            async with aiohttp.ClientSession(f"http://{HOST}:{server.port}") as session:
                return [await _one(session, method, path, header, more) for path, header in requests]
        finally:
            await server.stop()

    return asyncio.run(ask())


async def _one(session: aiohttp.ClientSession, method: str, path: str, header: str | None, more: Any) -> Answer:
    headers = {} if header is None else {"Authorization": header}
    async with session.request(method, path, headers=headers, **more) as answer:
        return answer.status, await answer.text(), dict(answer.headers)


def test_the_token_opens_metrics_and_reasons(token_file: Path) -> None:
    """As Prometheus sends it; without it, or with another one, only the status can be had."""
    right, wrong = f"Bearer {TOKEN}", f"Bearer {TOKEN[:-2]}"
    paths = ("/metrics", "/", "/readyz", "/livez", "/nothing-here")
    known = _ask(EndpointTokens(token_file), *((path, right) for path in paths))
    assert [200, 200, 503, 200, 404] == [status for status, *_ in known]
    assert "sidestep_build_info" in known[0][1] and json.loads(known[2][1])["reasons"]
    for header in (None, wrong, f"Basic {TOKEN}", "Bearer", f"Bearer {TOKEN} {TOKEN}", "Bearer " + "x" * 3000):
        unknown = _ask(EndpointTokens(token_file), *((path, header) for path in paths))
        assert [401, 401, 503, 200, 401] == [status for status, *_ in unknown]
        assert unknown[0][2]["WWW-Authenticate"].startswith("Bearer")
        assert [{"status": "failed"}, {"status": "ok"}] == [json.loads(text) for _, text, _ in unknown[2:4]]


def test_without_a_token_file_loopback_shows_all() -> None:
    """As it always did."""
    (readyz, _), metrics = _ask(None, ("/readyz", None), ("/metrics", None))[0][:2], _ask(None, ("/metrics", None))[0]
    assert (503, 200) == (readyz, metrics[0])
    assert json.loads(_ask(None, ("/readyz", None))[0][1])["reasons"]


@pytest.mark.parametrize("path", ["/livez", "/metrics", "/"])
def test_no_body_is_taken(path: str) -> None:
    """413 before anything of it is read, and the connection ends."""
    ((status, _, headers),) = _ask(None, (path, None), data=b"x" * 100)
    assert (413, "close") == (status, headers["Connection"])


def test_strangers_are_slowed_down(token_file: Path) -> None:
    """Who guesses is told to wait; supervisors, and whoever has the token, are answered all the same."""
    guesses = [("/metrics", f"Bearer {number:064}") for number in range(130)]
    *answers, ready, known = _ask(
        EndpointTokens(token_file), *guesses, ("/readyz", None), ("/metrics", f"Bearer {TOKEN}")
    )
    statuses = [status for status, *_ in answers]
    assert statuses[:100] == [401] * 100 and 429 in statuses
    assert int(answers[statuses.index(429)][2]["Retry-After"]) >= 1
    assert (503, 200) == (ready[0], known[0])


def test_metrics_have_a_rate() -> None:
    """A scraper that has gone mad does not keep the worker from its work."""
    statuses = [status for status, *_ in _ask(None, *[("/", None)] * 400)]
    assert statuses[:250] == [200] * 250 and 429 in statuses


def test_an_address_has_its_own_allowance() -> None:
    """IPv6 addresses of one network share it, and what is remembered is bounded."""
    rate = strangers.STRANGERS_RATE
    known = Strangers()
    burst = rate.tolerance_us // rate.interval_us + 1
    assert [0] * burst == [known.wait(f"2001:db8::{number:x}", 0) for number in range(1, burst + 1)]
    assert 1 == known.wait("2001:db8::ffff", 0) and 0 == known.wait("2001:db8:0:1::1", 0)
    assert 0 == known.wait("2001:db8::ffff", 1_000_000)
    for number in range(2 * ADDRESSES_MAX):
        known.wait(f"10.0.{number // 256}.{number % 256}", 0)
    assert len(known._tats) == ADDRESSES_MAX


# -- the file ----------------------------------------------------------------------------------------------------------


def test_a_token_can_be_replaced_without_a_gap(token_file: Path) -> None:
    """Both are valid while both stand there."""
    tokens = EndpointTokens(token_file)
    for content, expected in ((f"{TOKEN}\n{NEXT}\n", [True, True]), (NEXT, [False, True])):
        token_file.write_text(content)
        tokens.look()
        assert expected == [tokens.admits(f"Bearer {token}") for token in (TOKEN, NEXT)]


def _emptied(path: Path) -> None:
    path.write_text("\n")


def _weak(path: Path) -> None:
    path.write_text("admin\n")


def _no_text(path: Path) -> None:
    path.write_bytes(b"\xff" * 40)


def _opened(path: Path) -> None:
    path.write_text(TOKEN)
    path.chmod(0o604)


@pytest.mark.parametrize("change", [_emptied, _weak, _no_text, _opened, Path.unlink])
def test_revocation_fails_closed(
    token_file: Path, change: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    """A file that names nobody admits nobody, at the next look; at a start it is an error. Neither quotes a token."""
    tokens = EndpointTokens(token_file)
    change(token_file)
    with caplog.at_level(logging.ERROR):
        tokens.look()
    assert not tokens.admits(f"Bearer {TOKEN}") and not tokens.admits("") and not tokens.admits("Bearer ")
    assert "nobody is admitted" in caplog.text and TOKEN not in caplog.text and "admin" not in caplog.text
    with pytest.raises((SettingsError, CredentialsError), match="web-token"):
        EndpointTokens(token_file)


# -- beyond loopback ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_beyond_loopback_takes_tls_or_a_word_and_a_token(host: str) -> None:
    """Whatever is missing is named; loopback needs nothing."""
    with pytest.raises(SettingsError, match=r"SIDESTEP_WEB_TLS_CERTIFICATE and SIDESTEP_WEB_TLS_KEY; or SIDESTEP_WEB"):
        check_endpoints(host, encrypted=False, plaintext=False, token=True)
    for encrypted, plaintext in ((True, False), (False, True)):
        with pytest.raises(SettingsError, match=r"SIDESTEP_WEB_TOKEN_FILE.*openssl rand"):
            check_endpoints(host, encrypted, plaintext, token=False)
        check_endpoints(host, encrypted, plaintext, token=True)
    check_endpoints("127.0.0.1", encrypted=False, plaintext=False, token=False)


def test_a_worker_does_not_start_exposed() -> None:
    """The settings are refused before anything listens."""
    server = worker_endpoints(load({"SIDESTEP_WEB_HOST": "0.0.0.0"}), Health(), Metrics())
    with pytest.raises(SettingsError, match="SIDESTEP_WEB_PLAINTEXT=true"):
        asyncio.run(server.start())
    assert server.addresses == []
    unserved = worker_endpoints(load({"SIDESTEP_WEB_HOST": "0.0.0.0", "SIDESTEP_WEB_PORT": "0"}), Health(), Metrics())
    asyncio.run(unserved.start())


@pytest.mark.parametrize("encrypted", [True, False])
def test_all_settings_together(
    tmp_path: Path, token_file: Path, encrypted: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """On every interface, with a token: over TLS without a word, in plain text with a warning."""
    authority = DevelopmentCA(tmp_path / "ca")
    issued = authority.issue("worker", [HOST])
    names: dict[str, object] = {"PLAINTEXT": "true"}
    if encrypted:
        names = {"TLS_CERTIFICATE": issued.certificate, "TLS_KEY": issued.key}
    names |= {"HOST": "0.0.0.0", "PORT": str(free_port()), "TOKEN_FILE": token_file}
    settings = load({f"SIDESTEP_WEB_{name}": str(value) for name, value in names.items()})
    trusting = ssl.create_default_context(cafile=authority.certificate) if encrypted else False
    url = f"{'https' if encrypted else 'http'}://{HOST}:{settings.web_port}/metrics"

    async def scrape() -> tuple[int, int]:
        server = worker_endpoints(settings, Health(), Metrics())
        await server.start()
        try:
            async with aiohttp.ClientSession() as session:
                async with session.get(url, ssl=trusting, headers={"Authorization": f"Bearer {TOKEN}"}) as known:
                    pass
                async with session.get(url, ssl=trusting) as unknown:
                    return known.status, unknown.status
        finally:
            await server.stop()

    with caplog.at_level(logging.WARNING):
        assert (200, 401) == asyncio.run(scrape())
    assert ("plain text" in caplog.text) is not encrypted
