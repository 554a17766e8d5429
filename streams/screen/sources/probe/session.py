"""The SMTP session of a mailbox probe: it gets as far as RCPT TO and never to DATA. What it takes in is bounded."""

import asyncio
import ssl

from aiosmtplib.errors import SMTPException, SMTPResponseException
from aiosmtplib.esmtp import parse_esmtp_extensions
from aiosmtplib.protocol import SMTPProtocol
from aiosmtplib.response import SMTPResponse

from sidestep.streams.screen.sources.probe import replies as probe
from sidestep.streams.screen.sources.probe.replies import ProbeResult

QUIT_PATIENCE = 1.0
"""Seconds for the reply to QUIT, of those that are left: it tells nothing, but leaving without it is rude."""

OCTETS_MAX = 32_768
CHUNKS_MAX = 200
"""Octets and pieces that a server may send in a session: each piece costs a look at all that came before."""


class SessionEnded(Exception):
    """The session ended before the mailbox was asked for."""

    def __init__(self, result: ProbeResult) -> None:
        super().__init__(result.reason)
        self.result = result


class BoundedConnection(SMTPProtocol):
    """Our end of an SMTP connection, aiosmtplib's, with an end to what it takes in."""

    def __init__(self) -> None:
        super().__init__(loop=asyncio.get_running_loop())
        self.octets = self.chunks = 0

    @property
    def flooded(self) -> bool:
        return self.octets > OCTETS_MAX or self.chunks > CHUNKS_MAX

    def data_received(self, data: bytes) -> None:
        self.octets += len(data)
        self.chunks += 1
        if not self.flooded:
            super().data_received(data)
        elif isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()


class Session:
    """An SMTP session that never gets as far as DATA. Errors are SessionEnded, with the result of the probe."""

    def __init__(self, connection: BoundedConnection, exchange: str) -> None:
        self._connection = connection
        self._exchange = exchange
        self._greeted = self._tls_failed = False
        self._offers: dict[str, str] = {}

    @property
    def takes_utf8(self) -> bool:
        """Whether SMTPUTF8 (RFC 6531) is offered."""
        return "smtputf8" in self._offers

    async def open(self, helo: str) -> None:
        """Exchange greeting and EHLO; TLS where it is offered, with any certificate (RFC 7435), and EHLO again."""
        await self._hoped_for(220)
        self._greeted = True
        await self._hello(helo)
        if "starttls" in self._offers and await self._start_tls():
            await self._hello(helo)

    async def sender(self, mail_from: str) -> None:
        """Send MAIL FROM; SMTPUTF8 always where it is offered, so that any address may follow."""
        utf8 = (b"SMTPUTF8",) if self.takes_utf8 else ()
        await self._hoped_for(250, b"MAIL", f"FROM:<{mail_from}>".encode(), *utf8)

    async def recipient(self, address: str) -> ProbeResult:
        """Send RCPT TO: the result for the mailbox."""
        reply = await self._reply(b"RCPT", f"TO:<{address}>".encode())
        return probe.read_recipient(reply.code, reply.message, address, self._exchange)

    async def close(self, deadline: float) -> None:
        """Send QUIT and hang up. Before the greeting and in a broken handshake there is nothing to be said."""
        transport = self._connection.transport
        try:
            if self._greeted and not self._tls_failed and self._connection.is_connected:
                await self._quit(deadline)
        finally:
            if transport is not None:
                transport.close()

    async def _quit(self, deadline: float) -> None:
        end = min(deadline, asyncio.get_running_loop().time() + QUIT_PATIENCE)
        try:
            async with asyncio.timeout_at(end):
                await self._connection.execute_command(b"QUIT")
        except (SMTPException, OSError):
            pass  # a TimeoutError is an OSError; the answer was there before

    async def _hello(self, helo: str) -> None:
        reply = await self._hoped_for(250, b"EHLO", helo.encode("ascii"))
        self._offers, _ = parse_esmtp_extensions(reply.message)

    async def _start_tls(self) -> bool:
        """True: the connection is encrypted. A server that says no in words may go on in the clear."""
        self._tls_failed = True
        try:
            await self._connection.start_tls(_TLS, server_hostname=self._exchange)
        except SMTPResponseException as error:
            if error.code < 400:
                raise SessionEnded(probe.MALFORMED) from None
            self._tls_failed = False
            return False
        except TimeoutError:
            raise
        except (SMTPException, OSError, ValueError):
            raise SessionEnded(probe.TLS_FAILED) from None
        self._tls_failed = False
        return True

    async def _hoped_for(self, code: int, *command: bytes) -> SMTPResponse:
        reply = await self._reply(*command)
        if reply.code != code:
            raise SessionEnded(probe.read_refusal(reply.code, reply.message))
        return reply

    async def _reply(self, *command: bytes) -> SMTPResponse:
        try:
            return await (self._connection.execute_command(*command) if command else self._connection.read_response())
        except SMTPResponseException:
            raise SessionEnded(probe.MALFORMED) from None
        except TimeoutError:
            raise
        except (SMTPException, OSError):
            raise SessionEnded(probe.MALFORMED if self._connection.flooded else probe.DISCONNECTED) from None


def _any_certificate() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


_TLS = _any_certificate()
