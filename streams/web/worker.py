"""The worker's endpoints: /livez, /readyz and /metrics, for whatever supervises and scrapes it. GET and HEAD only.

They run on the worker's own event loop, so that an answer also proves that the loop turns. There is no authentication:
they listen on loopback unless told otherwise, and show no address and no domain.
"""

import json
import logging

from aiohttp import web

from sidestep.streams.observe.health import Health, HealthAnswer
from sidestep.streams.observe.metrics import Metrics
from sidestep.streams.web.listen import HttpServer, Listen, SettingNames

INDEX = """Sidestep worker

/livez    200 while the process is worth keeping
/readyz   200 while it does its share, or stands by
/metrics  for Prometheus
"""

NAMES = SettingNames("SIDESTEP_WEB_HOST=", "SIDESTEP_WEB_PORT=", "serves nothing", ", or 0 to serve nothing")

STOP_SECONDS = 1.0

log = logging.getLogger(__name__)


class WorkerEndpoints:
    """The server of a worker's endpoints. `start` and `stop` once each, on one event loop; port 0 serves nothing."""

    def __init__(self, host: str, port: int, health: Health, metrics: Metrics) -> None:
        self.host, self.port = host, port
        self._server = HttpServer(application(health, metrics), Listen(host, port, NAMES), STOP_SECONDS)

    @property
    def addresses(self) -> list[str]:
        """The IP addresses that the server listens on."""
        return self._server.addresses

    async def start(self) -> None:
        """Listen. Raises SettingsError where that is not possible."""
        if self.port == 0:
            return
        await self._server.start()
        log.info("serving /livez, /readyz and /metrics", extra={"host": self.host, "port": self.port})
        if self._server.exposed:
            log.warning(
                "the worker's endpoints are in plain text and open to whoever reaches them: see that only supervisors "
                "and Prometheus do, or set SIDESTEP_WEB_HOST=127.0.0.1",
                extra={"host": self.host, "port": self.port},
            )

    async def stop(self) -> None:
        """Close, within a second. Safe when nothing was started."""
        await self._server.stop()


def application(health: Health, metrics: Metrics) -> web.Application:
    """The routes, ready to be served."""

    async def index(_: web.Request) -> web.Response:
        return web.Response(text=INDEX)

    async def livez(_: web.Request) -> web.Response:
        return _response(health.livez())

    async def readyz(_: web.Request) -> web.Response:
        return _response(health.readyz())

    async def scrape(request: web.Request) -> web.Response:
        body, content_type = metrics.render(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})

    app = web.Application()
    app.add_routes([web.get("/", index), web.get("/livez", livez), web.get("/readyz", readyz)])
    app.add_routes([web.get("/metrics", scrape)])
    return app


def _response(answer: HealthAnswer) -> web.Response:
    status, body = answer
    return web.json_response(text=json.dumps(body) + "\n", status=status)
