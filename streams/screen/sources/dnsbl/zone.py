"""One DNSBL zone: its questions, its self-tests (RFC 5782 section 5), its counts."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

from msgspec import Struct
from msgspec.structs import replace

from sidestep.schemas import Listing
from sidestep.streams.screen.dns.answer import UNKNOWN_TTL, Answer, Question
from sidestep.streams.screen.sources.dnsbl import codes as dnsbl
from sidestep.streams.screen.sources.dnsbl.codes import Health, Reading, State, ZoneStatus
from sidestep.streams.screen.sources.file import Dnsbl

Ask = Callable[[Question, float], Awaitable[Answer]]
"""Question and deadline, in the event loop's time -> answer."""

REFRESH_AFTER = 0.8
"""Share of its TTL after which a domain that is still asked for is asked about anew, in the background."""

UNKNOWN_CODES_MAX = 100
"""Return codes that are logged, each once, for one zone."""

log = logging.getLogger(__name__)


class Part(Struct, frozen=True, gc=False):
    """What one zone says of a domain."""

    listings: tuple[Listing, ...]
    refresh_at: float
    expires_at: float
    known: bool = True
    """False: the zone could not be asked, or not about every name."""


class Zone:
    """One zone: its questions, its self-tests, its counts."""

    def __init__(self, zone: str, section: Dnsbl, ask: Ask, clock: Callable[[], float], concurrency: int) -> None:
        self._zone = zone.rstrip(".").lower()
        self.name = dnsbl.shown_name(self._zone, section.name)
        self._codes = dnsbl.codes_of(section.codes)
        self.epoch = 0
        """Changes when what the zone has said so far turns out to be worth nothing."""
        self.on_distrust: Callable[[], None] = lambda: None
        self._timeout = section.timeout
        self._ask = ask
        self._clock = clock
        self._health = Health(section.retry_after, clock())
        self._slots = asyncio.Semaphore(concurrency)
        self._test: asyncio.Task[None] | None = None
        self._unknown_codes: set[str] = set()
        self._asked = self._listed = self._errors = self._unknown = 0

    def status(self) -> ZoneStatus:
        """As it is now."""
        health = self._health
        return ZoneStatus(
            self.name,
            health.state,
            health.since,
            health.why,
            health.test_at,
            self._asked,
            self._listed,
            self._errors,
            self._unknown,
        )

    async def renewed(self, domain: str, old: Part | None) -> Part:
        """What the zone says of a domain, after `timeout` at the latest; what it said before, where that is better."""
        now = self._clock()
        if old is not None and now < old.refresh_at:
            return old
        part = await self._consult(domain)
        if old is None or part.known or part.listings or now >= old.expires_at:
            return part
        return replace(old, refresh_at=min(part.expires_at, old.expires_at))

    async def _consult(self, domain: str) -> Part:
        names = dnsbl.names_to_ask(domain, self._zone)
        if not names:
            return self._part((), dnsbl.TTL[1])
        deadline = asyncio.get_running_loop().time() + self._timeout
        if not await self._is_usable(deadline):
            return self.passed_over()
        readings = await asyncio.gather(*(self._question(name, deadline) for name in names))
        return self._heard(dict(zip(names, readings, strict=True)))

    def passed_over(self) -> Part:
        """No statement, until the zone may be usable again."""
        now = self._clock()
        wait = self._health.test_at - now if self._health.state == "off" else 0
        return self._part((), max(UNKNOWN_TTL, wait), known=False)

    async def test(self) -> None:
        """Wait for a self-test, one that is under way or a new one."""
        await asyncio.wait((self._test or self._start_test(),))

    async def close(self) -> None:
        """End a self-test that is under way."""
        if self._test is not None:
            self._test.cancel()
            await asyncio.gather(self._test, return_exceptions=True)

    async def _is_usable(self, deadline: float) -> bool:
        if self._test is None and self._clock() >= self._health.test_at:
            self._start_test()
        if self._health.state == "untested" and self._test is not None:
            await asyncio.wait((self._test,), timeout=max(0, deadline - asyncio.get_running_loop().time()))
        return self._health.state == "usable"

    async def _question(self, name: str, deadline: float) -> Reading:
        clock = asyncio.get_running_loop().time
        try:
            async with asyncio.timeout_at(deadline):
                await self._slots.acquire()
        except TimeoutError:
            return Reading(failure="busy")
        try:
            if self._health.state != "usable":
                return Reading(failure="off")
            self._asked += 1
            patience = deadline - clock()
            reading = await self._answer(name, deadline)
        finally:
            self._slots.release()
        # whoever had to wait for the self-test or for a slot may not have left the zone time to answer
        self._judge(reading, fair=reading.failure != "timeout" or patience > self._timeout / 2)
        return reading

    async def _answer(self, name: str, deadline: float) -> Reading:
        try:
            async with asyncio.timeout_at(deadline):
                answer = await self._ask((f"{name}.{self._zone}", "A"), deadline)
            return dnsbl.read(answer, self._codes)
        except TimeoutError:
            return Reading(failure="timeout")
        except Exception as error:  # noqa: BLE001 - not with its text, which may hold the zone's key
            log.error("asking the DNSBL %s failed inside: %s", self.name, type(error).__name__)
            return Reading(failure="internal")

    def _judge(self, reading: Reading, fair: bool) -> None:
        self._note(reading.unknown)
        self._errors += bool(reading.failure or reading.refused)
        self._listed += bool(reading.hits)
        before = self._health.state
        if reading.refused:
            self._distrust(reading.refused)
        elif not reading.failure:
            self._health.answered()
        elif fair:
            self._health.failed(reading.failure, self._clock())
        self._tell(before)

    def _heard(self, readings: Mapping[str, Reading]) -> Part:
        version = datetime.fromtimestamp(self._clock(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        found = tuple(dnsbl.listings(self.name, version, readings))
        known = not any(reading.failure for reading in readings.values())
        return self._part(found, min(reading.ttl for reading in readings.values()), known)

    def _part(self, found: tuple[Listing, ...], seconds: float, known: bool = True) -> Part:
        now = self._clock()
        return Part(found, now + seconds * (REFRESH_AFTER if known else 1), now + seconds, known)

    def _start_test(self) -> asyncio.Task[None]:
        self._test = asyncio.get_running_loop().create_task(self._self_test())
        self._test.add_done_callback(self._end_test)
        return self._test

    def _end_test(self, _: object) -> None:
        self._test = None

    async def _self_test(self) -> None:
        """Outside the slots: it must not wait behind the questions of a zone in trouble."""
        deadline = asyncio.get_running_loop().time() + self._timeout
        names = (*self._codes.tests, dnsbl.UNLISTED)
        *listed, unlisted = await asyncio.gather(*(self._answer(name, deadline) for name in names))
        fault = dnsbl.self_test_fault(dict(zip(self._codes.tests, listed, strict=True)), unlisted)
        before = self._health.state
        if fault:
            self._distrust(fault)
        else:
            self._health.passed(self._clock())
        self._tell(before)

    def _distrust(self, why: str) -> None:
        """Off, with all that it has said."""
        self.epoch += 1
        if self._health.state == "usable":
            self.on_distrust()
        self._health.switch_off(why, self._clock())

    def _tell(self, before: State) -> None:
        if self._health.state != before:
            off = self._health.state == "off"
            log.log(
                logging.WARNING if off else logging.INFO,
                "DNSBL %s is %s%s",
                self.name,
                self._health.state,
                f": {self._health.why}" if off else "",
            )

    def _note(self, codes: tuple[str, ...]) -> None:
        self._unknown += len(codes)
        for code in codes:
            if code not in self._unknown_codes and len(self._unknown_codes) < UNKNOWN_CODES_MAX:
                self._unknown_codes.add(code)
                log.warning("DNSBL %s gave the code %s, which its table does not have: no listing", self.name, code)
