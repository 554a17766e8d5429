"""The mailbox probe against servers that misbehave: each is unknown, in time, and counts against its circuit."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from sidestep.schemas import MailboxFinding, MxFinding
from sidestep.streams.screen.address.parse import parse
from sidestep.streams.screen.sources.file import Probe
from sidestep.streams.screen.sources.probe import prober as mailbox_probe
from sidestep.streams.screen.sources.probe import session as probe_session
from sidestep.streams.screen.sources.probe.prober import Prober
from tests.waiting import until

MX = MxFinding("yes", "mx", exchanges=("mx1.lantern.example",))
JANE = parse("jane@lantern.example")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hardly any of these servers answers QUIT."""
    monkeypatch.setattr(probe_session, "QUIT_PATIENCE", 0.02)


Script = Callable[["Peer"], Awaitable[None]]


class Peer:
    """The server's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.heard: list[str] = []

    async def says(self, text: str | bytes) -> None:
        self._writer.write(text if isinstance(text, bytes) else f"{text}\r\n".encode())
        await self._writer.drain()

    async def hears(self) -> str:
        """The next line; "" when the other end has hung up."""
        line = (await self._reader.readline()).decode().strip()
        if line:
            self.heard.append(line)
        return line

    async def hears_octets(self) -> None:
        """Something, whatever it is."""
        await self._reader.read(1)

    async def listens(self) -> None:
        """To the end, without a word."""
        while await self.hears():
            pass

    async def takes(self, *commands: str) -> None:
        """These commands, each with 250, after the greeting."""
        await self.says("220 mx1.lantern.example")
        for command in commands:
            assert (await self.hears()).startswith(command)
            await self.says("250 Ok")


@asynccontextmanager
async def scripted(script: Script) -> AsyncIterator[tuple[int, list[Peer]]]:
    """A server that follows the script with each connection. Its port, and its peers so far."""
    peers: list[Peer] = []
    tasks: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer)
        peers.append(peer)
        try:
            await script(peer)
        except ConnectionError:
            pass  # the probe has hung up
        finally:
            writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.ensure_future(serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], peers
        async with asyncio.timeout(5):
            await asyncio.gather(*tasks)
    assert not [line for peer in peers for line in peer.heard if line.upper().startswith(("DATA", "VRFY", "EXPN"))]


def prober_at(port: int, **options: Any) -> Prober:
    plain: dict[str, Any] = {
        "enabled": True, "domains": ("lantern.example",), "helo": "probe.sidestep.example", "port": port,
        "timeout": 5.0, "rate": "1000/s,max_burst=1000", "failures": 1,
    }  # fmt: skip

    async def loopback(_: str) -> tuple[str, ...]:
        return ("127.0.0.1",)

    return Prober(Probe(**plain | options), loopback, allow_private=True)


async def greeting_554(peer: Peer) -> None:
    await peer.says("554 5.7.1 No SMTP service for you")
    await peer.listens()


async def greeting_421(peer: Peer) -> None:
    await peer.says("421 Too busy")
    await peer.listens()


async def ehlo_550(peer: Peer) -> None:
    await peer.says("220 mx")
    await peer.hears()
    await peer.says("550 Bad HELO")
    await peer.listens()


async def hangs_up_at_once(peer: Peer) -> None:
    pass


async def hangs_up_at_rcpt(peer: Peer) -> None:
    await peer.takes("EHLO", "MAIL")
    await peer.hears()


async def speaks_http(peer: Peer) -> None:
    await peer.says("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n")
    await peer.listens()


async def speaks_noise(peer: Peer) -> None:
    await peer.takes("EHLO", "MAIL")
    await peer.hears()
    await peer.says(b"\xff\x00\xfe\r\n\x80\x81\n")
    await peer.listens()


async def code_of_two_digits(peer: Peer) -> None:
    await peer.takes("EHLO", "MAIL")
    await peer.hears()
    await peer.says("25 Ok")
    await peer.listens()


async def one_endless_line(peer: Peer) -> None:
    await peer.takes("EHLO", "MAIL")
    await peer.hears()
    for _ in range(1000):
        await peer.says(b"250 " + b"x" * 4096)


async def endless_lines(peer: Peer) -> None:
    await peer.takes("EHLO", "MAIL")
    await peer.hears()
    for _ in range(100_000):
        await peer.says(b"250-\r\n")
        await asyncio.sleep(0)  # each in a piece of its own


async def tls_that_is_none(peer: Peer) -> None:
    await peer.says("220 mx")
    await peer.hears()
    await peer.says("250-mx\r\n250 STARTTLS")
    await peer.hears()
    await peer.says("220 Go ahead")
    await peer.hears_octets()
    await peer.says("250 in the clear, all the same")


FAULTS: dict[Script, str] = {
    greeting_554: "refused-us", greeting_421: "unavailable", ehlo_550: "refused-us",
    hangs_up_at_once: "disconnected", hangs_up_at_rcpt: "disconnected", speaks_http: "malformed",
    speaks_noise: "malformed", code_of_two_digits: "malformed", one_endless_line: "malformed",
    endless_lines: "malformed", tls_that_is_none: "tls-failed",
}  # fmt: skip


@pytest.mark.parametrize("script", FAULTS, ids=lambda script: script.__name__)
def test_faults(script: Script) -> None:
    """Unknown, with what happened as the reason, and the circuit has counted it."""

    async def scenario() -> None:
        async with scripted(script) as (port, _):
            prober = prober_at(port)
            found = await prober.find(JANE, MX)
            assert ("unknown", FAULTS[script]) == (found.outcome, found.reason)
            assert ("lantern.example",) == prober.status().open_circuits
            await prober.close()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "pieces", [[b"250-\r\n"] * (probe_session.CHUNKS_MAX + 1), [b"250-" + b"x" * probe_session.OCTETS_MAX]]
)
def test_what_a_server_may_say_is_bounded(pieces: list[bytes]) -> None:
    """In octets and in pieces, for the whole session: each piece costs a look at all before it. Then we hang up."""

    async def scenario() -> None:
        async with scripted(silent) as (port, _):
            _, line = await asyncio.get_running_loop().create_connection(
                probe_session.BoundedConnection, "127.0.0.1", port
            )
            for piece in pieces[:-1]:
                line.data_received(piece)
            assert line.is_connected
            line.data_received(pieces[-1])
            assert line.flooded and not line.is_connected

    asyncio.run(scenario())


@pytest.mark.parametrize("script", [greeting_554, greeting_421, ehlo_550, speaks_noise])
def test_even_a_server_that_refuses_is_left_politely(script: Script) -> None:
    """RFC 5321 section 4.1.1.10: whoever spoke SMTP to us hears QUIT before we go. Before a greeting we say nothing."""

    async def scenario() -> None:
        async with scripted(script) as (port, peers):
            prober = prober_at(port)
            await prober.find(JANE, MX)
        assert ("QUIT" in peers[0].heard) == (script is not greeting_554 and script is not greeting_421)

    asyncio.run(scenario())


async def silent(peer: Peer) -> None:
    await peer.listens()


async def tarpit(peer: Peer) -> None:
    await peer.takes("EHLO", "MAIL")
    await peer.listens()


async def drip(peer: Peer) -> None:
    await peer.takes("EHLO", "MAIL")
    await peer.hears()
    hearing = asyncio.ensure_future(peer.listens())
    while not hearing.done():
        await peer.says(b"2")
        await asyncio.sleep(0.01)


async def deaf_to_quit(peer: Peer) -> None:
    await peer.takes("EHLO", "MAIL")
    await peer.hears()
    await peer.says("550 5.1.1 No such user")
    await peer.listens()


SLOW: dict[Script, tuple[str, bool]] = {silent: ("timeout", False), tarpit: ("timeout", True), drip: ("timeout", True)}


@pytest.mark.parametrize("script", SLOW, ids=lambda script: script.__name__)
def test_whoever_takes_too_long_is_left(script: Script) -> None:
    """The whole session has one deadline, whatever comes in the meantime; then QUIT, if there was a greeting."""

    async def scenario() -> None:
        reason, leaves = SLOW[script]
        async with scripted(script) as (port, peers):
            prober = prober_at(port, timeout=0.3)
            async with asyncio.timeout(3):  # far above: only that it ends matters
                assert reason == (await prober.find(JANE, MX)).reason
        assert leaves == ("QUIT" in peers[0].heard)

    asyncio.run(scenario())


def test_an_answer_is_not_lost_to_a_server_that_does_not_say_goodbye() -> None:
    """QUIT is sent, its reply is waited for a moment only, and what was said before stands."""

    async def scenario() -> None:
        async with scripted(deaf_to_quit) as (port, peers):
            found = await prober_at(port).find(JANE, MX)
            assert ("no", "no-such-mailbox") == (found.outcome, found.reason)
        assert "QUIT" == peers[0].heard[-1]

    asyncio.run(scenario())


async def tls_is_refused(peer: Peer) -> None:
    await peer.says("220 mx")
    await peer.hears()
    await peer.says("250-mx\r\n250 STARTTLS")
    await peer.hears()
    await peer.says("454 4.7.0 TLS not available")
    for reply in ("250 Ok", "550 5.1.1 No such user", "221 Bye"):
        await peer.hears()
        await peer.says(reply)


def test_tls_that_is_refused_in_words_is_done_without() -> None:
    """RFC 3207 section 4: after 454 the client decides; opportunistic TLS goes on in the clear."""

    async def scenario() -> None:
        async with scripted(tls_is_refused) as (port, peers):
            assert "no" == (await prober_at(port).find(JANE, MX)).outcome
        assert ["STARTTLS", "MAIL FROM:<>", "RCPT TO:<jane@lantern.example>", "QUIT"] == peers[0].heard[1:]

    asyncio.run(scenario())


def test_nobody_listens() -> None:
    """A closed port is unreachable at once, and a server that comes back is asked again when the answer has run out."""

    async def scenario() -> None:
        async with scripted(silent) as (port, _):
            pass
        found = await prober_at(port).find(JANE, MX)
        assert ("unknown", "unreachable") == (found.outcome, found.reason)

    asyncio.run(scenario())


def test_a_place_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """With as many questions under way as there may be the next one is told `busy`, and nothing of it is kept."""
    monkeypatch.setattr(mailbox_probe, "FLIGHTS_MAX", 1)

    async def scenario(prober: Prober, peers: list[Peer]) -> None:
        first = asyncio.create_task(prober.find(JANE, MX))
        await until(lambda: bool(peers))
        john = parse("john@lantern.example")
        assert "busy" == (await prober.find(john, MX)).reason
        assert prober.cached(john, MX) is None
        await prober.close()
        assert "closed" == (await first).reason
        assert "closed" == (await prober.find(john, MX)).reason

    asyncio.run(_with_silent(scenario))


def test_who_gives_up_takes_nobody_along() -> None:
    """One of two who wait for the same answer is cancelled: the other one still gets it."""

    async def scenario(prober: Prober, peers: list[Peer]) -> None:
        first, second = (asyncio.create_task(prober.find(JANE, MX)) for _ in range(2))
        await until(lambda: bool(peers))
        first.cancel()
        assert isinstance((await asyncio.gather(first, return_exceptions=True))[0], asyncio.CancelledError)
        found: MailboxFinding = await second
        assert "timeout" == found.reason
        assert 1 == len(peers)

    asyncio.run(_with_silent(scenario))


async def _with_silent(scenario: Callable[[Prober, list[Peer]], Coroutine[Any, Any, None]]) -> None:
    async with scripted(silent) as (port, peers):
        prober = prober_at(port, timeout=0.3)
        await scenario(prober, peers)
        await prober.close()
