"""The mailbox probe: asks a domain's exchange whether it would take mail for an address, and never sends any.

EHLO, STARTTLS where offered, MAIL FROM, RCPT TO, QUIT. What it costs in reputation: docs/probe.md. Off by default.
Order of answers: what feedback of ours said; the cache; what is known of the domain; a question shared by everyone who
asks about the mailbox, within a deadline. One Prober belongs to one event loop. No address is ever logged.
"""

import asyncio
import ipaddress
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from sidestep.schemas import MailboxFinding, MxFinding
from sidestep.streams.screen.address.parse import ParsedAddress
from sidestep.streams.screen.cache_room import STANDARD, octets_of_entry
from sidestep.streams.screen.dns.exchanges import is_reachable
from sidestep.streams.screen.single_flight import Flights, arrival
from sidestep.streams.screen.sources.circuit import Circuit
from sidestep.streams.screen.sources.file import Probe
from sidestep.streams.screen.sources.probe import replies as probe
from sidestep.streams.screen.sources.probe.allowed import allow_list, operator_of
from sidestep.streams.screen.sources.probe.memory import MailboxHistory, ProbeStatus, keyed_hash
from sidestep.streams.screen.sources.probe.replies import ProbeResult
from sidestep.streams.screen.sources.probe.session import BoundedConnection, Session, SessionEnded
from sidestep.streams.screen.sources.rate_limit import RateLimit
from sidestep.streams.screen.ttl_cache import BoundedCache, TtlCache

HISTORY_MAX = 90 * 86_400
"""Seconds. Providers disable accounts that nobody opens after months, not weeks."""

FLIGHTS_MAX = 200
"""Questions under way at once: nobody waits for a free one, the next one is told `busy`."""

DOMAINS_MAX = 50_000
OPERATORS_MAX = 10_000

DOMAIN_TTL = 86_400
"""Seconds that a domain stays known to take every address, or not to."""

FIRST_SHARE = 0.4
"""Share of the time which the first of two exchanges gets to let us connect."""

AddressesOf = Callable[[str], Awaitable[tuple[str, ...]]]
"""An exchange -> its IP addresses."""

log = logging.getLogger(__name__)


class _Operator(NamedTuple):
    """What all exchanges of an operator share."""

    circuit: Circuit
    rate_limit: RateLimit


class _CatchAll(NamedTuple):
    """Whether a domain takes every address at an exchange, and when that was found out."""

    found: bool
    asked_at: float


class Prober:
    """The mailbox probe. `history` holds what feedback says of mailboxes: the screener writes it there."""

    def __init__(
        self,
        settings: Probe,
        addresses_of: AddressesOf,
        *,
        clock: Callable[[], float] = time.time,
        cache_size: int = 100_000,
        cache_octets: int = STANDARD["probe"],
        history_octets: int = STANDARD["history"],
        allow_private: bool = False,
    ) -> None:
        """`addresses_of` an exchange gives its IP addresses, A before AAAA. `allow_private`: loopback may be asked, for
        tests. `cache_size` and `cache_octets`: of findings. Raises SourcesError.
        """
        self.history = MailboxHistory(octets=history_octets)
        self._settings = settings
        self._allowed = allow_list(settings)
        self._addresses_of = addresses_of
        self._clock = clock
        self._allow_loopback = allow_private
        self._key = keyed_hash()
        self._cache: TtlCache[bytes, MailboxFinding] = TtlCache(cache_size, cache_octets, octets_of_entry)
        self._catch_all: TtlCache[tuple[str, str], _CatchAll] = TtlCache(DOMAINS_MAX)
        self._operators: BoundedCache[str, _Operator] = BoundedCache(OPERATORS_MAX)
        self._flights: Flights[bytes, MailboxFinding] = Flights()
        self._results: Counter[tuple[str, str]] = Counter()
        self._asked = 0
        self._closed = False

    @property
    def cache_octets(self) -> dict[str, int]:
        """Octets of what is remembered, by cache."""
        return {"probe": self._cache.octets, "history": self.history.octets}

    def may_ask(self, address: ParsedAddress, mx: MxFinding) -> bool:
        """Does the allow-list cover the address, and is it a person's? Whether the rate has room is not said."""
        return bool(self._allowed.exchanges(address, mx))

    def cached(self, address: ParsedAddress, mx: MxFinding) -> MailboxFinding | None:
        """The finding without asking: from history, however the probe is set; of the mailbox; of its domain."""
        if address.reason:
            return None
        now = self._clock()
        cached = self._cache.get(self._key(address.identity), now)
        return self._from_history(address.identity, cached, now) or cached or self._from_domain(address, mx, now)

    async def find(self, address: ParsedAddress, mx: MxFinding) -> MailboxFinding:
        """The finding, asked for if it must and may be, at most `timeout` seconds from now. Never raises."""
        found = self.cached(address, mx)
        if found is not None:
            return found
        exchanges = self._allowed.exchanges(address, mx)
        if not exchanges or self._closed:
            return self._unasked("not-allowed" if not exchanges else "closed")
        key = self._key(address.identity)
        if key not in self._flights and len(self._flights) >= FLIGHTS_MAX:
            return self._unasked("busy")
        flight = self._flights.join(key, lambda: self._fly(key, address, exchanges))
        return await arrival(flight, self._unasked("closed"))

    async def close(self) -> None:
        """End the questions under way; those who wait for them get `unknown`."""
        self._closed = True
        await self._flights.close()

    def status(self) -> ProbeStatus:
        """The status since the start; answers from memory are not counted."""
        outcomes: Counter[str] = Counter()
        reasons: Counter[str] = Counter()
        for (outcome, reason), count in self._results.items():
            outcomes[outcome] += count
            reasons[reason] += count
        now = self._clock()
        opened = (name for name, operator in self._operators.items() if operator.circuit.state != "closed")
        catch_all = {domain for (domain, _), known in self._catch_all.items(now) if known.found}
        counts = (outcomes["yes"], outcomes["no"], outcomes["unknown"])
        return ProbeStatus(self._asked, *counts, dict(reasons), tuple(sorted(opened)), len(catch_all))

    def _from_history(self, identity: str, cached: MailboxFinding | None, now: float) -> MailboxFinding | None:
        alive_at = self.history.alive_at(identity)
        left = int(alive_at / 1000 + HISTORY_MAX - now)
        if left <= 0 or (cached is not None and cached.outcome == "no" and cached.checked_at > alive_at):
            return None
        return MailboxFinding("yes", "delivered", alive_at, left)

    def _from_domain(self, address: ParsedAddress, mx: MxFinding, now: float) -> MailboxFinding | None:
        """The finding by the exchange that would be asked alone: a backup may take what the first one does not."""
        exchanges = self._allowed.exchanges(address, mx)
        known = self._catch_all.get((address.domain, exchanges[0]), now) if exchanges else None
        if known is None or not known.found:
            return None
        return MailboxFinding("unknown", "catch-all", int(known.asked_at * 1000), DOMAIN_TTL)

    def _unasked(self, reason: str) -> MailboxFinding:
        return MailboxFinding("unknown", reason, int(self._clock() * 1000))

    async def _fly(self, key: bytes, address: ParsedAddress, exchanges: tuple[str, ...]) -> MailboxFinding:
        try:
            result = await self._ask_in_turn(address, exchanges)
        except Exception as error:  # noqa: BLE001 - logged without its text, which may hold an address
            log.error("a mailbox probe failed: %s", type(error).__name__)
            result = ProbeResult("unknown", "internal")
        self._results[result.outcome, result.reason] += 1
        ttl = probe.lifetime(result, self._settings.remember)
        finding = MailboxFinding(result.outcome, result.reason, int(self._clock() * 1000), ttl)
        if ttl:
            self._cache.put(key, finding, finding.checked_at / 1000 + ttl)
        return finding

    async def _ask_in_turn(self, address: ParsedAddress, exchanges: tuple[str, ...]) -> ProbeResult:
        start, seconds = asyncio.get_running_loop().time(), self._settings.timeout
        first: ProbeResult | None = None
        for left, exchange in zip(range(len(exchanges) - 1, -1, -1), exchanges, strict=True):
            refused = self._not_now(exchange)
            if refused is not None:
                return first or refused
            connect_by = start + seconds * (FIRST_SHARE if left else 1)
            result = await self._ask(address, exchange, connect_by, start + seconds)
            self._report(exchange, result)
            if not result.elsewhere:
                return result
            first = first or result
        return first or ProbeResult("unknown", "internal")

    def _not_now(self, exchange: str) -> ProbeResult | None:
        """The result where an exchange may not be asked now: the next one is no way around its circuit or its rate."""
        operator, now = self._operator(exchange), self._clock()
        if not operator.circuit.allows(now):
            return ProbeResult("unknown", "circuit-open")
        return None if operator.rate_limit.take(now) else ProbeResult("unknown", "over-rate")

    def _report(self, exchange: str, result: ProbeResult) -> None:
        circuit, now = self._operator(exchange).circuit, self._clock()
        was = circuit.state
        (circuit.failed if result.failed else circuit.succeeded)(now)
        if circuit.state != was:
            name = operator_of(exchange)
            log.warning("mailbox probe: circuit of %s is %s (%s)", name, circuit.state, result.reason)

    def _operator(self, exchange: str) -> _Operator:
        name = operator_of(exchange)
        operator = self._operators.get(name)
        if operator is None:
            circuit = Circuit(self._settings.failures, self._settings.retry_after)
            operator = _Operator(circuit, RateLimit(self._allowed.rate))
        self._operators.put(name, operator)
        return operator

    async def _ask(self, address: ParsedAddress, exchange: str, connect_by: float, deadline: float) -> ProbeResult:
        try:
            async with asyncio.timeout_at(connect_by):
                connection = await self._connect(exchange)
        except TimeoutError:
            return probe.TIMED_OUT._replace(elsewhere=True)
        except OSError:
            return probe.UNREACHABLE
        session = Session(connection, exchange)
        try:
            async with asyncio.timeout_at(deadline):
                return await self._inquire(session, address, exchange)
        except TimeoutError:
            return probe.TIMED_OUT
        except SessionEnded as refused:
            return refused.result
        finally:
            await session.close(deadline)

    async def _connect(self, exchange: str) -> BoundedConnection:
        """A connection to one address of the exchange. Raises OSError when it has none that may be connected to."""
        address = next(filter(self._may_reach, await self._addresses_of(exchange)), None)
        if address is None:
            raise OSError("no address that may be asked")
        self._asked += 1
        _, connection = await asyncio.get_running_loop().create_connection(
            BoundedConnection, address, self._settings.port
        )
        return connection

    def _may_reach(self, address: str) -> bool:
        try:
            return is_reachable(address) or (self._allow_loopback and ipaddress.ip_address(address).is_loopback)
        except ValueError:
            return False

    async def _inquire(self, session: Session, address: ParsedAddress, exchange: str) -> ProbeResult:
        await session.open(self._settings.helo)
        if not address.normalized.isascii() and not session.takes_utf8:
            return probe.NO_SMTPUTF8
        await session.sender(self._settings.mail_from)
        result = await session.recipient(address.normalized)
        at_exchange = (address.domain, exchange)
        if result.outcome == "no":
            self._remember(at_exchange, False)
        known = self._catch_all.get(at_exchange, self._clock())
        if result != probe.ACCEPTED or (known is not None and not known.found):
            return result
        invented = f"{probe.invented_local_part(self._key(address.domain))}@{address.domain}"
        result, catch_all = probe.compare(await session.recipient(invented))
        if catch_all is not None:
            self._remember(at_exchange, catch_all)
        return result

    def _remember(self, at_exchange: tuple[str, str], catch_all: bool) -> None:
        now = self._clock()
        self._catch_all.put(at_exchange, _CatchAll(catch_all, now), now + DOMAIN_TTL)
