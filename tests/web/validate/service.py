"""A real server with a real name server, in a thread of its own; asked over real sockets."""

import asyncio
import http.client
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from sidestep.streams.decide.policy import Policy
from sidestep.streams.gcra import parse_rate
from sidestep.streams.local.nameserver import NameServer
from sidestep.streams.screen.dns.resolver import Resolver
from sidestep.streams.screen.lists.classes import Lists
from sidestep.streams.screen.lists.domain_facts import DomainBook
from sidestep.streams.screen.lists.typo import suggest
from sidestep.streams.screen.sources.inquiry import Inquiry
from sidestep.streams.web.listen import HttpServer
from sidestep.streams.web.validate.answer import Answerer, CurrentVersions
from sidestep.streams.web.validate.api import Api
from sidestep.streams.web.validate.checking import Checker
from sidestep.streams.web.validate.serving import server_of
from sidestep.streams.web.validate.token_file import TokenFile
from sidestep.streams.web.validate.tokens import line_of

TOKEN = "sidestep_of-the-tests"
SLOW_TOKEN = "sidestep_three-a-minute"
DNS_TIMEOUT = 1.5
PUBLIC = "A 93.184.215.14"
ZONES = {
    "good.example": ["MX 10 mx.good.example"], "mx.good.example": [PUBLIC], "null.example": ["MX 0 ."],
    "gmail.com": ["MX 5 gmail-smtp-in.l.google.com"], "gmail-smtp-in.l.google.com": [PUBLIC],
    "yopmail.com": ["MX 10 mx.good.example"], "broken.example": ["MX 10 mx.good.example"],
    "silent.example": ["MX 10 mx.good.example"], "late.example": ["MX 10 mx.good.example"],
    "stopped.example": ["MX 10 mx.good.example"],
    "gmaiil.com": ["MX 10 mx.trap.example"], "hotmaul.de": ["MX 10 mx.trap.example"],
    "outlpok.de": ["MX 10 mx.trap.example"], "mx.trap.example": [PUBLIC], "*.many.example": ["MX 10 mx.good.example"],
}  # fmt: skip


class Reply(NamedTuple):
    """A response, its headers with lower-case names."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Service:
    """The server under test, and how to ask it."""

    token, slow_token = TOKEN, SLOW_TOKEN
    dns_timeout = DNS_TIMEOUT

    def __init__(self, server: HttpServer, ns: NameServer, tokens: Path, stop: Callable[[], Any]) -> None:
        self.host, self.port = server.host, server.port
        self.ns = ns
        self.tokens = tokens
        self.stop = stop

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
        """Header names with underscores for hyphens."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=20)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            response = connection.getresponse()
            return Reply(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def post(self, body: bytes, token: str = TOKEN, content_type: str = "application/json", **headers: str) -> Reply:
        """Octets to /v1/validate."""
        return self.ask(
            "POST", "/v1/validate", body, Authorization=f"Bearer {token}", Content_Type=content_type, **headers
        )

    def check(self, *addresses: str, **fields: Any) -> list[dict[str, Any]]:
        """The results about addresses; the request must succeed."""
        reply = self.post(json.dumps({"addresses": addresses, **fields}).encode())
        assert reply.status == 200, reply.body
        results: list[dict[str, Any]] = reply.json["results"]
        return results


class NewService(Protocol):
    """Starts a server of the test's own, which ends with it."""

    def __call__(self, **options: Any) -> Service:
        """`options`: of the Checker; `canaries`: of its resolver."""


@contextmanager
def serving(
    folder: Path, lists: Lists, policy: Policy, canaries: Sequence[str] = (), **options: Any
) -> Iterator[Service]:
    """A server from here to the end of the block. `canaries`: of its resolver; `options`: of the Checker."""
    tokens = folder / "tokens"
    tokens.write_text(f"# of the tests\n{line_of('tests', TOKEN)}\n{line_of('slow', SLOW_TOKEN)} 3/min,max_burst=3\n")
    tokens.chmod(0o600)
    started: list[Service] = []
    ready = threading.Event()

    async def run(ns: NameServer) -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        resolver = Resolver([ns.address], timeout=DNS_TIMEOUT, check_exchanges=True, canaries=canaries)
        answerer = Answerer(policy, lists, CurrentVersions(policy.version, lists.versions))
        checker = Checker(Inquiry(resolver), DomainBook(lists, suggest, partitions=1), answerer, **options)
        rate = parse_rate("1000000/s,max_burst=1000000")
        server = server_of(Api(checker, TokenFile(tokens, rate), strangers=rate), "127.0.0.1", 0)
        await server.start()
        started.append(Service(server, ns, tokens, lambda: loop.is_closed() or loop.call_soon_threadsafe(stop.set)))
        ready.set()
        await stop.wait()
        await server.stop()
        await checker.close()
        await resolver.close()

    with NameServer(ZONES) as ns:
        ns.fault("broken.example", "servfail")
        ns.fault("silent.example", "drop")
        thread = threading.Thread(target=lambda: asyncio.run(run(ns)), daemon=True)
        thread.start()
        assert ready.wait(20), "the server did not start"
        yield started[0]
        started[0].stop()
        thread.join(20)
        assert not thread.is_alive(), "the server did not stop"
