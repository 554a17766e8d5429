"""The doors over HTTP: POST /NAME or /NAME/SECRET, and what becomes of it. Bodies are never logged.

Whatever is refused is answered in the same way, whichever of its parts was wrong and whether there is such a door.
2xx is said only when Kafka has the record; 503 has the provider send it again.
"""

import asyncio
import base64
import binascii
import logging
import re
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from http import HTTPStatus

from aiohttp import web

from sidestep.streams.errors import without_text
from sidestep.streams.gcra import advance, earliest
from sidestep.streams.screen.feedback.webhooks.pieces import pieces
from sidestep.streams.web.listen import Handler
from sidestep.streams.web.receive.confirming import NotTaken
from sidestep.streams.web.receive.door_file import Door, DoorFile
from sidestep.streams.web.receive.incoming import CannotTell, Incoming, Proved, Refused, headers_of
from sidestep.streams.web.receive.received_metrics import NO_DOOR, ReceivedMetrics
from sidestep.streams.web.receive.receiver_health import ReceiverHealth
from sidestep.streams.web.receive.replays import Replays
from sidestep.streams.web.strangers import Strangers
from sidestep.topics.publish import Headers

BODY_MAX = 1_000_000
"""Octets of a body, a little less than Kafka takes."""
BODY_SECONDS = 10.0
AGAIN_SECONDS = 30
"""What Retry-After says where Kafka has not taken it."""
TOLD_SECONDS = 60.0
"""Between two lines of the log about the same door and the same reason."""

_PATH = re.compile(r"/([a-z0-9][a-z0-9-]{0,62})(?:/([A-Za-z0-9_-]{24,200}))?")
_MEDIA_TYPE = re.compile(r"[a-z]{1,20}/[a-z0-9.+-]{1,60}")

log = logging.getLogger(__name__)

Publish = Callable[[str, bytes, Headers], Awaitable[None]]
Confirm = Callable[[str], Awaitable[None]]


class _Answer(Exception):
    """The answer, where it is not that Kafka has it. `outcome` is for metrics."""

    def __init__(self, status: HTTPStatus, outcome: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(outcome)
        self.status, self.outcome, self.headers = status, outcome, headers or {}


class ReceiveApi:
    """The HTTP side of the doors. Belongs to one event loop."""

    def __init__(
        self,
        doors: DoorFile,
        publish: Publish,
        confirm: Confirm,
        health: ReceiverHealth,
        metrics: ReceivedMetrics,
        clock: Callable[[], float] = time.time,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """`publish` raises NotTaken; `confirm` confirms a subscription of SNS and raises CannotTell. `clock`: Unix
        seconds; `clock_ns`: nanoseconds, only forward."""
        self._doors, self._publish, self._confirm = doors, publish, confirm
        self._health, self._metrics = health, metrics
        self._clock, self._clock_ns = clock, clock_ns
        self._strangers = Strangers()
        self._replays: dict[str, Replays] = {}
        self._tats: dict[str, int] = {}
        self._told: dict[tuple[str, str], float] = {}

    def application(self) -> web.Application:
        """The routes, ready to be served. Health without reasons: those are at the receiver's own endpoints."""
        app = web.Application(client_max_size=BODY_MAX, middlewares=[_no_details])
        app.add_routes([web.get("/livez", self._livez), web.get("/readyz", self._readyz)])
        app.add_routes([web.route("*", "/{any:.*}", self.receive)])
        return app

    async def receive(self, request: web.Request) -> web.Response:
        """The answer to a webhook."""
        began = self._clock_ns()
        door = self._door_of(request)
        name = door.name if door is not None else NO_DOOR
        headers: dict[str, str] = {}
        try:
            status, outcome = HTTPStatus.OK, await self._take(request, door)
        except Refused as refused:
            status, outcome, headers = self._refuse(request, name, refused.reason)
        except CannotTell as why:
            status, outcome, headers = HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", _again(AGAIN_SECONDS)
            self._tell(name, str(why))
        except _Answer as answer:
            status, outcome, headers = answer.status, answer.outcome, answer.headers
            self._tell(name, outcome)
        self._metrics.count(name, outcome, (self._clock_ns() - began) / 1e9)
        response = web.Response(status=status, text=f"{status.phrase}\n", headers=headers)
        if status != HTTPStatus.OK:
            response.force_close()
        return response

    async def _take(self, request: web.Request, door: Door | None) -> str:
        _check_size(request)
        if self._doors.fault:
            raise CannotTell("the doors file can't be used")
        if door is None or request.method != "POST":
            raise Refused("no-door")
        if door.fault:
            raise CannotTell("this door's secrets can't be used")
        incoming = await _incoming(request, door)
        proved = await door.check(incoming, self._clock())
        self._within_rate(door)
        return await self._keep(door, incoming, proved)

    def _door_of(self, request: web.Request) -> Door | None:
        """The door that a path leads to, as it stands in the request: nothing of it is decoded or put in order."""
        match = _PATH.fullmatch(request.raw_path)
        door = self._doors.find(match[1]) if match else None
        if match is None or door is None:
            return None
        return door if door.fault or door.has_path(match[2]) else None

    async def _keep(self, door: Door, incoming: Incoming, proved: Proved) -> str:
        if not proved.id:
            await self._into_kafka(door, incoming)
            return "published"
        replays = self._replays.setdefault(door.name, Replays())
        # a time stamp may be ahead by as much as it may be behind
        if not replays.claim(proved.id, proved.digest, self._clock_ns() / 1e9, 2 * door.entry.window):
            return "repeated"
        try:
            outcome = await self._act(door, incoming, proved)
        except BaseException:
            replays.release(proved.id)
            raise
        replays.published(proved.id)
        return outcome

    async def _act(self, door: Door, incoming: Incoming, proved: Proved) -> str:
        if proved.confirm:
            await self._confirm(proved.confirm)
            return "confirmed"
        if not proved.publish:
            log.warning("SNS says that a subscription has ended", extra={"door": door.name})
            return "unsubscribed"
        await self._into_kafka(door, incoming)
        return "published"

    async def _into_kafka(self, door: Door, incoming: Incoming) -> None:
        try:
            for piece in pieces(incoming.body):  # one of them that is taken twice counts once
                await self._publish(door.entry.topic, piece, self._record_headers(door, incoming))
        except NotTaken:
            raise _Answer(HTTPStatus.SERVICE_UNAVAILABLE, "not-taken", _again(AGAIN_SECONDS)) from None

    def _record_headers(self, door: Door, incoming: Incoming) -> Headers:
        received = datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="milliseconds")
        return {
            "content-type": _media_type(incoming), "provider": door.entry.provider, "service": door.entry.service,
            "door": door.name, "received-at": received,
        }  # fmt: skip

    def _within_rate(self, door: Door) -> None:
        now = self._clock_ns() // 1000
        tat = self._tats.get(door.name, 0)
        wait_us = earliest(door.limit, tat) - now
        if wait_us > 0:
            raise _Answer(HTTPStatus.TOO_MANY_REQUESTS, "over-rate", _again(-(-wait_us // 1_000_000)))
        self._tats[door.name] = advance(door.limit, tat, now)

    def _refuse(self, request: web.Request, name: str, reason: str) -> tuple[HTTPStatus, str, dict[str, str]]:
        self._tell(name, f"refused ({reason})")
        wait = self._strangers.wait(request.remote or "", self._clock_ns() // 1000)
        if wait:
            return HTTPStatus.TOO_MANY_REQUESTS, reason, _again(wait)
        return HTTPStatus.FORBIDDEN, reason, {}

    def _tell(self, name: str, what: str) -> None:
        now = self._clock_ns() / 1e9
        if now >= self._told.get((name, what), 0.0):
            self._told[name, what] = now + TOLD_SECONDS
            log.warning("a message was not taken: %s; not told again for a minute", what, extra={"door": name})

    async def _livez(self, _: web.Request) -> web.Response:
        return _health(self._health.livez()[0])

    async def _readyz(self, _: web.Request) -> web.Response:
        return _health(self._health.readyz()[0])


async def _incoming(request: web.Request, door: Door) -> Incoming:
    """The request, its body too. Raises Refused before that is read where no check could be passed."""
    headers = headers_of(request.headers.items())
    head = Incoming(headers, b"")
    if not door.has_password(_basic(head.header("authorization"))):
        raise Refused("credentials")
    head.needed(*door.check.needs)
    if head.header("content-encoding").lower() not in ("", "identity"):
        raise _Answer(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "compressed")
    return Incoming(headers, await _body(request))


async def _body(request: web.Request) -> bytes:
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await request.read()
    except TimeoutError:
        raise _Answer(HTTPStatus.REQUEST_TIMEOUT, "too-slow") from None
    except web.HTTPRequestEntityTooLarge:
        raise _Answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large") from None
    except (web.RequestPayloadError, web.PayloadAccessError):
        raise _Answer(HTTPStatus.BAD_REQUEST, "unreadable") from None


def _check_size(request: web.Request) -> None:
    if (request.content_length or 0) > BODY_MAX:
        raise _Answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large")


def _basic(header: str) -> str:
    """USER:PASSWORD of basic authentication (RFC 7617); "" where there is none."""
    scheme, _, text = header[:2000].partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(text.strip(), validate=True).decode("utf-8", "surrogateescape")
    except (binascii.Error, ValueError):
        return ""


def _media_type(incoming: Incoming) -> str:
    said = incoming.header("content-type").partition(";")[0].strip().lower()
    return said if _MEDIA_TYPE.fullmatch(said) else "application/json"


def _again(seconds: int) -> dict[str, str]:
    return {"Retry-After": str(seconds)}


def _health(status: int) -> web.Response:
    return web.Response(status=status, text="ok\n" if status == HTTPStatus.OK else "failed\n")


@web.middleware
async def _no_details(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:
        return web.Response(status=error.status, text=f"{HTTPStatus(error.status).phrase}\n")
    except Exception as error:
        log.error("an error of ours; please report it", exc_info=without_text(error))
        return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE, headers=_again(AGAIN_SECONDS))
