"""One SMTP session of the mailbox probe: it gets as far as RCPT TO and never to DATA. What it takes in is bounded."""

import asyncio
import ssl

from aiosmtplib.errors import SMTPException, SMTPResponseException
from aiosmtplib.esmtp import parse_esmtp_extensions
from aiosmtplib.protocol import SMTPProtocol
from aiosmtplib.response import SMTPResponse

from sidestep.streams.screen.sources.probe import replies as probe
from sidestep.streams.screen.sources.probe.replies import Reading

QUIT_PATIENCE = 1.0
"""Seconds for the reply to QUIT, of those that are left: it tells nothing, but leaving without it is rude."""

OCTETS_MAX = 32_768
CHUNKS_MAX = 200
"""What a server may send in a session, and in how many pieces: each piece costs a look at all that came before."""


class Refused(Exception):
    """The session ended before the mailbox was asked for."""

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading.reason)
        self.reading = reading


class Line(SMTPProtocol):
    """aiosmtplib's end of a connection, with an end to what it takes in."""

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
    """One SMTP session that never gets as far as DATA. Errors are Refused, with what is to be made of it."""

    def __init__(self, line: Line, exchange: str) -> None:
        self._line = line
        self._exchange = exchange
        self._greeted = self._tls_failed = False
        self._offers: dict[str, str] = {}

    @property
    def takes_utf8(self) -> bool:
        """SMTPUTF8 (RFC 6531) is offered."""
        return "smtputf8" in self._offers

    async def open(self, helo: str) -> None:
        """Greeting and EHLO; TLS where it is offered, whoever's certificate it is (RFC 7435), and EHLO again."""
        await self._hoped_for(220)
        self._greeted = True
        await self._hello(helo)
        if "starttls" in self._offers and await self._start_tls():
            await self._hello(helo)

    async def sender(self, mail_from: str) -> None:
        """MAIL FROM; SMTPUTF8 always where it is offered, so that any address may follow."""
        utf8 = (b"SMTPUTF8",) if self.takes_utf8 else ()
        await self._hoped_for(250, b"MAIL", f"FROM:<{mail_from}>".encode(), *utf8)

    async def recipient(self, address: str) -> Reading:
        """RCPT TO, read."""
        reply = await self._reply(b"RCPT", f"TO:<{address}>".encode())
        return probe.read_recipient(reply.code, reply.message, address, self._exchange)

    async def close(self, deadline: float) -> None:
        """QUIT, and hang up. Before the greeting and in a broken handshake there is nothing to be said."""
        transport = self._line.transport
        try:
            if self._greeted and not self._tls_failed and self._line.is_connected:
                await self._quit(deadline)
        finally:
            if transport is not None:
                transport.close()

    async def _quit(self, deadline: float) -> None:
        end = min(deadline, asyncio.get_running_loop().time() + QUIT_PATIENCE)
        try:
            async with asyncio.timeout_at(end):
                await self._line.execute_command(b"QUIT")
        except (SMTPException, OSError):
            pass  # a TimeoutError is an OSError; the answer was there before

    async def _hello(self, helo: str) -> None:
        reply = await self._hoped_for(250, b"EHLO", helo.encode("ascii"))
        self._offers, _ = parse_esmtp_extensions(reply.message)

    async def _start_tls(self) -> bool:
        """True: the connection is encrypted. A server that says no in words may go on in the clear."""
        self._tls_failed = True
        try:
            await self._line.start_tls(_TLS, server_hostname=self._exchange)
        except SMTPResponseException as error:
            if error.code < 400:
                raise Refused(probe.MALFORMED) from None
            self._tls_failed = False
            return False
        except TimeoutError:
            raise
        except (SMTPException, OSError, ValueError):
            raise Refused(probe.TLS_FAILED) from None
        self._tls_failed = False
        return True

    async def _hoped_for(self, code: int, *command: bytes) -> SMTPResponse:
        reply = await self._reply(*command)
        if reply.code != code:
            raise Refused(probe.read_refusal(reply.code, reply.message))
        return reply

    async def _reply(self, *command: bytes) -> SMTPResponse:
        try:
            return await (self._line.execute_command(*command) if command else self._line.read_response())
        except SMTPResponseException:
            raise Refused(probe.MALFORMED) from None
        except TimeoutError:
            raise
        except (SMTPException, OSError):
            raise Refused(probe.MALFORMED if self._line.flooded else probe.DISCONNECTED) from None


def _any_certificate() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


_TLS = _any_certificate()
