"""The routes of /v1/validate, from a request to its response. Faults of a request are told as RFC 9457 has it.

No CORS headers, on purpose: a page that asks from a browser would have to show its token to every visitor. The form's
own server asks.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from functools import cache
from importlib.resources import files

import msgspec
from aiohttp import web

from sidestep.streams.errors import without_text
from sidestep.streams.gcra import Rate
from sidestep.streams.web.bearer import bearer
from sidestep.streams.web.listen import Handler
from sidestep.streams.web.strangers import STRANGERS_RATE, Strangers
from sidestep.streams.web.validate import problems
from sidestep.streams.web.validate.answer import Results
from sidestep.streams.web.validate.bodies import Bodies
from sidestep.streams.web.validate.checking import Checker
from sidestep.streams.web.validate.problems import Problem
from sidestep.streams.web.validate.request import Request, read
from sidestep.streams.web.validate.token_file import TokenFile
from sidestep.streams.web.validate.tokens import Allowances, Token

BODY_MAX = 512 * 1024
"""Octets of a body: a thousand addresses of the greatest length, half of it escapes."""

BODY_SECONDS = 10.0

INDEX = """Sidestep, checks of addresses

/v1/validate   POST: check one address or a thousand
/openapi.json  how to
/livez         200 while the process is worth keeping
/readyz        200 while it takes requests
"""

log = logging.getLogger(__name__)

_encode = msgspec.json.Encoder().encode


class Api:
    """The HTTP API. `stopping` turns /readyz, so that a load balancer looks elsewhere; requests are still answered."""

    def __init__(
        self,
        checker: Checker,
        tokens: TokenFile,
        *,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        strangers: Rate = STRANGERS_RATE,
    ) -> None:
        """`clock_ns`: nanoseconds, only forward. `strangers`: of requests without a known token, for each address."""
        self.stopping = False
        self._checker = checker
        self._tokens = tokens
        self._allowances = Allowances()
        self._bodies = Bodies()
        self._strangers = Strangers(strangers)
        self._clock_ns = clock_ns

    def application(self) -> web.Application:
        """The routes, ready to be served."""
        app = web.Application(middlewares=[_tell_problems], client_max_size=BODY_MAX)
        app.add_routes([web.post("/v1/validate", self.validate), web.get("/openapi.json", _openapi)])
        app.add_routes([web.get("/", _index), web.get("/livez", _livez), web.get("/readyz", self.readyz)])
        return app

    async def validate(self, request: web.Request) -> web.Response:
        """The answer about one address or several. Raises Problem."""
        token = self._authorized(request)
        _check_media_type(request)
        with self._bodies.arriving(token.name):
            octets = await _body(request)
        body = read(octets)
        self._allowances.take(token, len(body.texts), self._clock_ns() // 1000)
        return _response(await self._answer(body, token.name), {"Sidestep-Deadline-Ms": f"{body.deadline_ms:g}"})

    def leave(self) -> None:
        """Have /readyz say from here on that the server stops."""
        self.stopping = True

    async def readyz(self, _: web.Request) -> web.Response:
        """Readiness: 503 only while the server stops.

        That DNS is out of reach is an answer (unknown), and no other copy of this process could give a better one.
        """
        if self.stopping:
            return _response(_encode({"status": "failed", "reasons": ["The server is stopping."]}), status=503)
        return _ok()

    def _authorized(self, request: web.Request) -> Token:
        header = request.headers.get("Authorization", "")
        token = self._tokens.find(bearer(header))
        if token is not None:
            return token
        if wait := self._strangers.wait(request.remote or "", self._clock_ns() // 1000):
            raise problems.too_often(wait)
        if header and not bearer(header):
            detail = "That is no bearer token: send the header Authorization: Bearer TOKEN."
            raise problems.unauthorized(detail, "invalid_token")
        if header:
            raise problems.unauthorized("This token is not known: ask Sidestep's operator for one.", "invalid_token")
        raise problems.unauthorized("A token is missing: send the header Authorization: Bearer TOKEN.")

    async def _answer(self, body: Request, asker: str) -> bytes:
        deadline = asyncio.get_running_loop().time() + body.deadline_ms / 1000
        texts = body.texts
        if not body.single:
            return _encode(Results(await self._checker.check(texts, body.stream, deadline, asker)))
        result = self._checker.at_once(texts[0], body.stream)
        if result is None:
            (result,) = await self._checker.check(texts, body.stream, deadline, asker)
        return _encode(result)


async def _body(request: web.Request) -> bytes:
    if (request.content_length or 0) > BODY_MAX:
        raise problems.too_large(BODY_MAX)
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await request.read()
    except TimeoutError:
        raise problems.too_slow(BODY_SECONDS) from None
    except web.HTTPRequestEntityTooLarge:
        raise problems.too_large(BODY_MAX) from None
    except (web.RequestPayloadError, web.PayloadAccessError):
        raise problems.unreadable("the body is not framed as HTTP has it") from None


def _check_media_type(request: web.Request) -> None:
    if request.content_type != "application/json":
        raise problems.not_json(request.content_type if "Content-Type" in request.headers else "of no stated type")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise problems.compressed()


@cache
def description() -> bytes:
    """The OpenAPI 3.1 description of this API: openapi.json, octet for octet."""
    return (files("sidestep.streams.web.validate") / "openapi.json").read_bytes()


async def _openapi(_: web.Request) -> web.Response:
    return _response(description())


async def _index(_: web.Request) -> web.Response:
    return web.Response(text=INDEX)


async def _livez(_: web.Request) -> web.Response:
    return _ok()


def _ok() -> web.Response:
    return _response(b'{"status":"ok","reasons":[]}')


def _response(body: bytes, headers: dict[str, str] | None = None, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, headers=headers, content_type="application/json")


@web.middleware
async def _tell_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Problem as problem:
        return _told(problem)
    except web.HTTPException as error:
        return _told(problems.of_http(error.status, dict(error.headers)))
    except Exception as error:
        log.error("an error of ours; please report it", exc_info=without_text(error))
        return _told(problems.internal())


def _told(problem: Problem) -> web.Response:
    return web.Response(
        body=problem.body(), status=problem.status, headers=problem.headers, content_type=problems.MEDIA_TYPE
    )
