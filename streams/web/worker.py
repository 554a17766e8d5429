"""/livez, /readyz and /metrics over HTTP, for whatever supervises and scrapes a worker. GET and HEAD only.

It runs on the worker's own event loop, so that an answer also proves that the loop turns. There is no authentication:
it listens on loopback unless told otherwise, and shows no address and no domain.
"""

import errno
import json
import logging
import socket

from aiohttp import web

from sidestep.streams.errors import SettingsError
from sidestep.streams.observe.health import Health, Report
from sidestep.streams.observe.metrics import Metrics

INDEX = """Sidestep worker

/livez    200 while the process is worth keeping
/readyz   200 while it does its share, or stands by
/metrics  for Prometheus
"""

_STOP_SECONDS = 1.0

logger = logging.getLogger(__name__)


class WebServer:
    """`start` and `stop` once each, on one loop. Port 0: nothing is served."""

    def __init__(self, host: str, port: int, health: Health, metrics: Metrics) -> None:
        self.host, self.port = host, port
        self._runner = web.AppRunner(
            application(health, metrics), access_log=None, handle_signals=False, shutdown_timeout=_STOP_SECONDS
        )

    async def start(self) -> None:
        """Listen. Raises SettingsError where that is not possible."""
        if self.port == 0:
            return
        if not 0 < self.port <= 65535:  # uvloop would take the lowest sixteen bits
            raise SettingsError(f"SIDESTEP_WEB_PORT={self.port}: a port is between 1 and 65535; 0 serves nothing")
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self.host, self.port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise _settings_error(self.host, self.port, error) from None
        logger.info("serving /livez, /readyz and /metrics", extra={"host": self.host, "port": self.port})

    async def stop(self) -> None:
        """Close, within a second. Safe when nothing was started."""
        await self._runner.cleanup()


def application(health: Health, metrics: Metrics) -> web.Application:
    """The routes, ready to be served."""

    async def index(_: web.Request) -> web.Response:
        return web.Response(text=INDEX)

    async def livez(_: web.Request) -> web.Response:
        return _report(health.livez())

    async def readyz(_: web.Request) -> web.Response:
        return _report(health.readyz())

    async def scrape(request: web.Request) -> web.Response:
        body, content_type = metrics.render(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})

    app = web.Application()
    app.add_routes([web.get("/", index), web.get("/livez", livez), web.get("/readyz", readyz)])
    app.add_routes([web.get("/metrics", scrape)])
    app.on_response_prepare.append(_harden)
    return app


def _report(report: Report) -> web.Response:
    status, body = report
    return web.json_response(text=json.dumps(body) + "\n", status=status)


async def _harden(_: web.Request, response: web.StreamResponse) -> None:
    # an old answer about health is a wrong one; the versions of Python and aiohttp are nobody's business
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Server"] = "sidestep"


def _settings_error(host: str, port: int, error: OSError) -> SettingsError:
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return SettingsError(f"SIDESTEP_WEB_HOST={host}: not an address of this machine")
    if error.errno == errno.EADDRINUSE:
        return SettingsError(f"SIDESTEP_WEB_PORT={port}: taken on {host}; choose another one, or 0 to serve nothing")
    return SettingsError(f"SIDESTEP_WEB_PORT={port}: can't listen on {host}: {error}")
