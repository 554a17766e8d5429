"""A DNSBL zone: its questions, its self-tests (RFC 5782 section 5), its counts."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

from msgspec import Struct
from msgspec.structs import replace

from sidestep.schemas import Listing
from sidestep.streams.screen.dns.answer import UNKNOWN_TTL, Answer, Question
from sidestep.streams.screen.sources.dnsbl import codes as dnsbl
from sidestep.streams.screen.sources.dnsbl.codes import ZoneAnswer, ZoneHealth, ZoneState, ZoneStatus
from sidestep.streams.screen.sources.file import Dnsbl

Ask = Callable[[Question, float], Awaitable[Answer]]
"""Question and deadline, in the event loop's time -> DNS' answer."""

REFRESH_AFTER = 0.8
"""Share of a domain's TTL after which a domain in use is asked about anew, in the background."""

UNKNOWN_CODES_MAX = 100
"""Unknown return codes of a zone that are logged, each once."""

log = logging.getLogger(__name__)


class ZoneListings(Struct, frozen=True, gc=False):
    """The listings of a domain by one zone, and how long they hold."""

    listings: tuple[Listing, ...]
    refresh_at: float
    expires_at: float
    known: bool = True
    """False: the zone could not be asked, or not about every name."""


class DnsblZone:
    """A DNSBL zone: its questions, its self-tests, its counts."""

    def __init__(self, zone: str, section: Dnsbl, ask: Ask, clock: Callable[[], float], concurrency: int) -> None:
        self._zone = zone.rstrip(".").lower()
        self.name = dnsbl.shown_name(self._zone, section.name)
        self._codes = dnsbl.codes_of(section.codes)
        self.epoch = 0
        """Number that changes when the zone's answers so far turn out to be worth nothing."""
        self.on_distrust: Callable[[], None] = lambda: None
        self._timeout = section.timeout
        self._ask = ask
        self._clock = clock
        self._health = ZoneHealth(section.retry_after, clock())
        self._slots = asyncio.Semaphore(concurrency)
        self._test: asyncio.Task[None] | None = None
        self._unknown_codes: set[str] = set()
        self._asked = self._listed = self._errors = self._unknown = 0

    def status(self) -> ZoneStatus:
        """The status of the zone now."""
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

    async def renewed(self, domain: str, old: ZoneListings | None) -> ZoneListings:
        """The zone's listings of a domain, after `timeout` at the latest; those from before, where they are better."""
        now = self._clock()
        if old is not None and now < old.refresh_at:
            return old
        new = await self._consult(domain)
        if old is None or new.known or new.listings or now >= old.expires_at:
            return new
        return replace(old, refresh_at=min(new.expires_at, old.expires_at))

    async def _consult(self, domain: str) -> ZoneListings:
        names = dnsbl.names_to_ask(domain, self._zone)
        if not names:
            return self._listings((), dnsbl.TTL[1])
        deadline = asyncio.get_running_loop().time() + self._timeout
        if not await self._is_usable(deadline):
            return self.passed_over()
        answers = await asyncio.gather(*(self._question(name, deadline) for name in names))
        return self._heard(dict(zip(names, answers, strict=True)))

    def passed_over(self) -> ZoneListings:
        """The listings of a zone that can't be used: none, until it may be usable again."""
        now = self._clock()
        wait = self._health.test_at - now if self._health.state == "off" else 0
        return self._listings((), max(UNKNOWN_TTL, wait), known=False)

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

    async def _question(self, name: str, deadline: float) -> ZoneAnswer:
        clock = asyncio.get_running_loop().time
        try:
            async with asyncio.timeout_at(deadline):
                await self._slots.acquire()
        except TimeoutError:
            return ZoneAnswer(failure="busy")
        try:
            if self._health.state != "usable":
                return ZoneAnswer(failure="off")
            self._asked += 1
            patience = deadline - clock()
            answer = await self._answer(name, deadline)
        finally:
            self._slots.release()
        # whoever had to wait for the self-test or for a slot may not have left the zone time to answer
        self._weigh(answer, fair=answer.failure != "timeout" or patience > self._timeout / 2)
        return answer

    async def _answer(self, name: str, deadline: float) -> ZoneAnswer:
        try:
            async with asyncio.timeout_at(deadline):
                answer = await self._ask((f"{name}.{self._zone}", "A"), deadline)
            return dnsbl.read(answer, self._codes)
        except TimeoutError:
            return ZoneAnswer(failure="timeout")
        except Exception as error:  # noqa: BLE001 - not with its text, which may hold the zone's key
            log.error("asking the DNSBL %s failed inside: %s", self.name, type(error).__name__)
            return ZoneAnswer(failure="internal")

    def _weigh(self, answer: ZoneAnswer, fair: bool) -> None:
        self._note(answer.unknown)
        self._errors += bool(answer.failure or answer.refused)
        self._listed += bool(answer.hits)
        before = self._health.state
        if answer.refused:
            self._distrust(answer.refused)
        elif not answer.failure:
            self._health.answered()
        elif fair:
            self._health.failed(answer.failure, self._clock())
        self._tell(before)

    def _heard(self, answers: Mapping[str, ZoneAnswer]) -> ZoneListings:
        version = datetime.fromtimestamp(self._clock(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        found = tuple(dnsbl.listings(self.name, version, answers))
        known = not any(answer.failure for answer in answers.values())
        return self._listings(found, min(answer.ttl for answer in answers.values()), known)

    def _listings(self, found: tuple[Listing, ...], seconds: float, known: bool = True) -> ZoneListings:
        now = self._clock()
        return ZoneListings(found, now + seconds * (REFRESH_AFTER if known else 1), now + seconds, known)

    def _start_test(self) -> asyncio.Task[None]:
        self._test = asyncio.get_running_loop().create_task(self._self_test())
        self._test.add_done_callback(self._end_test)
        return self._test

    def _end_test(self, _: object) -> None:
        self._test = None

    async def _self_test(self) -> None:
        """Test the zone, outside the slots: the test must not wait behind the questions of a zone in trouble."""
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
        """Switch the zone off, and forget all that it has said."""
        self.epoch += 1
        if self._health.state == "usable":
            self.on_distrust()
        self._health.switch_off(why, self._clock())

    def _tell(self, before: ZoneState) -> None:
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
