"""Reputation services over real HTTP on loopback: what travels, what is remembered, and what faults do."""

import asyncio
import inspect
import json
import logging
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import uvloop
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from sidestep.schemas import Listing
from sidestep.streams.errors import SourcesError
from sidestep.streams.screen.address.parse import ParsedAddress, parse
from sidestep.streams.screen.sources.file import Reputation
from sidestep.streams.screen.sources.reputation.service import BODY_MAX, CONNECTIONS, UNKNOWN_FOR
from sidestep.streams.screen.sources.reputation.services import Services
from tests.waiting import until

JANE = parse("Jane.Doe@example.com")
JANES_HASH = sha256(b"jane.doe@example.com").hexdigest()
JOHN = parse("john@example.com")
NOW = 1_800_000_000.0
STAMP = "2027-01-15T08:00:00Z"


class Clock:
    """Wall-clock time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


class Server:
    """A reputation service. `reply` is what it does; `seen` are its requests, `bodies` what came with them."""

    def __init__(self) -> None:
        self.seen: list[web.Request] = []
        self.bodies: list[str] = []
        self.under_way = self.most_under_way = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.reply: Callable[[web.Request], Any] = lambda request: score(0.93)
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(request)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            self.bodies.append(await request.text())
            await self.gate.wait()
            reply = self.reply(request)
            response: web.StreamResponse = await reply if inspect.isawaitable(reply) else reply
            return response
        finally:
            self.under_way -= 1


def score(value: Any) -> web.Response:
    return web.json_response({"result": {"risk": value}})


@asynccontextmanager
async def serving(tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server = Server()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", server.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    server.url = f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        server.gate.set()
        await runner.cleanup()


def section(server: Server, template: str = "/v1/{hash}", **settings: Any) -> Reputation:
    defaults: dict[str, Any] = {"path": "result.risk", "listed_from": 0.9, "suspect_from": 0.5, "timeout": 5.0}
    return Reputation(url=server.url + template, **(defaults | settings))


def scene(
    test: Callable[[Server, Services, Clock], Awaitable[None]],
    template: str = "/v1/{hash}",
    runner: Callable[..., None] = asyncio.run,
    **settings: Any,
) -> None:
    """Run a test with one server, asked as the service `rep`."""

    async def run() -> None:
        async with serving() as server:
            clock, base = Clock(), settings.pop("base", Path())
            services = Services({"rep": section(server, template, **settings)}, base, clock)
            try:
                await test(server, services, clock)
            finally:
                await services.close()

    runner(run())


def listing(**changes: Any) -> Listing:
    return Listing(**({"list": "rep", "version": STAMP, "entry": JANES_HASH, "reason": "score-0.93"} | changes))


@pytest.mark.parametrize("runner", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_the_server_sees_a_hash_and_never_an_address(runner: Callable[..., None]) -> None:
    """By default nothing that names a person leaves; evidence holds the hash too."""

    async def test(server: Server, services: Services, clock: Clock) -> None:
        assert (listing(),) == await services.find(JANE)
        (request,) = server.seen
        assert f"/v1/{JANES_HASH}" == request.raw_path
        sent = request.raw_path + repr(request.raw_headers) + server.bodies[0]
        assert not re.search("@|%40|jane|doe", sent, re.I)

    scene(test, runner=runner)


def test_answers_are_remembered() -> None:
    """The second question is answered from memory, until `remember` is over; spellings share an answer."""

    async def test(server: Server, services: Services, clock: Clock) -> None:
        assert services.cached(JANE) is None
        await services.find(JANE)
        assert (listing(),) == services.cached(JANE) == services.cached(parse("JANE.doe@Example.com"))
        clock.now += 99
        await services.find(JANE)
        assert 1 == len(server.seen)
        clock.now += 2
        assert services.cached(JANE) is None
        await services.find(JANE)
        assert 2 == len(server.seen)

    scene(test, remember=100.0)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.6, (listing(reason="score-0.6", suspect=True),)),
        (0.1, ()),
        (None, ()),
    ],
)
def test_suspect_and_clear(value: Any, expected: tuple[Listing, ...]) -> None:
    """A score between the thresholds is a doubt; one below is no listing, and remembered as that."""

    async def test(server: Server, services: Services, clock: Clock) -> None:
        server.reply = lambda request: score(value)
        assert expected == await services.find(JANE)
        clock.now += UNKNOWN_FOR + 1
        assert expected == services.cached(JANE)

    scene(test)


def test_domains_are_asked_about_once_for_all_their_addresses() -> None:
    """A service that is told the domain alone shares its answers."""

    async def test(server: Server, services: Services, clock: Clock) -> None:
        assert (listing(entry="example.com"),) == await services.find(JANE)
        assert (listing(entry="example.com"),) == services.cached(JOHN)
        assert ["/d/example.com"] == [request.raw_path for request in server.seen]

    scene(test, "/d/{domain}")


def test_a_domain_beside_a_hash_shares_nothing() -> None:
    """What is said of one mailbox must not hold for another of its domain."""

    async def test(server: Server, services: Services, clock: Clock) -> None:
        await services.find(JANE)
        assert services.cached(JOHN) is None

    scene(test, "/{domain}", method="POST", body='{"sha256": "{hash}"}')


def test_a_question_by_post() -> None:
    """The body is JSON and says so; a quote within an address does not end it."""

    async def test(server: Server, services: Services, clock: Clock) -> None:
        odd = parse('"a\\"b/..&?"@example.com')
        assert odd.normalized
        await services.find(odd)
        assert {"q": {"email": odd.normalized.lower(), "of": "example.com"}} == json.loads(server.bodies[0])
        assert "application/json" == server.seen[0].headers["Content-Type"]
        assert "POST" == server.seen[0].method

    body = '{"q": {"email": "{address}", "of": "{domain}"}}'
    scene(test, "/v1", method="POST", body=body, address_in_clear=True)


def test_an_address_in_the_clear_is_quoted() -> None:
    """It arrives as one path segment."""

    async def test(server: Server, services: Services, clock: Clock) -> None:
        (found,) = await services.find(parse("a/b?c#d%41@example.com"))
        assert "/v1/a%2Fb%3Fc%23d%2541%40example.com" == server.seen[0].raw_path
        assert "@" not in found.entry

    scene(test, "/v1/{address}", address_in_clear=True)


def test_one_request_for_everyone_who_asks() -> None:
    """A hundred at once are one request; those that are cancelled leave it to the others."""

    async def test(server: Server, services: Services, clock: Clock) -> None:
        server.gate.clear()
        waiters = [asyncio.create_task(services.find(JANE)) for _ in range(100)]
        await until(lambda: len(server.seen) == 1)
        waiters[0].cancel()
        server.gate.set()
        results = await asyncio.gather(*waiters, return_exceptions=True)
        assert isinstance(results[0], asyncio.CancelledError)
        assert [(listing(),)] * 99 == results[1:]
        assert 1 == len(server.seen) == services.status()["rep"].asked

    scene(test)


def test_no_more_than_the_connections_at_once() -> None:
    """The rest wait their turn."""

    async def test(server: Server, services: Services, clock: Clock) -> None:
        server.gate.clear()
        asking = [asyncio.create_task(services.find(parse(f"p{i}@example.com"))) for i in range(CONNECTIONS + 5)]
        await until(lambda: server.under_way == CONNECTIONS)
        server.gate.set()
        assert CONNECTIONS + 5 == sum(map(len, await asyncio.gather(*asking)))
        assert CONNECTIONS == server.most_under_way

    scene(test)


def huge(request: web.Request) -> web.Response:
    return web.Response(body=b'{"result": {"risk": 1}}' + b" " * BODY_MAX)


async def endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while request.transport is not None:
        await response.write(b" " * 10_000)
    return response


def redirect(request: web.Request) -> web.Response:
    return web.Response(status=302, headers={"Location": "/elsewhere"})


def gzipped(request: web.Request) -> web.Response:
    return web.Response(body=b"whoever unpacks this fails", headers={"Content-Encoding": "gzip"})


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (lambda request: web.Response(status=500, text=request.path), "HTTP 500"),
        (lambda request: web.Response(status=403), "HTTP 403: check the token"),
        (lambda request: web.Response(text="<html>"), "answer is not JSON"),
        (lambda request: web.json_response({"error": request.path}), "answer has nothing at the path"),
        (huge, "answer too long"),
        (endless, "answer too long"),
        (redirect, "HTTP 302: redirects are not followed, write the final address as url"),
        (gzipped, "answer is compressed though that was not asked for"),
        (lambda request: request.transport.close() or web.Response(), "connection failed (ServerDisconnectedError)"),
    ],
)
def test_faults_say_nothing(reply: Callable[[web.Request], Any], error: str) -> None:
    """No listing, no exception; remembered for seconds, then asked again. The error tells neither hash nor address."""

    async def test(server: Server, services: Services, clock: Clock) -> None:
        server.reply = reply
        assert () == await services.find(JANE) == services.cached(JANE)
        status = services.status()["rep"]
        assert (error, 1, 0) == (status.last_error, status.failed, status.listed)
        assert {f"/v1/{JANES_HASH}"} == {request.raw_path for request in server.seen}
        clock.now += UNKNOWN_FOR
        server.reply = lambda request: score(0.93)
        assert 1 == len(await services.find(JANE))

    scene(test)


def test_nothing_known_is_no_failure() -> None:
    """404 is an answer: remembered as one, and it opens no circuit."""

    async def test(server: Server, services: Services, clock: Clock) -> None:
        server.reply = lambda request: web.Response(status=404, text="no such hash")
        assert () == await services.find(JANE)
        clock.now += UNKNOWN_FOR + 1
        assert () == services.cached(JANE)
        status = services.status()["rep"]
        assert ("closed", 0, 1) == (status.circuit, status.failed, status.clear)

    scene(test, failures=1)


def test_a_slow_service_is_left_behind() -> None:
    """After its timeout nothing is known; the others' answers are there all the same."""

    async def run() -> None:
        async with serving() as slow, serving() as quick:
            slow.gate.clear()
            configured = {"slow": section(slow, timeout=0.5), "quick": section(quick)}
            services = Services(configured, Path(), Clock())
            async with asyncio.timeout(3):
                assert [listing(list="quick")] == list(await services.find(JANE))
            assert "timeout" == services.status()["slow"].last_error
            assert (listing(list="quick"),) == services.cached(JANE)
            await services.close()

    asyncio.run(run())


def test_only_the_service_that_is_not_remembered_is_asked_again() -> None:
    """One that failed does not make the others work."""

    async def run() -> None:
        async with serving() as shaky, serving() as sound:
            shaky.reply = lambda request: web.Response(status=502)
            clock = Clock()
            services = Services({"shaky": section(shaky), "sound": section(sound)}, Path(), clock)
            await services.find(JANE)
            clock.now += UNKNOWN_FOR
            assert services.cached(JANE) is None
            await services.find(JANE)
            assert (2, 1) == (len(shaky.seen), len(sound.seen))
            await services.close()

    asyncio.run(run())


def test_a_closed_port_is_unknown() -> None:
    """Nobody listens: said at once."""

    async def run() -> None:
        async with serving() as server:
            settings = section(server)
        services = Services({"rep": settings}, Path(), Clock())
        assert () == await services.find(JANE)
        assert "connection failed (ClientConnectorError)" == services.status()["rep"].last_error
        await services.close()

    asyncio.run(run())


def self_signed(folder: Path) -> ssl.SSLContext:
    """A certificate for 127.0.0.1 that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    start = datetime.now(UTC) - timedelta(days=1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, start, start + timedelta(days=2))
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = builder.add_extension(alternative, critical=False).sign(key, hashes.SHA256())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)
    (folder / "pem").write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "pem")
    return context


def test_certificates_are_verified(tmp_path: Path) -> None:
    """Whoever answers in the service's place sees neither the question nor the token."""
    (tmp_path / "token").write_text("s3cret")

    async def run() -> None:
        async with serving(self_signed(tmp_path)) as server:
            settings = section(server, header="X-Key", token_file="token")
            services = Services({"rep": settings}, tmp_path, Clock())
            assert () == await services.find(JANE)
            assert "connection failed (ClientConnectorCertificateError)" == services.status()["rep"].last_error
            assert [] == server.seen
            await services.close()

    asyncio.run(run())


def test_the_circuit_opens_and_closes(caplog: pytest.LogCaptureFixture) -> None:
    """After the failures nobody is asked; after the pause one is let through, and its success closes it."""

    async def test(server: Server, services: Services, clock: Clock) -> None:
        server.reply = lambda request: web.Response(status=500)
        for i in range(5):
            assert () == await services.find(parse(f"p{i}@example.com"))
        status = services.status()["rep"]
        assert ("open", 3, 2, 3) == (status.circuit, status.asked, status.withheld, len(server.seen))
        server.reply = lambda request: score(0.93)
        clock.now += 59.0
        assert () == await services.find(JANE)
        clock.now += UNKNOWN_FOR
        assert (listing(version="2027-01-15T08:01:14Z"),) == await services.find(JANE)
        assert ("closed", 4) == (services.status()["rep"].circuit, len(server.seen))

    with caplog.at_level(logging.WARNING):
        scene(test, failures=3, retry_after=60.0)
    assert ["reputation service rep: HTTP 500", "reputation service rep is not asked for 60 s"] == caplog.messages


def test_one_attempt_at_a_time_while_half_open() -> None:
    """Of many that ask when the pause is over, one request goes out."""

    async def test(server: Server, services: Services, clock: Clock) -> None:
        server.reply = lambda request: web.Response(status=500)
        await services.find(JANE)
        clock.now += 60.0
        server.gate.clear()
        asking = [asyncio.create_task(services.find(parse(f"p{i}@example.com"))) for i in range(10)]
        await until(lambda: services.status()["rep"].withheld == 9)
        assert ("half-open", 2) == (services.status()["rep"].circuit, services.status()["rep"].asked)
        server.gate.set()
        await asyncio.gather(*asking)
        assert "open" == services.status()["rep"].circuit

    scene(test, failures=1)


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_honoured(status: int) -> None:
    """Nobody is asked until then, though the circuit is closed."""

    async def test(server: Server, services: Services, clock: Clock) -> None:
        server.reply = lambda request: web.Response(status=status, headers={"Retry-After": "120"})
        assert () == await services.find(JANE)
        server.reply = lambda request: score(0.93)
        clock.now += 119
        assert () == await services.find(JANE)
        assert 1 == len(server.seen)
        assert "closed" == services.status()["rep"].circuit
        clock.now += UNKNOWN_FOR
        assert 1 == len(await services.find(JANE))

    scene(test)


def test_the_rate_is_kept() -> None:
    """What is over it is not asked, says nothing, and may be asked a little later."""

    async def test(server: Server, services: Services, clock: Clock) -> None:
        people = [parse(f"p{i}@example.com") for i in range(5)]
        found = await asyncio.gather(*map(services.find, people))
        assert (2, 2, 3) == (len(server.seen), sum(map(len, found)), services.status()["rep"].withheld)
        clock.now += 60.0
        assert [1, 1] == [len(await services.find(person)) for person in people[2:4]]

    scene(test, rate="2/min,max_burst=2")


def test_waiting_for_a_connection_is_not_the_services_fault() -> None:
    """Those that never got their turn within the timeout count against nobody."""

    async def test(server: Server, services: Services, clock: Clock) -> None:
        server.gate.clear()
        asking = [services.find(parse(f"p{i}@example.com")) for i in range(CONNECTIONS + 7)]
        await asyncio.gather(*asking)
        status = services.status()["rep"]
        assert (CONNECTIONS, CONNECTIONS, 7) == (status.asked, status.failed, status.withheld)

    scene(test, timeout=0.8, failures=1000)


def test_a_token_stands_in_its_header_and_nowhere_else(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Not in the URL, the log, an error or a repr; whitespace around it and further lines are no part of it."""
    (tmp_path / "token").write_text("Bearer s3cret \r\nanother line\n")

    async def test(server: Server, services: Services, clock: Clock) -> None:
        server.reply = lambda request: web.Response(status=401, text=request.headers["Authorization"])
        await services.find(JANE)
        assert ["Bearer s3cret"] == [request.headers["Authorization"] for request in server.seen]
        assert "s3cret" not in server.seen[0].raw_path
        shown = repr(services) + repr(services._services) + repr(services.status()) + str(services.status())
        assert "s3cret" not in shown

    with caplog.at_level(logging.DEBUG):
        scene(test, base=tmp_path, header="Authorization", token_file="token")
    assert "reputation service rep: HTTP 401: check the token" in caplog.messages
    assert not re.search(f"s3cret|jane|{JANES_HASH}", caplog.text, re.I)


def test_a_new_token_is_taken_up(tmp_path: Path) -> None:
    """The file has changed: those that were refused with the old one ask again at once, all of them."""
    (tmp_path / "token").write_text("old")

    async def test(server: Server, services: Services, clock: Clock) -> None:
        def reply(request: web.Request) -> web.Response:
            return score(0.93) if request.headers["X-Key"] == "new" else web.Response(status=401)

        server.reply = reply
        (tmp_path / "token").write_text("new")
        people = [parse(f"p{i}@example.com") for i in range(5)]
        assert [1] * 5 == [len(found) for found in await asyncio.gather(*map(services.find, people))]
        assert (10, 0) == (len(server.seen), services.status()["rep"].failed)
        (tmp_path / "token").unlink()
        server.reply = lambda request: web.Response(status=401)
        assert () == await services.find(JANE)
        assert "new" == server.seen[-1].headers["X-Key"]

    scene(test, base=tmp_path, header="X-Key", token_file="token")


@pytest.mark.parametrize("content", [None, b"", b"\n\ntoken", b"a\rb", "schlüssel".encode(), b"\xff", b"x" * 10_000])
def test_token_files_that_cannot_be_used(tmp_path: Path, content: bytes | None) -> None:
    """Said at the start, with what to do, and without the content."""
    if content is not None:
        (tmp_path / "token").write_bytes(content)
    about = Reputation(
        url="https://rep.example/{hash}", path="risk", listed_from=1.0, header="X-Key", token_file="token"
    )
    with pytest.raises(SourcesError, match=r"\[reputation.rep\] token_file") as caught:
        Services({"rep": about}, tmp_path)
    assert "xxx" not in str(caught.value)


def test_every_fault_at_once() -> None:
    """An operator mends the file in one go."""
    about = {
        "one": Reputation(url="http://rep.example/{address}", path="a..b"),
        "two": Reputation(url="https://rep.example/{hash}", path="risk", listed_from=1.0, rate="often"),
    }
    with pytest.raises(SourcesError) as caught:
        Services(about, Path())
    for says in ("[reputation.one] {address}", "https://", "joined by dots", "listed_from", "[reputation.two] 'often'"):
        assert says in str(caught.value)


def test_an_address_that_was_refused_is_not_asked_about() -> None:
    """Nothing follows from it."""

    async def test(server: Server, services: Services, clock: Clock) -> None:
        refused: ParsedAddress = parse("nobody@@example.com")
        assert () == services.cached(refused) == await services.find(refused)
        assert [] == server.seen

    scene(test)


def test_nobody_configured() -> None:
    """The usual case: no listing, and no session is made."""
    services = Services({}, Path())
    assert () == services.cached(JANE) == asyncio.run(services.find(JANE))
    assert {} == services.status()
    asyncio.run(services.close())


def test_closing_answers_those_who_wait() -> None:
    """They get no listing, not an exception; afterwards nobody is asked."""

    async def test(server: Server, services: Services, clock: Clock) -> None:
        server.gate.clear()
        waiter = asyncio.create_task(services.find(JANE))
        await until(lambda: len(server.seen) == 1)
        await services.close()
        assert () == await waiter == await services.find(JOHN)
        assert 1 == len(server.seen)

    scene(test)


def test_the_memory_is_bounded() -> None:
    """The oldest answer goes first."""

    async def run() -> None:
        async with serving() as server:
            services = Services({"rep": section(server)}, Path(), Clock(), cache_size=3)
            people = [parse(f"p{i}@example.com") for i in range(5)]
            for person in people:
                await services.find(person)
            assert [True, True, False, False, False] == [services.cached(person) is None for person in people]
            await services.close()

    asyncio.run(run())


def test_cookies_do_not_come_back() -> None:
    """A service learns no more about us than the question."""

    async def test(server: Server, services: Services, clock: Clock) -> None:
        def reply(request: web.Request) -> web.Response:
            response = score(0.1)
            response.set_cookie("id", "tracking")
            return response

        server.reply = reply
        await services.find(JANE)
        await services.find(JOHN)
        assert [None, None] == [request.headers.get("Cookie") for request in server.seen]

    scene(test)
