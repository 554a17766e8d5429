"""Mail that comes back, by LMTP: in Kafka before it is taken, one reply for each recipient, bounded."""

import asyncio
import logging
import smtplib
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sidestep.schemas import Bounce
from sidestep.streams.errors import SettingsError
from sidestep.streams.screen.intake import read_feedback
from sidestep.streams.web.receive import lmtp
from sidestep.streams.web.receive.bounce_mailbox import KEPT_MAX, MESSAGE_MAX, RECIPIENTS_MAX, BounceMailbox
from sidestep.streams.web.receive.confirming import NotTaken
from sidestep.streams.web.receive.lmtp import LmtpServer
from sidestep.streams.web.receive.received_metrics import ReceivedMetrics
from sidestep.topics.publish import Headers
from tests.web.receive.senders import NOW, REPORT

TO = ["bounces+a@shop.example", "bounces+b@shop.example"]


class Post:
    """The mailbox, open; what would go to Kafka is kept in a list."""

    def __init__(self) -> None:
        self.published: list[tuple[str, bytes, Headers]] = []
        self.error: Exception | None = None
        self.metrics = ReceivedMetrics()
        self.port = 0

    async def publish(self, topic: str, value: bytes, headers: Headers) -> None:
        """As Kafka would."""
        if self.error is not None:
            raise self.error
        self.published.append((topic, value, headers))

    async def send(self, message: bytes = REPORT, to: list[str] = TO) -> list[int]:
        """A message from a mail server: the replies to the recipients, then those after DATA."""
        # smtplib.LMTP reads one of the latter, however many recipients there are
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        codes = [await _reply(reader)]
        for command in ("LHLO mx", "MAIL FROM:<>", *(f"RCPT TO:<{address}>" for address in to), "DATA"):
            writer.write(f"{command}\r\n".encode())
            codes.append(await _reply(reader))
        assert 354 == codes.pop(), codes
        writer.write(message.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        taken = codes.count(250) - 2
        replies = [await _reply(reader) for _ in range(taken)]
        writer.write(b"QUIT\r\n")
        assert 221 == await _reply(reader)
        writer.close()
        return [*codes[3:], *replies]

    async def raw(self, octets: bytes) -> list[bytes]:
        """The lines that come back for these octets, until the server ends it or says no more for a while."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(octets)
        said = b""
        try:
            while piece := await asyncio.wait_for(reader.read(65536), 0.5):
                said += piece
        except (TimeoutError, ConnectionError):
            pass
        writer.transport.abort()
        return said.split(b"\r\n")[:-1]

    def counted(self, outcome: str) -> float:
        """Messages with that outcome."""
        labels = {"door": "lmtp", "outcome": outcome}
        return self.metrics.registry.get_sample_value("sidestep_received_total", labels) or 0


async def _reply(reader: asyncio.StreamReader) -> int:
    """The code of a reply, of which several lines are one (RFC 5321 4.2.1)."""
    while (line := await asyncio.wait_for(reader.readline(), 10))[3:4] == b"-":
        pass
    return int(line[:3])


TAKEN = [250] * 4
"""Two recipients, and each has its message."""


def _play(scene: Callable[[Post], Awaitable[Any]], where: str = "127.0.0.1:0", seconds: float = 20.0) -> Any:
    async def whole() -> Any:
        post = Post()
        server = LmtpServer(where, BounceMailbox(post.publish, post.metrics, clock=lambda: NOW), seconds=seconds)
        await server.start()
        post.port = server.port
        try:
            return await asyncio.wait_for(scene(post), 30)
        finally:
            await server.stop()

    return asyncio.run(whole())


def test_a_report_is_one_record_and_read_as_feedback() -> None:
    """As it came, for all its recipients together; the envelope is in the headers, and Screen makes a bounce of it."""

    async def scene(post: Post) -> Post:
        assert TAKEN == await post.send()
        return post

    ((topic, value, headers),) = _play(scene).published
    assert ("email-bounces", REPORT) == (topic, value)
    assert headers == {
        "content-type": "message/rfc822", "provider": "lmtp", "door": "lmtp",
        "received-at": "2026-09-21T14:13:20.000+00:00", "envelope-from": b"",
        "envelope-to": '["bounces+a@shop.example", "bounces+b@shop.example"]',
    }  # fmt: skip
    (feedback,) = read_feedback(value, Bounce, "message/rfc822", NOW)
    assert isinstance(feedback, Bounce)
    assert ("kuro@example.net", True, "5.1.1") == (feedback.recipient, feedback.hard, feedback.status)


HEAD = b"LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@shop.example>\r\nRCPT TO:<b@shop.example>\r\n"


@pytest.mark.parametrize("error", [NotTaken("Kafka is down"), RuntimeError("an error of ours")])
def test_what_kafka_does_not_take_stays_with_the_mail_server(error: Exception) -> None:
    """451 for each recipient, and the session goes on; the next message is taken."""

    async def scene(post: Post) -> list[bytes]:
        post.error = error
        lines = await post.raw(HEAD + b"DATA\r\nx\r\n.\r\nNOOP\r\n")
        post.error = None
        assert TAKEN == await post.send()
        return lines

    lines = _play(scene)
    assert [b"354", b"451", b"451", b"250"] == [line[:3] for line in lines[-4:]]


def test_each_recipient_has_a_reply() -> None:
    """After DATA as many as were taken, not more: what follows is not mistaken for one (RFC 2033 4.2)."""

    async def scene(post: Post) -> list[bytes]:
        return await post.raw(HEAD + b"RCPT TO:<@@>\r\nDATA\r\nx\r\n.\r\nRSET\r\nQUIT\r\n")

    lines = _play(scene)
    assert [b"553", b"354", b"250", b"250", b"250", b"221"] == [line[:3] for line in lines[-6:]]


def test_a_message_that_is_too_large_is_refused_for_each_recipient() -> None:
    """And counted; none of it stays in memory, and the session goes on."""

    async def scene(post: Post) -> tuple[list[bytes], Post]:
        large = (b"x" * 998 + b"\r\n") * (MESSAGE_MAX // 1000 + 1)
        return await post.raw(HEAD + b"DATA\r\n" + large + b".\r\nNOOP\r\n"), post

    lines, post = _play(scene)
    assert [b"354", b"552", b"552", b"250"] == [line[:3] for line in lines[-4:]]
    assert [] == post.published and 1 == post.counted("too-large")


def test_of_a_large_report_the_beginning_is_kept() -> None:
    """The whole original may come along; what is read of a report stands before it."""
    large = REPORT.replace(b"Hello\r\n--=b--", (b"x" * 76 + b"\r\n") * 40_000 + b"--=b--")

    async def scene(post: Post) -> bytes:
        assert len(large) > 3 * KEPT_MAX and TAKEN == await post.send(large)
        return post.published[0][1]

    value = _play(scene)
    assert large[:KEPT_MAX] == value
    (feedback,) = read_feedback(value, Bounce, "message/rfc822", NOW)
    assert "kuro@example.net" == feedback.recipient


INNER = b"\r\nMAIL FROM:<>\r\nRCPT TO:<c@shop.example>\r\nDATA\r\nforged\r\n.\r\n"


@pytest.mark.parametrize("end", [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n", b"\r\n\x00.\r\n"])
def test_no_message_is_smuggled_in_another(end: bytes) -> None:
    """A message ends at CR LF dot CR LF alone, whatever the mail server in front takes for its end."""

    async def scene(post: Post) -> Post:
        await post.raw(HEAD + b"DATA\r\nfirst" + end + INNER)
        return post

    assert 1 == len(_play(scene).published)


@pytest.mark.parametrize(
    "octets",
    [
        b"HELO x\r\n", b"EHLO x\r\n", b"MAIL FROM:<>\r\n", b"LHLO x\r\nDATA\r\n", b"LHLO x\r\nMAIL FROM:<>\r\nDATA\r\n",
        b"LHLO x\r\nMAIL FROM:<a\r\n", b"LHLO \xff\r\n", b"\xff\xfe\r\n", b"\0\r\n",
        b"LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<\xff@x>\r\nDATA\r\n",
        b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00" + b"\xff" * 300 + b"\r\n", b"x" * 200_000 + b"\r\n",
        b"LHLO x\r\nAUTH PLAIN AGEAYg==\r\n", b"LHLO x\r\nSTARTTLS\r\n", HEAD + b"DATA\r\nnever ends",
        HEAD + b"DATA\r\n" + b"x" * 200_000 + b"\r\n.\r\n",
    ],
)  # fmt: skip
def test_odd_sessions_bring_nothing_in(octets: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """And stop nothing: the next message is taken. No address reaches a log."""

    async def scene(post: Post) -> int:
        await post.raw(octets)
        before = len(post.published)
        assert TAKEN == await post.send()
        return before

    with caplog.at_level(logging.DEBUG):
        assert 0 == _play(scene)
    assert "shop.example" not in caplog.text and "kuro" not in caplog.text


def test_recipients_are_bounded() -> None:
    """Of those beyond, the mail server hears that it should come again; so it does of an address that is too long."""

    async def scene(post: Post) -> tuple[list[int], Post]:
        return await post.send(to=[f"bounces+{n}@shop.example" for n in range(RECIPIENTS_MAX + 2)]), post

    replies, post = _play(scene)
    assert [250] * RECIPIENTS_MAX + [452, 452] + [250] * RECIPIENTS_MAX == replies and 1 == len(post.published)


def test_silent_sessions_end_and_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond so many: 421. After their time they are gone, in the middle of a message as well."""
    monkeypatch.setattr(lmtp, "SESSIONS_MOST", 3)

    async def scene(post: Post) -> tuple[bytes, Any]:
        clients = [await asyncio.open_connection("127.0.0.1", post.port) for _ in range(3)]
        clients[0][1].write(HEAD + b"DATA\r\nand then nothing")
        for reader, _ in clients:
            await asyncio.wait_for(reader.readline(), 5)
        full = (await post.raw(b""))[0]
        for reader, writer in clients:
            await asyncio.wait_for(reader.read(), 5)
            writer.transport.abort()
        return full, await post.send()

    full, replies = _play(scene, seconds=0.8)
    assert full.startswith(b"421") and replies == TAKEN


def test_a_socket_in_the_file_system(tmp_path: Path) -> None:
    """Open to our group, and gone afterwards; one that a killed process has left is taken over."""
    path = tmp_path / "lmtp"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))

    def send() -> Any:
        with smtplib.LMTP(str(path)) as client:
            return client.sendmail("", TO[:1], REPORT)

    async def scene(post: Post) -> tuple[Any, int, int]:
        return await asyncio.to_thread(send), len(post.published), path.stat().st_mode & 0o777

    assert ({}, 1, 0o660) == _play(scene, f"unix:{path}")
    assert not path.exists()


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("0.0.0.0:2024", "not loopback"), ("[::]:2024", "not loopback"), (":2024", "expected HOST:PORT"),
        ("127.0.0.1", "expected HOST:PORT"), ("127.0.0.1:x", "expected HOST:PORT"), ("127.0.0.1:70000", "expected"),
        ("unix:/no/such/folder/lmtp", "can't listen"),
    ],
)  # fmt: skip
def test_where_it_listens_is_looked_at(where: str, said: str) -> None:
    """Nobody but this machine's own mail server, unless that is said."""

    async def scene(_: Post) -> None:
        raise AssertionError("it listens")

    with pytest.raises(SettingsError, match=said):
        _play(scene, where)


def test_beyond_loopback_on_purpose() -> None:
    """--lmtp-anywhere."""

    async def open_and_close() -> bool:
        post = Post()
        server = LmtpServer("0.0.0.0:0", BounceMailbox(post.publish, post.metrics), anywhere=True)
        await server.start()
        found = server.port > 0
        await server.stop()
        return found

    assert asyncio.run(open_and_close())
