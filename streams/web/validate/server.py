"""Listens for the API, and stops without leaving a request unanswered."""

import errno
import logging
import socket
import ssl

from aiohttp import web

from sidestep.streams.errors import SettingsError
from sidestep.streams.web.validate.api import Api
from sidestep.streams.web.validate.request import DEADLINE_MS_MAX

STOP_SECONDS = DEADLINE_MS_MAX / 1000 + 2.0
"""Requests under way get this long: the longest deadline, and the time to write the answer."""

IDLE_SECONDS = 75.0
"""A connection without a request is closed after it, one that never sent any too."""

log = logging.getLogger(__name__)
http_log = logging.getLogger("sidestep.streams.web.validate.http")


class _WithoutContent(logging.Filter):
    """aiohttp quotes the header that it can't read: that may be the one with the token."""

    def filter(self, record: logging.LogRecord) -> bool:
        kind = record.exc_info[0] if record.exc_info else None
        record.msg, record.args = "a connection failed: %s", (kind.__name__ if kind is not None else "no HTTP",)
        record.exc_info = record.exc_text = None
        return True


http_log.addFilter(_WithoutContent())


class EntryServer:
    """`start` and `stop` once each, on one loop. Port 0: any that is free; `port` tells which."""

    def __init__(self, api: Api, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        self.host, self.port = host, port
        self._api = api
        self._tls = tls
        # bodies stay compressed: a small one may hold gigabytes. The access log would hold who asks, at what rate
        self._runner = web.AppRunner(
            api.application(),
            access_log=None,
            handle_signals=False,
            shutdown_timeout=STOP_SECONDS,
            keepalive_timeout=IDLE_SECONDS,
            auto_decompress=False,
            logger=http_log,
        )

    async def start(self) -> None:
        """Listen. Raises SettingsError where that is not possible."""
        if not 0 <= self.port <= 65535:  # uvloop would take the lowest sixteen bits
            raise SettingsError(f"--port {self.port}: a port is between 1 and 65535; 0 takes any that is free")
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self.host, self.port, ssl_context=self._tls, backlog=1024).start()
        except OSError as error:
            await self._runner.cleanup()
            raise _settings_error(self.host, self.port, error) from None
        self.port = self._runner.addresses[0][1]
        scheme = "http" if self._tls is None else "https"
        log.info("serving /v1/validate", extra={"at": f"{scheme}://{self.host}:{self.port}"})

    async def stop(self) -> None:
        """Take no new connections, finish what is under way, close. Safe when nothing was started."""
        self._api.stopping = True
        await self._runner.cleanup()


def _settings_error(host: str, port: int, error: OSError) -> SettingsError:
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return SettingsError(f"--host {host}: not an address of this machine")
    if error.errno == errno.EADDRINUSE:
        return SettingsError(f"--port {port}: taken on {host}; choose another one")
    return SettingsError(f"--port {port}: can't listen on {host}: {error}")
