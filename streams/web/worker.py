"""The worker's endpoints: /livez, /readyz and /metrics, for whatever supervises and scrapes it. GET and HEAD only.

They run on the worker's own event loop, so that an answer also proves that the loop turns. They listen on loopback
unless told otherwise, and show no address and no domain. Where there is a token, a request without it learns two things
only: whether the worker lives, and whether it is ready.
"""

import json
import logging
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Protocol

from aiohttp import web

from sidestep.streams.errors import SettingsError
from sidestep.streams.observe.health import HealthAnswer
from sidestep.streams.settings import Settings
from sidestep.streams.web.admission import admission, without_bodies
from sidestep.streams.web.certificate import ServerCertificate
from sidestep.streams.web.endpoint_tokens import HOW_TO_MAKE_ONE, EndpointTokens
from sidestep.streams.web.exposure import SettingNames, check_exposure, is_loopback
from sidestep.streams.web.followed import follow
from sidestep.streams.web.guarded import ConnectionLimits
from sidestep.streams.web.listen import HttpServer, Listen

INDEX = """Sidestep worker

/livez    200 while the process is worth keeping
/readyz   200 while it does its share, or stands by
/metrics  for Prometheus
"""

NAMES = SettingNames(
    host="SIDESTEP_WEB_HOST=",
    port="SIDESTEP_WEB_PORT=",
    certificate="SIDESTEP_WEB_TLS_CERTIFICATE",
    key="SIDESTEP_WEB_TLS_KEY",
    plaintext="SIDESTEP_WEB_PLAINTEXT=true",
    zero="serves nothing",
    instead=", or 0 to serve nothing",
)

LIMITS = ConnectionLimits(most=128, idle=20.0, request=10.0)
"""Supervisors and Prometheus need a handful, and Prometheus comes every 15 s."""

STOP_SECONDS = 1.0

log = logging.getLogger(__name__)


class HealthView(Protocol):
    """What tells of the health of a process."""

    def livez(self) -> HealthAnswer:
        """Whether it is worth keeping."""

    def readyz(self) -> HealthAnswer:
        """Whether it does its share."""


class MetricsView(Protocol):
    """What shows the metrics of a process."""

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """The text of a scrape and its content type."""


class WorkerEndpoints:
    """The server of a worker's endpoints. `start` and `stop` once each, on one event loop; port 0 serves nothing."""

    def __init__(
        self,
        host: str,
        port: int,
        health: HealthView,
        metrics: MetricsView,
        *,
        tokens: EndpointTokens | None = None,
        certificate: ServerCertificate | None = None,
        plaintext: bool = False,
        limits: ConnectionLimits = LIMITS,
    ) -> None:
        """`plaintext`: beyond loopback without a certificate, on purpose. `tokens` None: nobody is asked for one."""
        self.host, self.port = host, port
        self._tokens, self._certificate, self._plaintext = tokens, certificate, plaintext
        listen = Listen(host, port, NAMES, limits, certificate)
        self._server = HttpServer(application(health, metrics, tokens), listen, STOP_SECONDS)

    @property
    def addresses(self) -> list[str]:
        """The IP addresses that the server listens on."""
        return self._server.addresses

    async def start(self) -> None:
        """Listen. Raises SettingsError where that is not possible, or not safe."""
        if self.port == 0:
            return
        check_endpoints(self.host, self._certificate is not None, self._plaintext, self._tokens is not None)
        await self._server.start()
        log.info("serving /livez, /readyz and /metrics", extra={"host": self.host, "port": self.port})
        if self._server.exposed:
            log.warning(
                "the worker's endpoints and their token are in plain text: see that nobody else is on that network",
                extra={"host": self.host, "port": self.port},
            )

    def follow(self) -> Coroutine[Any, Any, None]:
        """Certificate and tokens, read again when their files change; until cancelled."""
        return follow([each.look for each in (self._certificate, self._tokens) if each is not None])

    async def stop(self) -> None:
        """Close, within a second. Safe when nothing was started."""
        await self._server.stop()


def worker_endpoints(settings: Settings, health: HealthView, metrics: MetricsView) -> WorkerEndpoints:
    """The endpoints as the settings have them. Raises SettingsError and CredentialsError."""
    return WorkerEndpoints(
        settings.web_host,
        settings.web_port,
        health,
        metrics,
        tokens=EndpointTokens(Path(settings.web_token_file)) if settings.web_token_file else None,
        certificate=ServerCertificate.given(_path(settings.web_tls_certificate), _path(settings.web_tls_key), NAMES),
        plaintext=settings.web_plaintext,
    )


def check_endpoints(host: str, encrypted: bool, plaintext: bool, token: bool) -> None:
    """Check that endpoints beyond loopback are encrypted, or meant not to be, and want a token: SettingsError."""
    check_exposure(host, NAMES, encrypted, plaintext)
    if not token and not is_loopback(host, NAMES):
        raise SettingsError(
            f"SIDESTEP_WEB_HOST={host} is not loopback: whoever reaches it could read health and metrics. Name a file "
            f"with a token in SIDESTEP_WEB_TOKEN_FILE; {HOW_TO_MAKE_ONE}"
        )


def application(
    health: HealthView,
    metrics: MetricsView,
    tokens: EndpointTokens | None = None,
    clock_ns: Callable[[], int] = time.monotonic_ns,
) -> web.Application:
    """The routes, ready to be served. `clock_ns`: nanoseconds, only forward."""

    async def index(_: web.Request) -> web.Response:
        return web.Response(text=INDEX)

    async def livez(request: web.Request) -> web.Response:
        return _response(health.livez(), known(request))

    async def readyz(request: web.Request) -> web.Response:
        return _response(health.readyz(), known(request))

    async def scrape(request: web.Request) -> web.Response:
        body, content_type = metrics.render(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})

    def known(request: web.Request) -> bool:
        return tokens is None or tokens.admits(request.headers.get("Authorization", ""))

    app = web.Application(middlewares=[without_bodies, admission(known, clock_ns)])
    app.add_routes([web.get("/", index), web.get("/livez", livez), web.get("/readyz", readyz)])
    app.add_routes([web.get("/metrics", scrape)])
    return app


def _response(answer: HealthAnswer, details: bool) -> web.Response:
    status, body = answer
    shown = body if details else {"status": body["status"]}
    return web.json_response(text=json.dumps(shown) + "\n", status=status)


def _path(text: str) -> Path | None:
    return Path(text) if text else None
