"""What is asked of Amazon's SNS over HTTPS: certificates, kept for a day, and confirmations of subscriptions.

URLs have been checked by then (sns_message.py): nothing else is ever fetched. No redirect is followed, no proxy asked.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable

import aiohttp

from sidestep.streams.gcra import advance, earliest, parse_rate
from sidestep.streams.web.receive.incoming import CannotTell

OCTETS_MAX = 64 * 1024
SECONDS = 5.0
KEPT_SECONDS = 86_400.0
FAILED_SECONDS = 30.0
"""For which a URL that gave nothing is not asked again."""
KEPT_MOST = 64
RATE = parse_rate("10/min,max_burst=10")
"""Of questions: a forger may name certificates that are not there."""

log = logging.getLogger(__name__)

NewConnector = Callable[[], aiohttp.BaseConnector]


class Amazon:
    """The client of SNS. Belongs to one event loop."""

    def __init__(
        self, connector: NewConnector = aiohttp.TCPConnector, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`connector`: how servers are found and trusted; `clock`: seconds, only forward."""
        self._connector, self._clock = connector, clock
        self._kept: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        """Until when, and the certificate; empty: there was none."""
        self._asking: dict[str, asyncio.Task[bytes]] = {}
        self._tat = 0

    async def get(self, url: str) -> bytes:
        """The certificate at a URL of SNS, PEM. Raises CannotTell."""
        until, certificate = self._kept.get(url, (0.0, b""))
        if self._clock() >= until:
            certificate = await self._fetch(url)
        if not certificate:
            raise CannotTell("the certificate of SNS can't be fetched")
        return certificate

    async def confirm(self, url: str) -> None:
        """Confirm a subscription. Raises CannotTell."""
        if not await self._ask(url):
            raise CannotTell("the subscription could not be confirmed")
        log.info("a subscription of SNS has been confirmed")

    async def close(self) -> None:
        """Ask nobody any more."""
        for task in list(self._asking.values()):
            task.cancel()
        await asyncio.gather(*self._asking.values(), return_exceptions=True)

    async def _fetch(self, url: str) -> bytes:
        """One request at a time for a URL; it goes on where whoever asked first has gone."""
        task = self._asking.get(url)
        if task is None:
            task = self._asking[url] = asyncio.create_task(self._keep(url))
            task.add_done_callback(lambda _: self._asking.pop(url, None))
        return await asyncio.shield(task)

    async def _keep(self, url: str) -> bytes:
        now = self._clock()
        if earliest(RATE, self._tat) > now * 1_000_000:
            raise CannotTell("SNS has been asked for too many certificates")
        self._tat = advance(RATE, self._tat, int(now * 1_000_000))
        certificate = await self._ask(url)
        self._kept[url] = (self._clock() + (KEPT_SECONDS if certificate else FAILED_SECONDS), certificate)
        self._kept.move_to_end(url)
        if len(self._kept) > KEPT_MOST:
            self._kept.popitem(last=False)
        return certificate

    async def _ask(self, url: str) -> bytes:
        """The body of a 200, empty for anything else."""
        timeout = aiohttp.ClientTimeout(total=SECONDS)
        headers = {"Accept-Encoding": "identity", "User-Agent": "sidestep"}
        try:
            async with (
                aiohttp.ClientSession(
                    connector=self._connector(), timeout=timeout, headers=headers, auto_decompress=False,
                    cookie_jar=aiohttp.DummyCookieJar(),
                ) as session,
                session.get(url, allow_redirects=False) as answer,
            ):  # fmt: skip
                body = b""
                async for piece in answer.content.iter_chunked(16 * 1024):
                    body += piece
                    if len(body) > OCTETS_MAX:
                        break
                good = answer.status == 200 and len(body) <= OCTETS_MAX
                why = f"status {answer.status}, {len(body)} octets"
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            good, body, why = False, b"", type(error).__name__
        if not good:
            log.error("SNS was asked and gave nothing of use (%s)", why)
        return body if good else b""
