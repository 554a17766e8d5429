"""Feeds from a real HTTPS server and from disk: taken, unchanged, refused, failed; kept through kills and damage."""

import asyncio
import gzip
import hashlib
import ipaddress
import logging
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID

from sidestep.streams.errors import SourcesError
from sidestep.streams.screen.address.parse import parse as address
from sidestep.streams.screen.lists.shipped import fingerprint
from sidestep.streams.screen.sources.feeds import candidate
from sidestep.streams.screen.sources.feeds.download import CHUNK, FetchFailed, Gunzip
from sidestep.streams.screen.sources.feeds.feeds import Feeds
from sidestep.streams.screen.sources.feeds.fetch import Fetcher, Validators
from sidestep.streams.screen.sources.feeds.location import without_secrets
from sidestep.streams.screen.sources.feeds.refresh import NoProgress, Refresh
from sidestep.streams.screen.sources.file import Feed
from tests.waiting import until

LARGE = {"gmail.com"}
LIST = "evil.example\nbad.example\nworse.example\n"
VERSION = fingerprint(LIST.split())
KEY = Ed25519PrivateKey.generate()
PUBLIC = KEY.public_key().public_bytes_raw().hex()

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Clock:
    """Wall-clock time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate of localhost, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(private + signed.public_bytes(pem))
    return path


class Site:
    """A server whose pages the test sets: octets, or a handler. It keeps the headers of each request."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.pages: dict[str, bytes | Handler] = {}
        self.asked: list[web.BaseRequest] = []

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.append(request)
        page = self.pages.get(request.path)
        if page is None:
            raise web.HTTPNotFound
        if not isinstance(page, bytes):
            return await page(request)
        tag = f'"{hashlib.md5(page).hexdigest()}"'
        headers = {"ETag": tag, "Last-Modified": "Tue, 24 Nov 2026 11:00:00 GMT"}
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers=headers)
        return web.Response(body=page, headers=headers)


@asynccontextmanager
async def site(certificate: Path | None) -> AsyncIterator[Site]:
    """On a free port of loopback, with TLS where there is a certificate."""
    tls = None
    if certificate is not None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
    runner = web.ServerRunner(web.Server(lambda request: here.answer(request)), shutdown_timeout=0.1)
    await runner.setup()
    tcp = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await tcp.start()
    here = Site(f"{'https' if tls else 'http'}://localhost:{runner.addresses[0][1]}")
    try:
        yield here
    finally:
        await runner.cleanup()


class World:
    """A server with one list, and feeds that keep their forms in `folder`."""

    def __init__(self, here: Site, folder: Path, certificate: Path) -> None:
        self.site, self.folder, self.clock = here, folder, Clock()
        self._tls = ssl.create_default_context(cafile=certificate)
        here.pages["/list.txt"] = LIST.encode()

    def feed(self, **options: Any) -> Feed:
        given: dict[str, Any] = {"source": f"{self.site.base}/list.txt", "timeout": 5.0}
        return Feed(**given | options)

    def feeds(self, **options: Any) -> Feeds:
        """As a process that starts would have them."""
        feeds = Feeds({"own": self.feed(**options)}, self.folder, LARGE, self.clock, tls=self._tls)
        feeds.load()
        return feeds

    async def refresh(self, feeds: Feeds | None = None, accept: bool = False, **options: Any) -> Refresh:
        feeds = feeds or self.feeds(**options)
        (outcome,) = await feeds.refresh(accept={"own"} if accept else ())
        return outcome


Scenario = Callable[[World], Awaitable[None]]


@pytest.fixture
def world(tmp_path: Path, certificate: Path) -> Callable[[Scenario], None]:
    """Runs a scenario in a fresh world."""

    def run(scenario: Scenario) -> None:
        async def inside() -> None:
            async with site(certificate) as here:
                await scenario(World(here, tmp_path / "feeds", certificate))

        asyncio.run(inside())

    return run


def hits(feeds: Feeds, domain: str) -> list[str]:
    return [listing.entry for listing in feeds.book.matches(address(f"jane@{domain}"))]


def test_taken_then_unchanged_by_its_etag(world: Callable[[Scenario], None]) -> None:
    """The second question names what the first answer was marked with, also after a restart; nothing is downloaded."""

    async def scenario(w: World) -> None:
        feeds = w.feeds()
        assert Refresh("own", "taken", (), 3, VERSION, len(LIST)) == await w.refresh(feeds)
        assert (["bad.example"], []) == (hits(feeds, "x.bad.example"), hits(feeds, "good.example"))
        w.clock.now += 60
        for again in (feeds, w.feeds()):
            assert Refresh("own", "unchanged", (), 3, VERSION) == await w.refresh(again)
        sent = [request.headers.get("If-None-Match") for request in w.site.asked]
        assert sent[0] is None and sent[1] == sent[2] != ""
        assert w.site.asked[1].headers["If-Modified-Since"] == "Tue, 24 Nov 2026 11:00:00 GMT"
        (status,) = w.feeds().status()
        assert (status.entries, status.version, status.outcome) == (3, VERSION, "unchanged")
        assert (status.taken_at, status.checked_at) == (1_800_000_000_000, 1_800_000_060_000)
        assert 3_000_000 < status.next_at - status.checked_at < 4_200_000

    world(scenario)


def test_the_same_entries_are_no_new_version(world: Callable[[Scenario], None]) -> None:
    """Another order, other comments: the book stays, and the new mark is remembered."""

    async def scenario(w: World) -> None:
        feeds = w.feeds()
        await w.refresh(feeds)
        book = feeds.book
        w.site.pages["/list.txt"] = b"# of today\n" + "\n".join(reversed(LIST.split())).encode()
        assert "unchanged" == (await w.refresh(feeds)).outcome
        assert feeds.book is book
        assert Refresh("own", "unchanged", (), 3, VERSION) == await w.refresh(feeds)

    world(scenario)


def test_a_changed_list_swaps_the_book(world: Callable[[Scenario], None]) -> None:
    """The old book goes on saying what it said; the new one has another version."""

    async def scenario(w: World) -> None:
        feeds = w.feeds()
        await w.refresh(feeds)
        old = feeds.book
        w.site.pages["/list.txt"] = b"evil.example\nbad.example\nnew.example\n"
        assert "taken" == (await w.refresh(feeds)).outcome
        assert (hits(feeds, "new.example"), old.matches(address("a@new.example"))) == (["new.example"], ())
        assert old.versions != feeds.book.versions == w.feeds().book.versions

    world(scenario)


@pytest.mark.parametrize(
    ("page", "why"),
    [
        (LIST + "gmail.com\n", "gmail.com is a large provider"),
        (LIST + "a.example\nb.example\n", "5 entries instead of 3: changed by more than a third"),
        ("evil.example\n", "1 entries instead of 3: changed by more than a third"),
        ("", "0 entries instead of 3: changed by more than a third"),
        ("<html>\n<body>502\n", "2 of 2 lines are unreadable, more than 1%"),
    ],
)
def test_the_gate_keeps_the_last_good_form(world: Callable[[Scenario], None], page: str, why: str) -> None:
    """Refused, with the reason in status; what was in use stays so, after a restart too."""

    async def scenario(w: World) -> None:
        feeds = w.feeds()
        await w.refresh(feeds)
        w.site.pages["/list.txt"] = page.encode()
        outcome = await w.refresh(feeds)
        assert ("refused", 3, VERSION) == (outcome.outcome, outcome.entries, outcome.version)
        assert outcome.why[0] == why
        for each in (feeds, w.feeds()):
            assert hits(each, "evil.example") == ["evil.example"]
            assert ("refused", VERSION, outcome.why) == ((s := each.status()[0]).outcome, s.version, s.why)

    world(scenario)


def test_only_a_size_can_be_accepted(world: Callable[[Scenario], None]) -> None:
    """A person who has looked at it may take a shorter list, never one with a large provider."""

    async def scenario(w: World) -> None:
        await w.refresh()
        w.site.pages["/list.txt"] = b"evil.example\n"
        assert "sidestep lists refresh --accept own" in (await w.refresh()).why[-1]
        w.site.pages["/list.txt"] = b"evil.example\ngmail.com\nx.example\n"
        assert "refused" == (await w.refresh(accept=True)).outcome
        w.site.pages["/list.txt"] = b"evil.example\n"
        assert Refresh("own", "taken", (), 1, fingerprint(["evil.example"]), 13) == await w.refresh(accept=True)

    world(scenario)


def test_a_first_form_needs_no_size_but_no_large_provider(world: Callable[[Scenario], None]) -> None:
    """Nothing is taken of a list that is refused, and nothing is known then."""

    async def scenario(w: World) -> None:
        w.site.pages["/list.txt"] = LIST.encode() + b"gmail.com\n"
        assert Refresh("own", "refused", ("gmail.com is a large provider",), 0, "", len(LIST) + 10) == await w.refresh()
        assert {} == w.feeds().load().versions

    world(scenario)


def test_few_unreadable_lines_are_reported(world: Callable[[Scenario], None]) -> None:
    """They are left out, named in the outcome."""

    async def scenario(w: World) -> None:
        w.site.pages["/list.txt"] = "".join(f"a{n}.example\n" for n in range(199)).encode() + b"under_score.example\n"
        outcome = await w.refresh()
        assert ("taken", 199) == (outcome.outcome, outcome.entries)
        assert outcome.why[0] == "1 of 200 lines are unreadable and left out"
        assert outcome.why[1] == "list.txt line 200: 'under_score.example' is not a domain name"

    world(scenario)


@pytest.mark.parametrize(
    ("published", "outcome", "why"),
    [
        (hashlib.sha256(LIST.encode()).hexdigest() + "  list.txt\n", "taken", ""),
        ("0" * 64, "refused", "the checksum does not match"),
        ("nothing", "refused", "the checksum file holds no SHA-256 of list.txt"),
        (None, "refused", "there is no checksum: the server answered 404 Not Found"),
        ("x" * 70_000, "failed", "the checksum can't be fetched: it is larger than max_octets"),
    ],
)
def test_checksums(world: Callable[[Scenario], None], published: str | None, outcome: str, why: str) -> None:
    """A list whose checksum is wrong or missing is not used."""

    async def scenario(w: World) -> None:
        if published is not None:
            w.site.pages["/sums"] = published.encode()
        found = await w.refresh(checksum=f"{w.site.base}/sums")
        assert (outcome, bool(why)) == (found.outcome, bool(found.why))
        assert why in " ".join(found.why)

    world(scenario)


@pytest.mark.parametrize(
    ("signature", "outcome", "why"),
    [
        (KEY.sign(LIST.encode()), "taken", ""),
        (KEY.sign(LIST.encode()).hex().encode() + b"\n", "taken", ""),
        (KEY.sign(b"something else"), "refused", "was not made with the public key"),
        (Ed25519PrivateKey.generate().sign(LIST.encode()), "refused", "was not made with the public key"),
        (b"short", "refused", "neither 64 octets nor 128"),
        (None, "refused", "there is no signature: the server answered 404"),
    ],
)
def test_signatures(world: Callable[[Scenario], None], signature: bytes | None, outcome: str, why: str) -> None:
    """Ed25519 over the file's octets; one that is wrong or missing refuses the list."""

    async def scenario(w: World) -> None:
        if signature is not None:
            w.site.pages["/sig"] = signature
        found = await w.refresh(signature=f"{w.site.base}/sig", public_key=PUBLIC)
        assert outcome == found.outcome
        assert why in " ".join(found.why)

    world(scenario)


def test_new_terms_ask_for_everything_again(world: Callable[[Scenario], None]) -> None:
    """A form that was taken without a signature is not "unchanged" once one is asked for."""

    async def scenario(w: World) -> None:
        await w.refresh()
        w.site.pages["/sig"] = b"0" * 64
        assert "refused" == (await w.refresh(signature=f"{w.site.base}/sig", public_key=PUBLIC)).outcome
        assert "If-None-Match" not in w.site.asked[1].headers

    world(scenario)


def answering(body: bytes = b"", status: int = 200, **headers: str) -> Handler:
    async def handler(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=body, status=status, headers={k.replace("_", "-"): v for k, v in headers.items()})

    return handler


async def slow(request: web.BaseRequest) -> web.StreamResponse:
    """One line at once, the next one never."""
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"evil.example\n")
    await asyncio.sleep(30)
    return response


async def truncated(request: web.BaseRequest) -> web.StreamResponse:
    """Less than it announced."""
    response = web.StreamResponse(headers={"Content-Length": "100"})
    await response.prepare(request)
    await response.write(b"evil.example\n")
    assert request.transport is not None
    request.transport.abort()
    return response


BOMB = gzip.compress(b"#" + b"\n" * 50_000_000, 9)


@pytest.mark.parametrize(
    ("page", "why"),
    [
        (answering(BOMB, Content_Encoding="gzip"), "larger than max_octets = 1000000"),
        (answering(b"\n" * 1_000_001), "larger than max_octets = 1000000"),
        (answering(gzip.compress(LIST.encode())[:-4], Content_Encoding="gzip"), "cut short"),
        (answering(LIST.encode(), Content_Encoding="gzip"), "it says it is gzip, and it is not"),
        (answering(LIST.encode(), Content_Encoding="br"), "encoded in a way that was not asked for"),
        (truncated, "the download was cut short"),
        (slow, "it took longer than timeout = 0.3 s"),
        (answering(status=500), "the server answered 500 Internal Server Error"),
        (answering(status=304), "the server answered 304 Not Modified"),
        (answering(status=206, body=b"evil.example\n"), "the server answered 206 Partial Content"),
        (answering(status=302, Location="http://localhost:1/list.txt"), "redirected to something else than https://"),
        (answering(status=302, Location="file:///etc/passwd"), "redirected to something else than https://"),
        (answering(status=302), "redirected to something else than https://"),
        (answering(status=302, Location="/bad"), "redirected more than 3 times"),
    ],
    ids=[
        "bomb",
        "large",
        "cut-gzip",
        "no-gzip",
        "br",
        "truncated",
        "slow",
        "500",
        "304",
        "206",
        "http",
        "file",
        "nowhere",
        "circle",
    ],
)
def test_what_a_server_may_do_wrong(world: Callable[[Scenario], None], page: Handler, why: str) -> None:
    """Failed with the reason, in bounded time and memory; the last good form stays, nothing else stays on disk."""

    async def scenario(w: World) -> None:
        feeds = w.feeds(max_octets=1_000_000, timeout=0.3 if page is slow else 5.0, source=f"{w.site.base}/bad")
        w.site.pages["/bad"] = page
        outcome = await w.refresh(feeds)
        assert "failed" == outcome.outcome
        assert why in outcome.why[0]
        w.site.pages["/bad"] = LIST.encode()
        assert "taken" == (await w.refresh(feeds)).outcome
        w.site.pages["/bad"] = page
        again = await w.refresh(feeds)
        assert again.why == outcome.why or ("304" in why and again.outcome == "unchanged")
        assert hits(feeds, "evil.example") == ["evil.example"]
        assert {"state.json", f"{VERSION}.txt"} == {path.name for path in (w.folder / "own").iterdir()}

    world(scenario)


def test_gzip_and_redirects_are_followed(world: Callable[[Scenario], None]) -> None:
    """Within https, and in several members."""

    async def scenario(w: World) -> None:
        parts = [gzip.compress(part.encode()) for part in LIST.splitlines(keepends=True)]
        w.site.pages["/list.txt"] = answering(b"".join(parts), Content_Encoding="gzip")
        w.site.pages["/moved"] = answering(status=301, Location="/list.txt")
        assert Refresh("own", "taken", (), 3, VERSION, len(LIST)) == await w.refresh(source=f"{w.site.base}/moved")

    world(scenario)


def test_redirects_stay_on_the_host_unless_others_are_named(world: Callable[[Scenario], None]) -> None:
    """Whoever holds a feed's server has us ask nobody else: neither what only we can reach, nor another port here."""

    async def scenario(w: World) -> None:
        async def inside(request: web.BaseRequest) -> web.Response:
            raise AssertionError("nobody asks there")

        elsewhere = w.site.base.replace("localhost", "127.0.0.1")
        w.site.pages["/inside"] = inside
        w.site.pages["/moved"] = answering(status=302, Location=f"{elsewhere}/inside")
        found = await w.refresh(source=f"{w.site.base}/moved")
        assert (found.outcome, found.sound) == ("failed", False)
        assert "redirected to another host, '127.0.0.1'" in found.why[0]
        w.site.pages["/port"] = answering(status=302, Location="https://localhost:1/inside")
        assert "redirected to another host" in (await w.refresh(source=f"{w.site.base}/port")).why[0]
        w.site.pages["/sig"] = answering(status=302, Location=f"{elsewhere}/inside")
        found = await w.refresh(signature=f"{w.site.base}/sig", public_key=PUBLIC)
        assert "redirected to another host" in found.why[0]
        w.site.pages["/moved"] = answering(status=302, Location=f"{elsewhere}/list.txt")
        found = await w.refresh(source=f"{w.site.base}/moved", redirects=("127.0.0.1",))
        assert "taken" == found.outcome

    world(scenario)


@pytest.mark.parametrize(
    ("page", "options", "why"),
    [
        (LIST + "a.example\n", {"max_entries": 3}, "it has more than max_entries = 3"),
        ("not a domain\n" * 4, {"max_entries": 3}, "it has more than max_entries = 3"),
        ("0.0.0.0 a.example b.example c.example d.example\n", {"max_entries": 3}, "it has more than max_entries = 3"),
        ("\n" * 1_000, {}, "reading it takes longer than 0 s"),
        ("# what is no entry\n" * 1_000, {}, "reading it takes longer than 0 s"),
    ],
)
def test_a_list_without_end_is_not_read_to_its_end(
    world: Callable[[Scenario], None], monkeypatch: pytest.MonkeyPatch, page: str, options: dict[str, Any], why: str
) -> None:
    """Neither its entries nor the time for lines that are none are the publisher's to decide."""

    async def scenario(w: World) -> None:
        feeds = w.feeds()
        await w.refresh(feeds)
        w.site.pages["/list.txt"] = page.encode()
        if not options:
            monkeypatch.setattr(candidate, "PARSE_SECONDS", 0.0)
        found = await w.refresh(**options)
        assert ("refused", (why,), 3) == (found.outcome, found.why, found.entries)

    world(scenario)


def test_a_list_of_others_is_refused_although_its_size_is_the_same(world: Callable[[Scenario], None]) -> None:
    """Until somebody has looked at it, or where it is known to be another one each time."""

    def page(first: int) -> bytes:
        return "".join(f"d{number}.example\n" for number in range(first, first + 100)).encode()

    async def scenario(w: World) -> None:
        w.site.pages["/list.txt"] = page(0)
        await w.refresh()
        w.site.pages["/list.txt"] = page(50)
        assert "taken" == (await w.refresh()).outcome
        w.site.pages["/list.txt"] = page(101)
        found = await w.refresh()
        assert ("refused", "51 of 100 entries are gone: more than half") == (found.outcome, found.why[0])
        assert "sidestep lists refresh --accept own" in found.why[1]
        assert "taken" == (await w.refresh(changing=True)).outcome
        w.site.pages["/list.txt"] = page(500)
        assert "taken" == (await w.refresh(accept=True)).outcome

    world(scenario)


def test_hashes_of_others_are_refused_likewise(world: Callable[[Scenario], None]) -> None:
    """What the entries are makes no difference; another source is another list."""

    def page(first: int) -> bytes:
        return "".join(
            f"{hashlib.sha256(bytes([number])).hexdigest()}\n" for number in range(first, first + 40)
        ).encode()

    async def scenario(w: World) -> None:
        w.site.pages["/list.txt"] = page(0)
        await w.refresh(kind="sha256")
        w.site.pages["/list.txt"] = w.site.pages["/other.txt"] = page(100)
        assert "40 of 40 entries are gone: more than half" == (await w.refresh(kind="sha256")).why[0]
        assert "taken" == (await w.refresh(kind="sha256", source=f"{w.site.base}/other.txt")).outcome

    world(scenario)


def test_an_older_list_is_refused_although_its_signature_is_right(world: Callable[[Scenario], None]) -> None:
    """A serial in what is signed never goes back, and does not get lost; where there is none nothing is known."""

    async def scenario(w: World) -> None:
        async def given(first_line: str, accept: bool = False) -> tuple[str, str]:
            w.site.pages["/list.txt"] = content = f"{first_line}\n{LIST}".encode()
            w.site.pages["/sig"] = KEY.sign(content)
            found = await w.refresh(signature=f"{w.site.base}/sig", public_key=PUBLIC, accept=accept)
            return found.outcome, "; ".join(found.why)

        assert ("taken", "") == await given("# of yesterday")
        assert ("unchanged", "") == await given("# serial: 7")
        assert ("unchanged", "") == await given("; Serial: 9")
        older = "its serial is 8, and that of the form in use is 9: an older list"
        assert ("refused", older) == await given("# serial: 8")
        assert ("refused", older) == await given("# serial: 8", accept=True)
        assert "it has no serial" in (await given("# of yesterday"))[1]
        assert ("unchanged", "") == await given("# serial: 9")

    world(scenario)


def test_a_certificate_that_nobody_vouches_for(world: Callable[[Scenario], None], tmp_path: Path) -> None:
    """Fails, and says how to vouch for it."""

    async def scenario(w: World) -> None:
        feeds = Feeds({"own": w.feed()}, tmp_path, tls=ssl.create_default_context())
        assert "SSL_CERT_FILE" in (await w.refresh(feeds)).why[0]

    world(scenario)


def test_plain_http_is_for_this_machine(tmp_path: Path) -> None:
    """A side-car on loopback may do without TLS."""

    async def scenario() -> None:
        async with site(None) as here:
            here.pages["/"] = LIST.encode()
            feeds = Feeds({"own": Feed(source=here.base)}, tmp_path)
            assert ["taken"] == [outcome.outcome for outcome in await feeds.refresh("own")]

    asyncio.run(scenario())


def test_secrets_are_not_shown(world: Callable[[Scenario], None], caplog: pytest.LogCaptureFixture) -> None:
    """User, password and query of a source stand in no log, status, outcome or file; the server gets them."""

    async def scenario(w: World) -> None:
        caplog.set_level(logging.DEBUG, "sidestep")
        source = w.site.base.replace("https://", "https://user:hunter2@") + "/{}?key=hunter3"
        for path in ("list.txt", "gone"):
            feeds = w.feeds(source=source.format(path))
            outcome = await w.refresh(feeds)
            text = f"{outcome} {feeds.status()} {caplog.text} {(w.folder / 'own/state.json').read_text()}"
            assert "hunter" not in text
            assert f"{w.site.base}/{path}?…" in text
        assert w.site.asked[0].query_string == "key=hunter3"
        assert w.site.asked[0].headers["Authorization"].startswith("Basic ")
        nobody = await w.refresh(source="https://user:hunter2@localhost:1/?hunter3")
        assert "failed" == nobody.outcome
        assert "hunter" not in str(nobody)

    world(scenario)
    assert without_secrets("https://[:hunter2@x/") == "https://…"


def test_a_start_without_network(world: Callable[[Scenario], None]) -> None:
    """What was kept is used at once; the source that is gone is a failure that changes nothing."""

    async def scenario(w: World) -> None:
        await w.refresh()
        gone = {"source": "https://localhost:1/list.txt"}
        feeds = w.feeds(**gone)
        assert hits(feeds, "evil.example") == ["evil.example"]
        outcome = await w.refresh(feeds)
        assert ("failed", 3, VERSION) == (outcome.outcome, outcome.entries, outcome.version)
        assert w.feeds(**gone).book.versions == {"own": VERSION}

    world(scenario)


@pytest.mark.parametrize("kept", ["state.json", f"{VERSION}.txt"])
@pytest.mark.parametrize("damage", [b"", b"{", b"evil.example\n", b"\xff\x00"])
def test_a_damaged_form_is_as_if_absent(
    world: Callable[[Scenario], None], caplog: pytest.LogCaptureFixture, kept: str, damage: bytes
) -> None:
    """It is logged, not used, and fetched again whatever its mark was."""

    async def scenario(w: World) -> None:
        await w.refresh()
        (w.folder / "own" / kept).write_bytes(damage)
        feeds = w.feeds()
        assert feeds.book.versions == {}
        assert "as if there were none" in caplog.text
        w.site.pages["/list.txt"] = answering(status=503)
        assert "failed" == (await w.refresh(feeds)).outcome
        w.site.pages["/list.txt"] = LIST.encode()
        assert "taken" == (await w.refresh(feeds)).outcome
        assert w.feeds().book.versions == {"own": VERSION}

    world(scenario)


@pytest.mark.parametrize("nth", [1, 2], ids=["form", "state"])
def test_killed_between_write_and_rename(
    world: Callable[[Scenario], None], monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    """Whichever of the two files it hits: the next start has the form from before, whole, and can refresh again."""

    class Killed(BaseException):
        pass

    async def scenario(w: World) -> None:
        await w.refresh()
        w.site.pages["/list.txt"] = LIST.replace("evil", "new").encode()
        replace, passes = os.replace, 0

        def kill(*names: Any) -> None:
            nonlocal passes
            passes += 1
            if passes == nth:
                raise Killed
            replace(*names)

        with monkeypatch.context() as patched:
            patched.setattr(os, "replace", kill)
            with pytest.raises(Killed):
                await w.refresh()
        assert w.feeds().book.versions == {"own": VERSION}
        assert "taken" == (await w.refresh()).outcome
        assert hits(w.feeds(), "new.example") == ["new.example"]

    world(scenario)


def test_what_nothing_names_is_removed_later(world: Callable[[Scenario], None]) -> None:
    """Old forms and what a kill left behind; not at once: another process may be about to read or rename it."""

    async def scenario(w: World) -> None:
        await w.refresh()
        folder = w.folder / "own"
        (folder / "0123.part").mkdir()
        (folder / "0123.part" / "0").write_text("half a down")
        for path in (folder / "0123.part", folder / f"{VERSION}.txt"):
            os.utime(path, (0, 0))
        (folder / "fresh.part").touch()
        w.site.pages["/list.txt"] = LIST.replace("evil", "new").encode()
        version = (await w.refresh()).version
        assert {"state.json", f"{version}.txt", "fresh.part"} == {path.name for path in folder.iterdir()}

    world(scenario)


def test_a_full_disk_changes_nothing(world: Callable[[Scenario], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """What can't be kept isn't used: after a restart it would be gone."""

    async def scenario(w: World) -> None:
        feeds = w.feeds()

        def full(*_: Any) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr(os, "replace", full)
            outcome = await w.refresh(feeds)
        assert ("failed", {}) == (outcome.outcome, feeds.book.versions)
        assert outcome.why == ("it can't be kept in the data folder: No space left on device",)

    world(scenario)


def test_two_processes_in_one_folder(world: Callable[[Scenario], None]) -> None:
    """One takes over what the other has taken; its own attempts never lead back."""

    async def scenario(w: World) -> None:
        one, other = w.feeds(), w.feeds()
        await w.refresh(one)
        assert "unchanged" == (await w.refresh(other)).outcome
        assert hits(other, "evil.example") == ["evil.example"]
        w.site.pages["/list.txt"] = LIST.replace("evil", "new").encode()
        await asyncio.gather(*(w.refresh(each) for each in (one, other, one, other)))
        assert one.book.versions == other.book.versions == w.feeds().book.versions != {"own": VERSION}

    world(scenario)


def test_a_failure_does_not_undo_what_another_process_took(world: Callable[[Scenario], None]) -> None:
    """While one waits for an answer that never comes well, another takes a new form: it stays."""

    async def scenario(w: World) -> None:
        one, other = w.feeds(), w.feeds(source=f"{w.site.base}/new")
        w.site.pages["/new"] = LIST.replace("evil", "new").encode()

        async def late(_: web.BaseRequest) -> web.StreamResponse:
            assert "taken" == (await w.refresh(other)).outcome
            return web.Response(status=503)

        await w.refresh(one)
        w.site.pages["/list.txt"] = late
        assert ("failed", VERSION) == ((outcome := await w.refresh(one)).outcome, outcome.version)
        assert w.feeds().book.versions == other.book.versions != {"own": VERSION}

    world(scenario)


@pytest.mark.parametrize("removed", ["state.json", f"{VERSION}.txt"])
def test_a_folder_that_was_emptied_is_filled_again(world: Callable[[Scenario], None], removed: str) -> None:
    """What is in use stays so, and the next refresh brings the form back to disk."""

    async def scenario(w: World) -> None:
        feeds = w.feeds()
        await w.refresh(feeds)
        (w.folder / "own" / removed).unlink()
        assert "taken" == (await w.refresh(feeds)).outcome
        assert hits(feeds, "evil.example") == hits(w.feeds(), "evil.example") == ["evil.example"]

    world(scenario)


def test_a_file_that_changes_while_it_is_read(tmp_path: Path) -> None:
    """Half of the old and half of the new is no list."""
    path = tmp_path / "list.txt"
    path.write_text(LIST)
    (tmp_path / "scratch").mkdir()

    def touch(_: int) -> None:
        path.write_text(LIST + "new.example\n")

    with pytest.raises(FetchFailed, match="changed while it was read"):
        asyncio.run(Fetcher(tmp_path).fetch("list.txt", Validators(), tmp_path / "scratch", 1_000, touch))


def test_gzip_unfolds_in_small_pieces() -> None:
    """However far: no piece of a bomb is large."""
    pieces = [len(piece) for piece in Gunzip().feed(BOMB)]
    assert (50_000_001, True) == (sum(pieces), max(pieces) <= CHUNK)


def test_the_schedule(world: Callable[[Scenario], None]) -> None:
    """Each feed is asked when it is due, at once where it never was; whoever listens hears of each change, surely."""

    async def scenario(w: World) -> None:
        heard: list[dict[str, str]] = []

        async def listen() -> None:
            heard.append(feeds.book.versions)
            if len(heard) == 1:
                raise OSError("out of reach")

        feeds = Feeds({"own": w.feed(refresh=0.02)}, w.folder, LARGE, tls=w._tls, look_every=0.01)
        running = asyncio.create_task(feeds.run(listen))
        await until(lambda: len(w.site.asked) > 3 and len(heard) == 2)
        assert heard == [{"own": VERSION}] * 2
        w.site.pages["/list.txt"] = LIST.replace("evil", "new").encode()
        await until(lambda: hits(feeds, "new.example") and len(heard) == 3)
        await feeds.close()
        await running

    world(scenario)


def test_failures_wait_longer_each_time(world: Callable[[Scenario], None]) -> None:
    """From half a minute up to the feed's own interval; a success begins anew."""

    async def scenario(w: World) -> None:
        feeds = w.feeds(refresh=100.0)
        w.site.pages["/list.txt"] = answering(status=503)

        async def pause() -> float:
            await w.refresh(feeds)
            status = feeds.status()[0]
            return (status.next_at - status.checked_at) / 1000

        for usual in (30, 60, 100, 100):
            assert usual * 0.9 <= await pause() <= usual * 1.1
        w.site.pages["/list.txt"] = LIST.encode()
        assert 90 <= await pause() <= 110
        w.site.pages["/list.txt"] = answering(status=503)
        assert 27 <= await pause() <= 33

    world(scenario)


def test_a_worker_takes_over_what_a_person_accepted(world: Callable[[Scenario], None]) -> None:
    """`sidestep lists refresh --accept` is another process: the worker looks into the folder now and then."""

    async def scenario(w: World) -> None:
        await w.refresh()
        worker = Feeds({"own": w.feed()}, w.folder, LARGE, w.clock, tls=w._tls, look_every=0.01)
        worker.load()
        running = asyncio.create_task(worker.run())
        w.site.pages["/list.txt"] = b"new.example\n"
        assert "taken" == (await w.refresh(accept=True)).outcome
        await until(lambda: hits(worker, "new.example"))
        await worker.close()
        await running
        assert len(w.site.asked) == 2

    world(scenario)


def test_files_and_directories(tmp_path: Path) -> None:
    """All files of a directory together, hidden ones left out; noticed when one changes; relative to `base`."""

    async def scenario() -> None:
        (tmp_path / "lists").mkdir()
        for name, text in (("a.txt", "evil.example"), ("b.txt", "bad.example\nworse.example"), (".c", "gmail.com")):
            (tmp_path / "lists" / name).write_text(text)
        feeds = Feeds({"own": Feed(source="lists")}, tmp_path / "kept", base=tmp_path)
        assert [Refresh("own", "taken", (), 3, VERSION, 37)] == await feeds.refresh()
        assert [Refresh("own", "unchanged", (), 3, VERSION)] == await feeds.refresh()
        (tmp_path / "lists" / "a.txt").write_text("evil.example\nnew.example")
        assert ["taken"] == [outcome.outcome for outcome in await feeds.refresh()]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"source": "gone.txt"}, "gone.txt does not exist"),
        ({"source": "pipe"}, "pipe is neither a file nor a directory"),
        ({"source": "list.txt", "max_octets": 20}, "larger than max_octets = 20"),
        ({"source": ".", "checksum": "list.txt"}, "a directory has no checksum or signature"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, options: dict[str, Any], why: str) -> None:
    """Said in a sentence; a pipe, which would never end, is not opened."""

    async def scenario() -> None:
        os.mkfifo(tmp_path / "pipe")
        for name in ("list.txt", "more.txt"):
            (tmp_path / name).write_text(LIST)
        (outcome,) = await Feeds({"own": Feed(**options)}, tmp_path / "kept", base=tmp_path).refresh()
        assert not outcome.sound
        assert why in outcome.why[0]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"source": "http://lists.example/a"}, "source: http://lists.example/a is not https://"),
        ({"source": "ftp://lists.example/a"}, "is not https://"),
        ({"source": "https://"}, "source: https://… names no host"),
        ({"source": ""}, "source is empty"),
        ({"source": "a", "checksum": "http://lists.example/sums"}, "checksum: http://lists.example/sums is not https"),
        ({"source": "a", "signature": "a.sig"}, "signature and public_key belong together"),
        ({"source": "a", "public_key": PUBLIC}, "signature and public_key belong together"),
        ({"source": "a", "signature": "a.sig", "public_key": "abc"}, "public_key is not 64 hexadecimal digits"),
    ],
)
def test_sources_that_cannot_work(tmp_path: Path, options: dict[str, Any], why: str) -> None:
    """Said before anything is asked, naming the section."""
    with pytest.raises(SourcesError, match=r"\[feeds\.own\]") as raised:
        Feeds({"own": Feed(**options)}, tmp_path)
    assert why in str(raised.value)


def test_what_is_under_way_is_told_while_it_is(tmp_path: Path) -> None:
    """In octets, beside what two of the feeds may have at the most."""
    (tmp_path / "list.txt").write_text(LIST, "utf-8")
    named = {name: Feed(source="list.txt", max_octets=size) for name, size in (("a", 1_000), ("b", 30), ("c", 400))}
    feeds = Feeds(named, tmp_path / "feeds", LARGE, base=tmp_path)
    seen: list[int] = []

    class Hearing(NoProgress):
        def octets(self, name: str, count: int) -> None:
            """What the feeds say by now."""
            seen.append(feeds.under_way)

    (outcome,) = asyncio.run(feeds.refresh("a", Hearing()))
    assert ("taken", len(LIST)) == (outcome.outcome, max(seen))
    assert (0, 1_400) == (feeds.under_way, feeds.under_way_most)
