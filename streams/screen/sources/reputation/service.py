"""One reputation service: asked over HTTP within its timeout, rate and circuit; its ratings are remembered.

A service that can't say says nothing: no listing follows from a timeout, an error or an answer that can't be read.
Neither addresses nor URLs nor tokens are logged.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from traceback import format_tb

import aiohttp
from msgspec import Struct
from msgspec.structs import replace
from yarl import URL

from sidestep.schemas import Listing
from sidestep.streams.errors import SourcesError
from sidestep.streams.gcra import parse_rate
from sidestep.streams.screen.cache_room import octets_of_listings
from sidestep.streams.screen.single_flight import Flights, arrival
from sidestep.streams.screen.sources.circuit import Circuit, CircuitState
from sidestep.streams.screen.sources.file import Reputation
from sidestep.streams.screen.sources.rate_limit import RateLimit
from sidestep.streams.screen.sources.reputation import ratings, templates
from sidestep.streams.screen.sources.reputation.ratings import Rating, Response
from sidestep.streams.screen.sources.reputation.templates import TemplateValues
from sidestep.streams.screen.ttl_cache import TtlCache

UNKNOWN_FOR = 15.0
"""Seconds. As with DNS: long enough to spare a service in trouble, short enough to find it well again."""

CONNECTIONS = 20
"""Questions to one service at once."""

BODY_MAX = 65_536  # octets of an answer that are read
TOKEN_MAX = 8_000  # octets; servers refuse header lines that are longer

CacheKey = bytes | str  # digest of the address, or the domain for a service that is asked about nothing else
Listings = tuple[Listing, ...]
Clock = Callable[[], float]

log = logging.getLogger(__name__)


class ServiceStatus(Struct):
    """The status of a reputation service since the start.

    `asked`: requests sent. `listed`: answers that gave a listing, suspect ones among them. `clear`: those that gave
    none, 404 among them. `failed`: questions without an answer that can be used. `withheld`: questions not sent: over
    the rate, circuit open, told to wait, or no connection free until the timeout.
    """

    circuit: CircuitState = "closed"
    asked: int = 0
    listed: int = 0
    clear: int = 0
    failed: int = 0
    withheld: int = 0
    last_error: str = ""
    """The last error, without address and token."""


class ReputationService:
    """A reputation service: its cache, its limits, its questions under way."""

    def __init__(self, name: str, config: Reputation, base: Path, clock: Clock, room: tuple[int, int]) -> None:
        self.name = name
        self.by_domain = templates.placeholders(config.url, config.body) == {"domain"}
        self._config = config
        self._path = ratings.parse_path(config.path)
        self._base = base
        self._token = read_token(config, base)
        self._clock = clock
        self._cache: TtlCache[CacheKey, Listings] = TtlCache(*room, octets_of_listings)
        self._flights: Flights[CacheKey, Listings] = Flights()
        self._circuit = Circuit(config.failures, config.retry_after)
        self._rate_limit = RateLimit(parse_rate(config.rate))
        self._slots = asyncio.Semaphore(CONNECTIONS)
        self._left_alone_until = 0.0
        self._status = ServiceStatus()
        self._logged = ""

    @property
    def cache_octets(self) -> int:
        """Octets of what is remembered."""
        return self._cache.octets

    def cached(self, key: CacheKey) -> Listings | None:
        """What is known without asking; None: it has to be asked."""
        return self._cache.get(key, self._clock())

    async def find(self, values: TemplateValues, session: aiohttp.ClientSession) -> Listings:
        """What it lists, asked if need be, after its timeout at the latest. Never raises."""
        key = values.domain if self.by_domain else bytes.fromhex(values.hash)
        known = self.cached(key)
        if known is not None:
            return known
        return await arrival(self._flights.join(key, lambda: self._fly(key, values, session)), ())

    async def close(self) -> None:
        """End the questions under way."""
        await self._flights.close()

    def status(self) -> ServiceStatus:
        """Since the start."""
        return replace(self._status, circuit=self._circuit.state)

    async def _fly(self, key: CacheKey, values: TemplateValues, session: aiohttp.ClientSession) -> Listings:
        rating = await self._ask(values, session) if self._rate_limit.take(self._clock()) else None
        self._count(rating)
        return self._keep(key, values, rating)

    async def _ask(self, values: TemplateValues, session: aiohttp.ClientSession) -> Rating | None:
        """The rating; None: the service was not asked. In time, whatever it does."""
        sent, loop = False, asyncio.get_running_loop()
        deadline = loop.time() + self._config.timeout
        try:
            async with asyncio.timeout_at(deadline), self._slots:
                if not self._may_ask(self._clock(), deadline - loop.time()):
                    return None
                sent = True
                return await self._exchange(values, session)
        except TimeoutError:
            return Rating("unknown", "timeout") if sent else None
        except (aiohttp.ClientError, OSError) as error:
            return Rating("unknown", f"connection failed ({type(error).__name__})")
        except Exception as error:  # noqa: BLE001 the message, which might hold the address, stays out of the log
            log.error("reputation service %s: internal\n%s", self.name, "".join(format_tb(error.__traceback__)))
            return Rating("unknown", f"internal ({type(error).__name__})")

    def _may_ask(self, now: float, time_left: float) -> bool:
        if time_left < self._config.timeout / 2:  # spent on waiting for a connection: no fair trial of the service
            return False
        told_to_wait = 0 < self._left_alone_until - now <= ratings.RETRY_AFTER_MAX  # unless the clock was set back
        return not told_to_wait and self._circuit.allows(now)

    async def _exchange(self, values: TemplateValues, session: aiohttp.ClientSession) -> Rating:
        token = self._token
        response = await self._send(values, session, token)
        if response.status in (401, 403) and token and await asyncio.to_thread(self._reread_token) != token:
            response = await self._send(values, session, self._token)
        if response.status in (429, 503) and response.retry_after:
            now = self._clock()
            self._left_alone_until = now + ratings.retry_after(response.retry_after, now)
        return ratings.rating_of(self._config, self._path, response)

    async def _send(self, values: TemplateValues, session: aiohttp.ClientSession, token: str) -> Response:
        config = self._config
        headers = {config.header: token} if token else {}
        if body := templates.fill_body(config.body, values).encode() or None:
            headers["Content-Type"] = "application/json"
        url = URL(templates.fill_url(config.url, values), encoded=True)
        self._status.asked += 1
        # a token must not travel to another host
        async with session.request(config.method, url, data=body, headers=headers, allow_redirects=False) as response:
            return await _response(response)

    def _reread_token(self) -> str:
        with suppress(SourcesError):  # one that can't be read now stays as it was
            self._token = read_token(self._config, self._base)
        return self._token

    def _count(self, rating: Rating | None) -> None:
        if rating is None:
            self._status.withheld += 1
        elif rating.outcome == "unknown":
            self._status.failed += 1
            self._note(rating.reason)
        else:
            self._status.listed += rating.outcome != "clear"
            self._status.clear += rating.outcome == "clear"
            self._circuit.succeeded(self._clock())
            if self._logged:
                log.info("reputation service %s answers again", self.name)
            self._logged = ""

    def _note(self, error: str) -> None:
        """Log an error once, until the service works again, and each time the circuit opens."""
        was = self._circuit.state
        self._circuit.failed(self._clock())
        self._status.last_error = error
        if error != self._logged:
            log.warning("reputation service %s: %s", self.name, error)
            self._logged = error
        if was == "closed" and self._circuit.state == "open":
            log.warning("reputation service %s is not asked for %g s", self.name, self._config.retry_after)

    def _keep(self, key: CacheKey, values: TemplateValues, rating: Rating | None) -> Listings:
        now, outcome = self._clock(), "unknown" if rating is None else rating.outcome
        listings: Listings = ()
        if rating is not None and outcome in ("listed", "suspect"):
            entry = values.domain if self.by_domain else values.hash
            listings = (Listing(self.name, ratings.answered_at(now), entry, rating.reason, outcome == "suspect"),)
        self._cache.put(key, listings, now + (UNKNOWN_FOR if outcome == "unknown" else self._config.remember))
        return listings


async def _response(response: aiohttp.ClientResponse) -> Response:
    """The response, BODY_MAX octets of it at most; the rest goes with the connection."""
    body = b""
    while len(body) <= BODY_MAX and (chunk := await response.content.read(BODY_MAX + 1 - len(body))):
        body += chunk
    encoding, wait = (response.headers.get(name, "") for name in ("Content-Encoding", "Retry-After"))
    return Response(response.status, body, len(body) > BODY_MAX, encoding, wait)


def read_token(config: Reputation, base: Path) -> str:
    """The token that a header holds, "" for a service without. Raises SourcesError."""
    if not config.token_file:
        return ""
    try:
        with (base / config.token_file).open("rb") as file:
            text = file.read(TOKEN_MAX).decode("ascii")
    except (OSError, ValueError):
        raise SourcesError("token_file can't be read, or is not ASCII: check its path and rights") from None
    token = text.split("\n", 1)[0].strip()
    if not token or len(token) == TOKEN_MAX or not token.isprintable():
        raise SourcesError("token_file must hold the header's value in its first line, such as: Bearer …")
    return token
