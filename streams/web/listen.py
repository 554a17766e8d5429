"""The HTTP server: it listens, speaks TLS where it has a certificate, and stops. What it answers is the application's.

The worker's endpoints and /v1/validate share the code, so that neither lacks what the other has.
"""

import errno
import logging
import socket
import ssl
from dataclasses import dataclass
from typing import NamedTuple

from aiohttp import web

from sidestep.streams.errors import SettingsError
from sidestep.streams.web.exposure import all_loopback

IDLE_SECONDS = 75.0
"""Time after which a connection without a request is closed, one that never sent any too."""

BACKLOG = 1024
"""Connections that the kernel holds until they are accepted."""

http_log = logging.getLogger("sidestep.streams.web.http")


class SettingNames(NamedTuple):
    """The names of a server's settings in errors, each up to its value."""

    host: str
    port: str
    zero: str
    """What port 0 does."""
    instead: str = ""
    """What else helps where the port is taken."""


@dataclass(frozen=True)
class Listen:
    """Where a server listens: host, port and TLS. Port 0 is any that is free."""

    host: str
    port: int
    names: SettingNames
    tls: ssl.SSLContext | None = None


class HttpServer:
    """The HTTP server of an application. `start` and `stop` once each, on one event loop; `port` is the one in use."""

    def __init__(self, app: web.Application, listen: Listen, stop_seconds: float) -> None:
        """`stop_seconds`: requests under way get so long to be answered."""
        self.host, self.port = listen.host, listen.port
        self._listen = listen
        app.on_response_prepare.append(_harden)
        # bodies stay compressed: a small one may hold gigabytes. The access log would hold who asks, at what rate
        self._runner = web.AppRunner(
            app,
            access_log=None,
            handle_signals=False,
            shutdown_timeout=stop_seconds,
            keepalive_timeout=IDLE_SECONDS,
            auto_decompress=False,
            logger=http_log,
        )

    @property
    def url(self) -> str:
        """The URL of the server."""
        return f"{'http' if self._listen.tls is None else 'https'}://{self.host}:{self.port}"

    @property
    def addresses(self) -> list[str]:
        """The IP addresses that the server listens on; none before `start`."""
        return [str(address[0]) for address in self._runner.addresses]

    @property
    def exposed(self) -> bool:
        """Whether the server speaks plain text beyond this machine; known after `start`."""
        return self._listen.tls is None and not all_loopback(self.addresses)

    async def start(self) -> None:
        """Listen. Raises SettingsError where that is not possible."""
        listen = self._listen
        if not 0 <= listen.port <= 65535:  # uvloop would take the lowest sixteen bits
            raise SettingsError(
                f"{listen.names.port}{listen.port}: a port is between 1 and 65535; 0 {listen.names.zero}"
            )
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, listen.host, listen.port, ssl_context=listen.tls, backlog=BACKLOG).start()
        except OSError as error:
            await self._runner.cleanup()
            raise _settings_error(listen, error) from None
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Take no new connections, finish what is under way, close. Safe when nothing was started."""
        await self._runner.cleanup()


async def _harden(_: web.Request, response: web.StreamResponse) -> None:
    # an old answer about health is a wrong one, and answers about people are no cache's; the versions of Python and
    # aiohttp are nobody's business
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Server"] = "sidestep"


def _settings_error(listen: Listen, error: OSError) -> SettingsError:
    names, host, port = listen.names, listen.host, listen.port
    # asyncio of Python 3.13 passes over addresses of other machines; its error then has no number
    if isinstance(error, socket.gaierror) or error.errno in (errno.EADDRNOTAVAIL, None):
        return SettingsError(f"{names.host}{host}: not an address of this machine")
    if error.errno == errno.EADDRINUSE:
        return SettingsError(f"{names.port}{port}: taken on {host}; choose another one{names.instead}")
    return SettingsError(f"{names.port}{port}: can't listen on {host}: {error}")


class _WithoutContent(logging.Filter):
    """Log lines of aiohttp without the header that could not be read: that may be the one with the token."""

    def filter(self, record: logging.LogRecord) -> bool:
        kind = record.exc_info[0] if record.exc_info else None
        record.msg, record.args = "a connection failed: %s", (kind.__name__ if kind is not None else "no HTTP",)
        record.exc_info = record.exc_text = None
        return True


http_log.addFilter(_WithoutContent())
