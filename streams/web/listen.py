"""The HTTP server: it listens, speaks TLS where it has a certificate, and stops. What it answers is the application's.

The worker's endpoints and /v1/validate share the code, so that neither lacks what the other has.
"""

import errno
import logging
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from sidestep.streams.errors import SettingsError
from sidestep.streams.web.certificate import ServerCertificate
from sidestep.streams.web.connections import Connections
from sidestep.streams.web.exposure import SettingNames, all_loopback
from sidestep.streams.web.guarded import ConnectionLimits, guard_of

LINE_MAX = 2_048
FIELD_MAX = 4_096
FIELDS_MAX = 64
"""Octets of a request line and of a header, and headers of a request: an unfinished head keeps 256 KiB at most."""

LINGER_SECONDS = 2.0
"""For the rest of a body that nobody wants, so that the client reads why."""

LOG_SECONDS = 1.0
"""Between two lines about clients that speak no HTTP."""

http_log = logging.getLogger("sidestep.streams.web.http")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Listen:
    """Where a server listens, and whom it waits for how long. Port 0 is any that is free."""

    host: str
    port: int
    names: SettingNames
    limits: ConnectionLimits
    certificate: ServerCertificate | None = None


class HttpServer:
    """The HTTP server of an application. `start` and `stop` once each, on one event loop; `port` is the one in use."""

    def __init__(self, app: web.Application, listen: Listen, stop_seconds: float) -> None:
        """`stop_seconds`: requests under way get so long to be answered."""
        self.host, self.port = listen.host, listen.port
        self._listen = listen
        self._connections: Connections | None = None
        app.middlewares.insert(0, _guard)
        app.on_response_prepare.append(_harden)
        # bodies stay compressed: a small one may hold gigabytes. The access log would hold who asks, at what rate
        self._runner = web.AppRunner(
            app,
            access_log=None,
            handle_signals=False,
            shutdown_timeout=stop_seconds,
            keepalive_timeout=listen.limits.idle,
            lingering_time=LINGER_SECONDS,
            max_line_size=LINE_MAX,
            max_field_size=FIELD_MAX,
            max_headers=FIELDS_MAX,
            auto_decompress=False,
            logger=http_log,
        )

    @property
    def url(self) -> str:
        """The URL of the server."""
        return f"{'http' if self._listen.certificate is None else 'https'}://{self.host}:{self.port}"

    @property
    def addresses(self) -> list[str]:
        """The IP addresses that the server listens on; none before `start`."""
        return [] if self._connections is None else [address for address, _ in self._connections.addresses]

    @property
    def connected(self) -> int:
        """Connections that are open, unfinished handshakes among them."""
        return 0 if self._connections is None else len(self._connections)

    @property
    def exposed(self) -> bool:
        """Whether the server speaks plain text beyond this machine; known after `start`."""
        return self._listen.certificate is None and not all_loopback(self.addresses)

    async def start(self) -> None:
        """Listen. Raises SettingsError where that is not possible."""
        listen = self._listen
        if not 0 <= listen.port <= 65535:
            raise SettingsError(
                f"{listen.names.port}{listen.port}: a port is between 1 and 65535; 0 {listen.names.zero}"
            )
        await self._runner.setup()
        assert self._runner.server is not None
        tls = None if listen.certificate is None else listen.certificate.context
        connections = Connections(self._runner.server, listen.limits, tls)
        try:
            await connections.listen(listen.host, listen.port)
        except (OSError, UnicodeError) as error:
            await self._runner.cleanup()
            raise _settings_error(listen, error) from None
        self._connections = connections
        self.port = connections.addresses[0][1]

    async def stop(self) -> None:
        """Take no new connections, finish what is under way, close. Safe when nothing was started."""
        if self._connections is not None:
            await self._connections.refuse()
        await self._runner.cleanup()
        if self._connections is not None:
            await self._connections.close()


@web.middleware
async def _guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The outermost layer: whose turn it is on the connection."""
    guard = guard_of(request.transport)
    if guard is not None:
        guard.begun()
    try:
        return await handler(request)
    finally:
        if guard is not None:
            guard.answered()


async def _harden(_: web.Request, response: web.StreamResponse) -> None:
    # an old answer about health is a wrong one, and answers about people are no cache's; the versions of Python and
    # aiohttp are nobody's business
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Server"] = "sidestep"


def _settings_error(listen: Listen, error: Exception) -> SettingsError:
    names, host, port = listen.names, listen.host, listen.port
    number = getattr(error, "errno", None)
    if isinstance(error, (socket.gaierror, UnicodeError)) or number == errno.EADDRNOTAVAIL:
        return SettingsError(f"{names.host}{host}: not an address of this machine")
    if number == errno.EADDRINUSE:
        return SettingsError(f"{names.port}{port}: taken on {host}; choose another one{names.instead}")
    return SettingsError(f"{names.port}{port}: can't listen on {host}: {error}")


class _WithoutContent(logging.Filter):
    """Log lines of aiohttp without the header that could not be read: that may be the one with the token. One a second:
    strangers decide how many there would be."""

    def __init__(self) -> None:
        super().__init__()
        self._next = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        if record.created < self._next:
            return False
        self._next = record.created + LOG_SECONDS
        kind = record.exc_info[0] if record.exc_info else None
        record.msg, record.args = "a connection failed: %s", (kind.__name__ if kind is not None else "no HTTP",)
        record.exc_info = record.exc_text = None
        return True


http_log.addFilter(_WithoutContent())
