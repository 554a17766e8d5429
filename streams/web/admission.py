"""Who may ask the worker's endpoints, how often, and with what: layers of an application, the outermost ones."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from aiohttp import web

from sidestep.streams.gcra import advance, earliest, parse_rate
from sidestep.streams.web.listen import Handler
from sidestep.streams.web.strangers import Strangers

FOR_ALL = ("/livez", "/readyz")
"""For supervisors, which are always answered: a stranger behind the same proxy must not have them restart a worker."""

RATE = parse_rate("50/s,max_burst=250")
"""Of the rest, all askers together: /metrics costs the event loop milliseconds."""


@web.middleware
async def without_bodies(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A request with a body is refused before anything of it is read."""
    if request.body_exists:
        return _refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "No body is taken here.")
    return await handler(request)


def admission(known: Callable[[web.Request], bool], clock_ns: Callable[[], int]) -> Any:
    """The layer that refuses whoever is not `known`, and whoever asks too often. `clock_ns`: nanoseconds, forward."""
    strangers, tat = Strangers(), 0

    @web.middleware
    async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
        nonlocal tat
        if request.path in FOR_ALL:
            return await handler(request)
        now = clock_ns() // 1000
        if not known(request):
            return _unknown(strangers.wait(request.remote or "", now))
        wait_us = earliest(RATE, tat) - now
        if wait_us > 0:
            return _too_often(-(-wait_us // 1_000_000))
        tat = advance(RATE, tat, now)
        return await handler(request)

    return admit


def _unknown(wait: int) -> web.Response:
    if wait:
        return _too_often(wait)
    headers = {"WWW-Authenticate": 'Bearer realm="sidestep"'}
    return _refusal(HTTPStatus.UNAUTHORIZED, "A token is needed: send the header Authorization: Bearer TOKEN.", headers)


def _too_often(seconds: int) -> web.Response:
    return _refusal(HTTPStatus.TOO_MANY_REQUESTS, "Too many requests.", {"Retry-After": str(seconds)})


def _refusal(status: HTTPStatus, text: str, headers: dict[str, str] | None = None) -> web.Response:
    """The end of the connection, too: who floods has to come anew."""
    response = web.Response(status=status, text=f"{text}\n", headers=headers)
    response.force_close()
    return response
