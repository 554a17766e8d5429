"""The mailbox probe against a real SMTP server on loopback, looked at from the server's side as well."""

import asyncio
import datetime
import logging
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop
from aiosmtpd.smtp import SMTP, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sidestep.schemas import MailboxFinding, MxFinding
from sidestep.streams.screen.address.parse import parse
from sidestep.streams.screen.sources.file import Probe
from sidestep.streams.screen.sources.probe.prober import DOMAIN_TTL, HISTORY_MAX, Prober

DOMAIN = "lantern.example"
MX = MxFinding("yes", "mx", exchanges=("mx1.lantern.example",))
HELO = "probe.sidestep.example"
NOBODY = "550 5.1.1 No such user"

REPLIES = {
    "jane": "250 2.1.5 Ok",
    "j\u00fcrgen": "250 2.1.5 Ok",
    "gone": NOBODY,
    "grey": "451 4.7.1 Greylisted, come back later",
    "busy": "421 4.3.2 Shutting down",
    "full": "552 5.2.2 Mailbox full",
    "closed": "550 5.2.1 Account disabled",
    "blocked": "554 5.7.1 Service unavailable; client host [127.0.0.1] blocked using a block list",
    "vague": "252 2.1.5 Cannot VRFY user",
}
EXPECTED = {
    "jane": ("yes", "accepted"), "gone": ("no", "no-such-mailbox"), "grey": ("unknown", "greylisted"),
    "busy": ("unknown", "unavailable"), "full": ("yes", "full"), "closed": ("no", "disabled"),
    "blocked": ("unknown", "blocked"), "vague": ("unknown", "unverified"),
}  # fmt: skip

SERVERS_OWN = {"enable_SMTPUTF8", "tls_context", "require_starttls"}


class Clock:
    """Wall-clock time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class Exchange:
    """An aiosmtpd handler that answers by local part and writes down what it was told, session by session."""

    def __init__(self, replies: dict[str, str] | None = None, others: str = NOBODY) -> None:
        self.replies = REPLIES if replies is None else replies
        self.others = others
        self.sender = "250 Ok"
        self.sessions: list[list[str]] = []
        self.encrypted = False
        self._of: dict[int, list[str]] = {}

    @property
    def said(self) -> list[str]:
        return [line for session in self.sessions for line in session]

    @property
    def recipients(self) -> list[str]:
        return [line.removeprefix("RCPT ") for line in self.said if line.startswith("RCPT")]

    def _note(self, server: SMTP, line: str) -> None:
        if id(server) not in self._of:
            self._of[id(server)] = []
            self.sessions.append(self._of[id(server)])
        self._of[id(server)].append(line)

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self._note(server, f"EHLO {hostname}")
        return responses

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        self.encrypted = session.ssl is not None
        self._note(server, " ".join(["MAIL", address, *options]))
        return self.sender

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self._note(server, f"RCPT {address}")
        return self.replies.get(address.partition("@")[0], self.others)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self._note(server, "DATA")
        return "250 Ok"

    async def handle_VRFY(self, server: SMTP, session: Session, envelope: Envelope, address: str) -> str:
        self._note(server, "VRFY")
        return "252 Ok"

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self._note(server, "QUIT")
        return "221 Bye"


@asynccontextmanager
async def listening(exchange: Exchange, host: str = "127.0.0.1", port: int = 0, **options: Any) -> AsyncIterator[int]:
    """The port that the exchange listens at. Afterwards: nobody sent DATA or VRFY, everybody left with QUIT."""
    loop = asyncio.get_running_loop()
    ours: list[SMTP] = []

    def connection() -> SMTP:
        ours.append(SMTP(exchange, hostname="mx1.lantern.example", loop=loop, **options))
        return ours[-1]

    server = await loop.create_server(connection, host, port)
    async with server:
        yield server.sockets[0].getsockname()[1]
    assert not {"DATA", "VRFY"} & set(exchange.said)
    assert ["QUIT"] * len(exchange.sessions) == [session[-1] for session in exchange.sessions]


async def loopback(_: str) -> tuple[str, ...]:
    return ("127.0.0.1",)


def settings(port: int, **options: Any) -> Probe:
    plain: dict[str, Any] = {
        "enabled": True, "domains": (DOMAIN,), "helo": HELO, "port": port, "timeout": 5.0,
        "rate": "1000/s,max_burst=1000",
    }  # fmt: skip
    return Probe(**plain | options)


@asynccontextmanager
async def probing(exchange: Exchange, clock: Clock | None = None, **options: Any) -> AsyncIterator[Prober]:
    own = {name: options.pop(name) for name in SERVERS_OWN & options.keys()}
    async with listening(exchange, **own) as port:
        prober = Prober(settings(port, **options), loopback, clock=clock or Clock(), allow_private=True)
        yield prober
        await prober.close()


async def ask(prober: Prober, local: str, mx: MxFinding = MX) -> MailboxFinding:
    return await prober.find(parse(f"{local}@{DOMAIN}"), mx)


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(scenario())


@pytest.mark.parametrize("runner", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("local", EXPECTED)
def test_every_kind_of_answer(local: str, runner: Callable[..., None]) -> None:
    """What the server says of a mailbox is what is found, on either event loop; it is kept as long as it holds."""

    async def scenario() -> None:
        exchange, clock = Exchange(), Clock()
        async with probing(exchange, clock) as prober:
            found = await ask(prober, local)
            assert EXPECTED[local] == (found.outcome, found.reason)
            assert 1_800_000_000_000 == found.checked_at and found.ttl > 0
            assert found == prober.cached(parse(f"{local}@{DOMAIN}"), MX) == await ask(prober, local)
            clock.now += found.ttl
            assert prober.cached(parse(f"{local}@{DOMAIN}"), MX) is None
        assert 1 == len(exchange.sessions)

    runner(scenario())


def test_one_session_word_by_word() -> None:
    """EHLO with our name, the null sender, the address, one that nobody has, QUIT. The next one is asked for alone."""

    async def scenario() -> None:
        exchange = Exchange(REPLIES | {"john": "250 Ok"})
        async with probing(exchange) as prober:
            await ask(prober, "jane")
            await ask(prober, "john")
        (ehlo, mail, rcpt, invented, leave), second = exchange.sessions
        assert [f"EHLO {HELO}", "MAIL <>", f"RCPT jane@{DOMAIN}", "QUIT"] == [ehlo, mail, rcpt, leave]
        assert invented.startswith("RCPT ") and invented.endswith(f"@{DOMAIN}") and invented != rcpt
        assert [f"RCPT john@{DOMAIN}", "QUIT"] == second[2:]

    run(scenario)


def test_an_address_is_sent_as_it_is_written() -> None:
    """Case and quotes stay, the sender is the one that is set."""

    async def scenario() -> None:
        exchange = Exchange({'"a b"': "250 Ok", "Jane.Doe+x": "250 Ok"})
        async with probing(exchange, mail_from="probe@sidestep.example") as prober:
            assert "yes" == (await ask(prober, "Jane.Doe+x")).outcome
            assert "yes" == (await ask(prober, '"a b"')).outcome
        assert "MAIL probe@sidestep.example" in exchange.said
        assert f'"a b"@{DOMAIN}' in exchange.recipients

    run(scenario)


def test_a_catch_all_domain_proves_nothing() -> None:
    """It takes an invented address too: unknown, and for a day nobody else of that domain is asked about."""

    async def scenario() -> None:
        exchange, clock = Exchange(others="250 Ok"), Clock()
        async with probing(exchange, clock) as prober:
            assert ("unknown", "catch-all") == _said(await ask(prober, "jane"))
            assert ("unknown", "catch-all") == _said(await ask(prober, "john"))
            assert 1 == prober.status().catch_all_domains == prober.status().asked
            clock.now += DOMAIN_TTL
            await ask(prober, "john")
            assert 2 == prober.status().asked

    run(scenario)


def test_a_domain_is_tested_anew_after_a_day() -> None:
    """One that told addresses apart may have become a catch-all since."""

    async def scenario() -> None:
        exchange, clock = Exchange(), Clock()
        async with probing(exchange, clock) as prober:
            assert "accepted" == (await ask(prober, "jane")).reason
            clock.now += DOMAIN_TTL
            exchange.others = "250 Ok"
            assert "catch-all" == (await ask(prober, "john")).reason

    run(scenario)


def test_a_greylist_is_outwaited() -> None:
    """A server that refuses each new pair once: after two waits the answer is there, for the invented name stays."""

    class Greylist(Exchange):
        async def handle_RCPT(
            self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
        ) -> str:
            known = address in self.recipients
            reply = await super().handle_RCPT(server, session, envelope, address, options)
            return reply if known else "451 4.7.1 Greylisted"

    async def scenario() -> None:
        clock = Clock()
        async with probing(Greylist(), clock) as prober:
            found = []
            for _ in range(3):
                found.append(await ask(prober, "jane"))
                clock.now += 901
            assert ["greylisted", "unproven", "accepted"] == [finding.reason for finding in found]

    run(scenario)


def test_our_own_history_comes_first() -> None:
    """A mailbox that took mail or was read from within 90 days is not asked about, unless a later answer says no."""

    async def scenario() -> None:
        exchange, clock = Exchange(), Clock()
        gone = parse(f"gone@{DOMAIN}")
        now_ms = int(clock.now * 1000)
        async with probing(exchange, clock) as prober:
            prober.history.note(gone.identity, now_ms - 86_400_000)
            found = await prober.find(gone, MX)
            assert MailboxFinding("yes", "delivered", now_ms - 86_400_000, HISTORY_MAX - 86_400) == found
            assert [] == exchange.sessions
            prober.history.refute(gone.identity, now_ms)
            assert "no" == (await prober.find(gone, MX)).outcome
            prober.history.note(gone.identity, now_ms - 1)
            assert "no" == (await prober.find(gone, MX)).outcome
            prober.history.note(gone.identity, now_ms + 1)
            assert "delivered" == (await prober.find(gone, MX)).reason
            clock.now += HISTORY_MAX + 1
            assert "no" == (await prober.find(gone, MX)).outcome

    run(scenario)


def test_old_feedback_does_not_outweigh_a_newer_answer() -> None:
    """A delivery that is told of late, from before the server said no, changes nothing."""

    async def scenario() -> None:
        clock = Clock()
        gone = parse(f"gone@{DOMAIN}")
        async with probing(Exchange(), clock) as prober:
            assert "no" == (await prober.find(gone, MX)).outcome
            prober.history.note(gone.identity, int(clock.now * 1000) - 1)
            assert "no" == (await prober.find(gone, MX)).outcome

    run(scenario)


def test_nobody_is_asked_without_leave() -> None:
    """Off, not on the list, a role, no MX: not-allowed, and no connection."""

    async def scenario() -> None:
        exchange = Exchange()
        async with probing(exchange) as prober, probing(exchange, enabled=False) as off:
            answers = [
                await ask(off, "jane"),
                await prober.find(parse("jane@other.example"), MX),
                await ask(prober, "info"),
                await ask(prober, "jane", MxFinding("unknown", "timeout")),
                await prober.find(parse("no address"), MX),
            ]
            assert [("unknown", "not-allowed")] * 5 == [_said(answer) for answer in answers]
            assert not off.may_ask(parse(f"jane@{DOMAIN}"), MX) and prober.may_ask(parse(f"jane@{DOMAIN}"), MX)
        assert [] == exchange.sessions

    run(scenario)


def test_one_question_for_all_who_ask() -> None:
    """Whoever asks about a mailbox while it is being asked about waits for the same answer."""

    async def scenario() -> None:
        exchange = Exchange()
        async with probing(exchange) as prober:
            found = await asyncio.gather(*(ask(prober, local) for local in ("jane", "Jane", "JANE")))
            assert ["accepted"] * 3 == [finding.reason for finding in found]
            assert 1 == prober.status().asked

    run(scenario)


def test_the_rate_is_the_operators() -> None:
    """All hosts of one operator share it; over it nobody waits, nothing is kept, and a moment later it goes on."""

    async def scenario() -> None:
        clock = Clock()
        async with probing(Exchange(), clock, rate="1/min") as prober:
            assert "accepted" == (await ask(prober, "jane")).reason
            other_host = MxFinding("yes", "mx", exchanges=("mx2.lantern.example",))
            over_rate = MailboxFinding("unknown", "over-rate", int(clock.now * 1000))
            assert over_rate == await ask(prober, "gone", other_host)
            clock.now += 60
            assert "no-such-mailbox" == (await ask(prober, "gone", other_host)).reason

    run(scenario)


def test_a_block_of_ours_opens_the_circuit() -> None:
    """After so many in a row nobody is asked at this operator, until one question is let through again."""

    async def scenario() -> None:
        blocked = dict.fromkeys(("a", "b", "c"), REPLIES["blocked"])
        exchange, clock = Exchange(REPLIES | blocked), Clock()
        async with probing(exchange, clock, failures=3, retry_after=1800.0) as prober:
            assert ["blocked"] * 3 == [(await ask(prober, name)).reason for name in blocked]
            assert MailboxFinding("unknown", "circuit-open", int(clock.now * 1000)) == await ask(prober, "jane")
            assert (DOMAIN,) == prober.status().open_circuits
            clock.now += 1800
            assert "accepted" == (await ask(prober, "jane")).reason
            assert () == prober.status().open_circuits
        assert 4 == len(exchange.sessions)

    run(scenario)


def test_unknown_users_do_not_open_it() -> None:
    """A server that says no is one that answers."""

    async def scenario() -> None:
        async with probing(Exchange(), failures=1) as prober:
            assert {"no"} == {(await ask(prober, name)).outcome for name in ("a", "b", "c")}

    run(scenario)


def test_who_refuses_us_says_nothing_of_the_mailbox() -> None:
    """5xx at MAIL FROM, even with the words of an unknown user."""

    async def scenario() -> None:
        exchange = Exchange()
        exchange.sender = "550 5.1.1 User unknown"
        async with probing(exchange) as prober:
            assert ("unknown", "refused-us") == _said(await ask(prober, "jane"))

    run(scenario)


@pytest.mark.parametrize(("offered", "expected"), [(True, ("yes", "accepted")), (False, ("unknown", "no-smtputf8"))])
def test_beyond_ascii(offered: bool, expected: tuple[str, str]) -> None:
    """RFC 6531: only a server that offers SMTPUTF8 can be asked about such a local part."""

    async def scenario() -> None:
        exchange = Exchange()
        async with probing(exchange, enable_SMTPUTF8=offered) as prober:
            assert expected == _said(await ask(prober, "j\u00fcrgen"))
        assert offered == (f"j\u00fcrgen@{DOMAIN}" in exchange.recipients)

    run(scenario)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """A server's TLS with a certificate that nobody signed, for another name."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "elsewhere.example")])
    start = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, start, start + datetime.timedelta(days=1))
    file: Path = tmp_path_factory.mktemp("tls") / "server.pem"
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    file.write_bytes(pem + builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@pytest.mark.parametrize("runner", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_tls_where_it_is_offered(certificate: ssl.SSLContext, runner: Callable[..., None]) -> None:
    """RFC 7435: encrypted, whoever's certificate it is; a server that asks for it answers."""

    async def scenario() -> None:
        exchange = Exchange()
        async with probing(exchange, tls_context=certificate, require_starttls=True) as prober:
            assert ("yes", "accepted") == _said(await ask(prober, "jane"))
        assert exchange.encrypted
        assert 2 == sum(line.startswith("EHLO") for line in exchange.said)

    runner(scenario())


def test_the_second_exchange_is_tried_where_the_first_is_dead() -> None:
    """At most two, best first. That a backup takes everything says nothing of the first one's ways."""

    async def scenario() -> None:
        addresses = {"mx1.lantern.example": ("127.0.0.2",), "backup.example": ("127.0.0.1",)}

        async def addresses_of(host: str) -> tuple[str, ...]:
            return addresses[host]

        mx = MxFinding("yes", "mx", exchanges=tuple(addresses))
        async with listening(Exchange(others="250 Ok")) as port:
            clock = Clock()
            prober = Prober(settings(port), addresses_of, clock=clock, allow_private=True)
            assert "catch-all" == (await ask(prober, "jane", mx)).reason
            assert 2 == prober.status().asked
            first = Exchange()
            async with listening(first, "127.0.0.2", port):
                assert "no-such-mailbox" == (await ask(prober, "gone", mx)).reason
            assert 1 == len(first.sessions)
            await prober.close()

    run(scenario)


def test_only_public_addresses_are_connected_to() -> None:
    """Whoever owns a domain chooses where its exchange points: never into our own network."""

    async def scenario() -> None:
        async def addresses_of(host: str) -> tuple[str, ...]:
            return ("127.0.0.1", "10.0.0.1", "::1", "169.254.169.254", "not an address")

        exchange = Exchange()
        async with listening(exchange) as port:
            prober = Prober(settings(port), addresses_of, clock=Clock())
            assert ("unknown", "unreachable") == _said(await ask(prober, "jane"))
            assert 0 == prober.status().asked
        assert [] == exchange.sessions

    run(scenario)


def test_the_count_of_answers() -> None:
    """What was asked and what came of it; memory is not counted."""

    async def scenario() -> None:
        async with probing(Exchange()) as prober:
            for local in ("jane", "jane", "gone", "grey"):
                await ask(prober, local)
            status = prober.status()
            assert (3, 1, 1, 1) == (status.asked, status.yes, status.no, status.unknown)
            assert {"accepted": 1, "no-such-mailbox": 1, "greylisted": 1} == status.reasons

    run(scenario)


def test_no_address_is_logged_or_kept(caplog: pytest.LogCaptureFixture) -> None:
    """Neither a failure nor an error inside names anybody, and what is remembered holds nobody's address."""

    async def scenario() -> None:
        async def broken(host: str) -> tuple[str, ...]:
            raise RuntimeError(f"jane@{DOMAIN} is at {host}")

        failing = Prober(settings(25), broken, clock=Clock(), allow_private=True)
        assert ("unknown", "internal") == _said(await ask(failing, "jane"))
        async with probing(Exchange(), failures=1) as prober:
            await ask(prober, "blocked")
            kept = repr([vars(value) if hasattr(value, "__dict__") else value for value in vars(prober).values()])
            assert "blocked@" not in kept

    with caplog.at_level(logging.DEBUG, logger="sidestep"):
        run(scenario)
    ours = [record for record in caplog.records if record.name.startswith("sidestep")]
    assert 2 == len(ours)
    assert not any("@" in record.getMessage() for record in ours)


def _said(found: MailboxFinding) -> tuple[str, str]:
    return found.outcome, found.reason
