"""The resolver: asks DNS whether domains take mail, once per name, within a deadline, and remembers its findings.

Order of answers, best first: the cache while the TTL holds; a query shared by everyone who asks for the name; for a
name that can't be asked now, what was known of it, with its old `checked_at`, while that is less than a day old
(serve-stale, RFC 8767); otherwise `unknown` with the reason. What name servers deny is believed while they do not deny
canaries, see trust.py. One Resolver belongs to one event loop.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from sidestep.schemas import MxFinding
from sidestep.streams.errors import without_text
from sidestep.streams.screen.cache_room import STANDARD
from sidestep.streams.screen.dns.answer import UNKNOWN_TTL, Answer, Dialogue, Question
from sidestep.streams.screen.dns.canaries import Canaries
from sidestep.streams.screen.dns.domain_slots import DomainSlots
from sidestep.streams.screen.dns.failures import FailedNames
from sidestep.streams.screen.dns.kept_findings import KeptFinding, KeptFindings
from sidestep.streams.screen.dns.mx import inquire, unknown
from sidestep.streams.screen.dns.shared_answers import SharedAnswers
from sidestep.streams.screen.dns.trust import DISTRUST, Trust, believed
from sidestep.streams.screen.dns.upstream import Server, Upstream, system_servers
from sidestep.streams.screen.single_flight import Flights, arrival

REFRESH_AFTER = 0.8
"""Share of a finding's TTL after which a name in use is looked up anew, in the background."""

STALE_MAX = 86_400
"""Seconds since its check for which a finding may outlive its TTL, when the name can't be asked."""

log = logging.getLogger(__name__)


class Resolver:
    """The resolver of a process: MX findings for domains, given as lower-case A-labels.

    Counters: `hits` and `misses` of `cached`, `queries` sent, `stale` answers given, `outcomes` by (outcome, reason) of
    finished look-ups, `in_flight` names under way or waiting for a slot.
    """

    def __init__(
        self,
        servers: Sequence[Server] | None = None,
        *,
        timeout: float = 5.0,
        concurrency: int = 256,
        cache_size: int = 200_000,
        cache_octets: int = STANDARD["findings"],
        exchange_octets: int = STANDARD["exchanges"],
        clock: Callable[[], float] = time.time,
        allow_private: bool = False,
        check_exchanges: bool = False,
        canaries: Sequence[str] = (),
    ) -> None:
        """`servers` are (IP address, port), None: those of the system. `timeout` is seconds. Raises SettingsError.

        `cache_size` and `cache_octets`: of findings; `exchange_octets`: of what is known of exchanges.
        `check_exchanges`: a domain whose exchanges have no address that mail can be sent to takes no mail. `canaries`:
        domains that certainly take mail, as A-labels; without any, name servers are always believed.
        """
        self.hits = self.misses = self.stale = 0
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self._upstream = Upstream(system_servers() if servers is None else servers)
        self._timeout = timeout
        self._slots = DomainSlots(concurrency)
        self._clock = clock
        self._allow_private = allow_private
        self._check_exchanges = check_exchanges
        self._hosts = SharedAnswers(self._upstream.ask, clock, octets=exchange_octets)
        self._canaries = Canaries(canaries, self._upstream.ask, clock, self._trust_changed)
        self._failed = FailedNames()
        self._cache = KeptFindings(cache_size, cache_octets)
        self._flights: Flights[str, MxFinding] = Flights()
        self._closed = False

    @property
    def queries(self) -> int:
        """Questions sent to servers, retries included."""
        return self._upstream.queries

    @property
    def in_flight(self) -> int:
        """Names under way or waiting for a slot."""
        return len(self._flights)

    @property
    def cache_octets(self) -> dict[str, int]:
        """Octets of what is remembered, by cache."""
        return {"findings": self._cache.octets, "exchanges": self._hosts.octets}

    @property
    def trust(self) -> Trust:
        """What speaks against the name servers."""
        return self._canaries.trust

    async def refresh_trust(self) -> None:
        """See whether name servers that lied have been mended."""
        await self._canaries.refresh()

    async def out_of_reach(self) -> bool:
        """Do the name servers themselves fail? Several domains had no answer, and no canary has one either."""
        return self._failed.several and await self._canaries.silent()

    def cached(self, domain: str) -> MxFinding | None:
        """The finding without asking; None: it has to be asked for. Near the end of its TTL it is refreshed."""
        held = self._cache.get(domain)
        if held is None:
            self.misses += 1
            return None
        now = self._clock()
        if now < held.refresh_at:
            self.hits += 1
            held.used = True
            return held.finding
        return self._ageing(domain, held, now)

    async def find(self, domain: str) -> MxFinding:
        """The finding of a domain, asked for if need be, at most `timeout` seconds from now. Never raises."""
        held = self._cache.get(domain)
        if held is not None and self._clock() < held.expires_at:
            return held.finding
        if self._closed:
            return unknown("closed")
        return await arrival(self._depart(domain), unknown("closed"))

    async def ask(self, question: Question, deadline: float) -> Answer:
        """The answer to one question, not remembered here. `deadline` is in the event loop's time."""
        return await self._upstream.ask(question, deadline)

    async def addresses(self, host: str) -> tuple[str, ...]:
        """The addresses of a host, IPv4 first, shared with the exchanges' look-ups; none where no server could say."""
        deadline = asyncio.get_running_loop().time() + self._timeout
        answers = await asyncio.gather(*(self._hosts.ask((host, kind), deadline) for kind in ("A", "AAAA")))
        return tuple(record.address for answer in answers for record in answer.records)

    async def close(self) -> None:
        """End the look-ups under way; those who wait for them get `unknown`."""
        self._closed = True
        await self._flights.close()
        await self._hosts.close()
        await self._canaries.close()

    def _ageing(self, domain: str, held: KeptFinding, now: float) -> MxFinding | None:
        if now >= held.expires_at:
            self.misses += 1
            return None
        self.hits += 1
        held.used = True
        if domain not in self._flights and not self._closed:
            self._depart(domain)
        return held.finding

    def _depart(self, domain: str) -> asyncio.Task[MxFinding]:
        return self._flights.join(domain, lambda: self._fly(domain))

    async def _fly(self, domain: str) -> MxFinding:
        deadline = asyncio.get_running_loop().time() + self._timeout
        before, held = self.trust, self._cache.get(domain)
        surprising = domain in self._canaries or (held is not None and held.finding.outcome == "yes")
        try:
            finding = await self._look_up(domain, deadline)
            finding = await self._canaries.weigh(finding, before, surprising and finding.outcome == "no", deadline)
        except Exception as error:
            log.error("a look-up failed, an error of ours; please report it", exc_info=without_text(error))
            finding = unknown("internal")
        return self._keep(domain, finding)

    async def _look_up(self, domain: str, deadline: float) -> MxFinding:
        # no time limit on the slot: it goes to whoever came first, so those who hold one have to end before we do
        async with self._slots.slot(domain):
            return await self._converse(domain, deadline)

    async def _converse(self, domain: str, deadline: float) -> MxFinding:
        dialogue: Dialogue = inquire(domain, self._allow_private, self._check_exchanges)
        questions = next(dialogue)
        while True:
            answers = await asyncio.gather(*(self._ask(question, domain, deadline) for question in questions))
            try:
                questions = dialogue.send(tuple(answers))
            except StopIteration as end:
                finding: MxFinding = end.value
                return finding

    async def _ask(self, question: Question, domain: str, deadline: float) -> Answer:
        if question[0] == domain:
            return await self._upstream.ask(question, deadline)
        return await self._hosts.ask(question, deadline)

    def _keep(self, domain: str, finding: MxFinding) -> MxFinding:
        now = self._clock()
        self.outcomes[finding.outcome, finding.reason] += 1
        self._failed.note(domain, finding)
        old = self._cache.get(domain)
        if finding.outcome == "unknown" and old is not None and _may_be_served_stale(old.finding, now):
            self.stale += 1
            held = self._stale(old.finding, now)
        else:
            held = _fresh(finding, now)
        self._cache.put(domain, held)
        return held.finding

    def _trust_changed(self, sound_until: float) -> None:
        """Forget what liars may have said since they were seen to be sound, and that they were not believed."""
        self._hosts.forget()
        for domain, held in self._cache.items():
            finding = held.finding
            new = finding.checked_at / 1000 >= sound_until
            if finding.reason in DISTRUST or (new and believed(finding, self.trust) is not finding):
                self._cache.drop(domain)

    def _stale(self, finding: MxFinding, now: float) -> KeptFinding:
        """The old finding again, for longer than the next attempt takes: a hot name never waits for a dead server."""
        end = finding.checked_at / 1000 + STALE_MAX
        refresh_at = now + UNKNOWN_TTL
        return KeptFinding(finding, min(refresh_at, end), min(refresh_at + 2 * self._timeout, end))


def _fresh(finding: MxFinding, now: float) -> KeptFinding:
    stamped = replace(finding, checked_at=int(now * 1000))
    return KeptFinding(stamped, now + REFRESH_AFTER * finding.ttl, now + finding.ttl)


def _may_be_served_stale(finding: MxFinding, now: float) -> bool:
    return finding.outcome != "unknown" and now - finding.checked_at / 1000 < STALE_MAX
