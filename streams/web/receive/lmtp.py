"""The LMTP server (RFC 2033): aiosmtpd's protocol, with a reply for each recipient, bounds, and no log of its own."""

import asyncio
import logging
import socket
from pathlib import Path
from typing import Any

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session

from sidestep.streams.errors import SettingsError, without_text
from sidestep.streams.web.exposure import SettingNames, is_loopback
from sidestep.streams.web.receive.bounce_mailbox import LATER, MESSAGE_MAX, BounceMailbox

SESSION_SECONDS = 120.0
"""For a command, or for a whole message: our own mail server is near."""
LINE_MAX = 64 * 1024
"""Octets of a line of a message. RFC 5321 has 1,000, and not all reports keep to it."""
SESSIONS_MOST = 20
STOP_SECONDS = 10.0
UNIX = "unix:"
SOCKET_MODE = 0o660
"""So that a mail server of our group may connect; the folder says who else."""

NAMES = SettingNames(
    host="--lmtp ",
    port="--lmtp ",
    certificate="",
    key="",
    plaintext="--lmtp-anywhere",
    zero="is any that is free",
)

log = logging.getLogger(__name__)
logging.getLogger("mail.log").disabled = True  # aiosmtpd's, which has addresses and lines of messages


class LmtpServer:
    """The LMTP server of a mailbox. `start` and `stop` once each, on one event loop."""

    def __init__(
        self, where: str, mailbox: BounceMailbox, anywhere: bool = False, seconds: float = SESSION_SECONDS
    ) -> None:
        """`where`: HOST:PORT or unix:PATH. `anywhere`: beyond loopback on purpose. Raises SettingsError."""
        self._where, self._mailbox, self._seconds = where, mailbox, seconds
        self._path = where.removeprefix(UNIX) if where.startswith(UNIX) else ""
        self._host, self._port = ("", 0) if self._path else _host_and_port(where)
        if not (self._path or anywhere or is_loopback(self._host, NAMES)):
            raise SettingsError(
                f"--lmtp {where} is not loopback: whoever reaches it could say that anybody's mail bounced. Let the "
                "mail server of this machine deliver to it, or give --lmtp-anywhere where the network keeps others out"
            )
        self._server: asyncio.Server | None = None
        self._sessions: set[_Session] = set()

    @property
    def port(self) -> int:
        """The port in use; 0 for a socket in the file system, and before `start`."""
        names = [each.getsockname() for each in self._server.sockets] if self._server is not None else []
        return next((int(name[1]) for name in names if isinstance(name, tuple)), 0)

    async def start(self) -> None:
        """Listen. Raises SettingsError where that is not possible."""
        loop = asyncio.get_running_loop()
        try:
            if self._path:
                self._server = await loop.create_unix_server(self._session, self._path)
                Path(self._path).chmod(SOCKET_MODE)
            else:
                self._server = await loop.create_server(self._session, self._host, self._port)
        except (OSError, OverflowError) as error:
            why = getattr(error, "strerror", None) or error
            raise SettingsError(f"--lmtp {self._where}: can't listen there ({why})") from None
        log.info("taking mail that comes back", extra={"at": self._where})

    async def stop(self) -> None:
        """Take no new sessions, let messages under way end, close. Safe when nothing was started."""
        if self._server is None:
            return
        self._server.close()
        deadline = asyncio.get_running_loop().time() + STOP_SECONDS
        while any(session.busy for session in self._sessions) and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.05)
        for session in list(self._sessions):
            session.end()
        if self._path:
            Path(self._path).unlink(missing_ok=True)

    def _session(self) -> asyncio.Protocol:
        if len(self._sessions) >= SESSIONS_MOST:
            self._mailbox.refused("too-many")
            return _Full()
        session = _Session(self._mailbox, self._sessions, self._seconds)
        self._sessions.add(session)
        return session


class _Session(LMTP):
    """One session. After DATA each recipient has a reply of its own (RFC 2033 4.2)."""

    line_length_limit = LINE_MAX

    def __init__(self, mailbox: BounceMailbox, sessions: "set[_Session]", seconds: float) -> None:
        self._mailbox, self._sessions = mailbox, sessions
        self._replies = 1
        """To be given for the next status."""
        self.busy = False
        super().__init__(
            _Handler(mailbox), data_size_limit=MESSAGE_MAX, enable_SMTPUTF8=True, decode_data=False, ident="Sidestep",
            hostname=socket.gethostname(), timeout=seconds, loop=asyncio.get_running_loop(),
            auth_exclude_mechanism=("LOGIN", "PLAIN"),
        )  # fmt: skip

    def end(self) -> None:
        """End the connection now."""
        if self.transport is not None:
            self.transport.abort()  # type: ignore[attr-defined]  # it is a socket's transport

    def connection_lost(self, error: Exception | None) -> None:
        """Told, and forgotten."""
        self._sessions.discard(self)
        super().connection_lost(error)

    async def smtp_DATA(self, arg: str | None) -> None:
        """A message: one reply until it begins, then one for each recipient."""
        self.busy = True
        try:
            await super().smtp_DATA(arg)
        finally:
            self._replies, self.busy = 1, False

    async def push(self, status: Any) -> None:
        """A reply; as many as there are recipients where a message has come."""
        text = str(status)
        await super().push("\r\n".join([text] * self._replies))
        if not self.busy or self.envelope is None:
            return
        if text.startswith("354"):
            self._replies = len(self.envelope.rcpt_tos)
        elif text.startswith(("500", "552")):
            self._mailbox.refused("too-large")


class _Handler:
    """What aiosmtpd calls."""

    def __init__(self, mailbox: BounceMailbox) -> None:
        self._mailbox = mailbox

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """One more recipient."""
        if refusal := self._mailbox.recipient(address, envelope.rcpt_tos):
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """The greeting, with PIPELINING (RFC 2033 5 wants it): commands are read one after the other anyway."""
        session.host_name = hostname
        return [*responses[:-1], "250-PIPELINING", responses[-1]]

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """A message. Whatever happens has one reply, which each recipient is given."""
        sender = "" if envelope.mail_from in (None, "<>") else str(envelope.mail_from)
        try:
            return await self._mailbox.message(sender, envelope.rcpt_tos, envelope.original_content or b"")
        except Exception as error:  # noqa: BLE001 - the mail server keeps the message
            return await self.handle_exception(error)

    async def handle_exception(self, error: Exception) -> str:
        """An error of ours: the mail server keeps the message."""
        log.error("an error of ours; please report it", exc_info=without_text(error))
        return LATER


class _Full(asyncio.Protocol):
    """Nobody more is let in now."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Said, and ended."""
        assert isinstance(transport, asyncio.WriteTransport)
        transport.write(b"421 4.3.2 too many sessions, try again later\r\n")
        transport.close()


def _host_and_port(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or not port.isascii() or int(port) > 65_535 or not host.strip("[]"):
        raise SettingsError(f"--lmtp {text}: expected HOST:PORT, such as 127.0.0.1:2024, or {UNIX}PATH")
    return host.strip("[]"), int(port)
