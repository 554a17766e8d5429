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
from sidestep.streams.screen.dns.exchanges import is_reachable
from sidestep.streams.screen.single_flight import Flights, arrival
from sidestep.streams.screen.sources.circuit import Circuit
from sidestep.streams.screen.sources.file import Probe
from sidestep.streams.screen.sources.pace import Pace
from sidestep.streams.screen.sources.probe import replies as probe
from sidestep.streams.screen.sources.probe.allowed import checked, operator_of
from sidestep.streams.screen.sources.probe.memory import History, ProbeStatus, Recent, keyed
from sidestep.streams.screen.sources.probe.replies import Reading
from sidestep.streams.screen.sources.probe.session import Line, Refused, Session

HISTORY_MAX = 90 * 86_400
"""Seconds. Providers disable accounts that nobody opens after months, not weeks."""

FLIGHTS_MAX = 200
"""Questions under way at once: nobody waits for a place, the next one is told `busy`."""

DOMAINS_MAX = 50_000
OPERATORS_MAX = 10_000

DOMAIN_TTL = 86_400
"""Seconds that a domain stays known to take every address, or not to."""

FIRST_SHARE = 0.4
"""Of the time, which the first of two exchanges gets to let us connect."""

Addresses = Callable[[str], Awaitable[tuple[str, ...]]]

log = logging.getLogger(__name__)


class _Operator(NamedTuple):
    """Who runs exchanges: all of theirs share these."""

    circuit: Circuit
    pace: Pace


class _Domain(NamedTuple):
    catch_all: bool
    until: float


class Prober:
    """Findings for mailboxes. `history` holds what feedback says of them: whoever reads feedback writes it there."""

    def __init__(
        self,
        settings: Probe,
        addresses_of: Addresses,
        *,
        clock: Callable[[], float] = time.time,
        cache_size: int = 100_000,
        allow_private: bool = False,
    ) -> None:
        """`addresses_of` an exchange gives its IP addresses, A before AAAA. `allow_private`: loopback may be asked,
        for tests. Raises SourcesError."""
        self.history = History()
        self._settings = settings
        self._allowed = checked(settings)
        self._addresses_of = addresses_of
        self._clock = clock
        self._allow_loopback = allow_private
        self._key = keyed()
        self._cache: Recent[bytes, MailboxFinding] = Recent(cache_size)
        self._domains: Recent[tuple[str, str], _Domain] = Recent(DOMAINS_MAX)
        self._operators: Recent[str, _Operator] = Recent(OPERATORS_MAX)
        self._flights: Flights[bytes, MailboxFinding] = Flights()
        self._readings: Counter[tuple[str, str]] = Counter()
        self._asked = 0
        self._closed = False

    def may_ask(self, address: ParsedAddress, mx: MxFinding) -> bool:
        """Does the allow-list cover it, and is it somebody's? Whether the rate has room is not said."""
        return bool(self._allowed.exchanges(address, mx))

    def cached(self, address: ParsedAddress, mx: MxFinding) -> MailboxFinding | None:
        """What is known without asking: from history, however the probe is set; of the mailbox; of its domain."""
        if address.reason:
            return None
        now = self._clock()
        kept = _in_force(self._cache.get(self._key(address.identity)), now)
        return self._from_history(address.identity, kept, now) or kept or self._from_domain(address, mx, now)

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
        """End what is under way; whoever waits for it gets `unknown`."""
        self._closed = True
        await self._flights.close()

    def status(self) -> ProbeStatus:
        """Since the start; answers from memory are not counted."""
        outcomes: Counter[str] = Counter()
        reasons: Counter[str] = Counter()
        for (outcome, reason), count in self._readings.items():
            outcomes[outcome] += count
            reasons[reason] += count
        now = self._clock()
        opened = (name for name, operator in self._operators.items() if operator.circuit.state != "closed")
        taking = {name for (name, _), known in self._domains.items() if known.catch_all and now < known.until}
        counts = (outcomes["yes"], outcomes["no"], outcomes["unknown"])
        return ProbeStatus(self._asked, *counts, dict(reasons), tuple(sorted(opened)), len(taking))

    def _from_history(self, identity: str, kept: MailboxFinding | None, now: float) -> MailboxFinding | None:
        alive_at = self.history.alive_at(identity)
        left = int(alive_at / 1000 + HISTORY_MAX - now)
        if left <= 0 or (kept is not None and kept.outcome == "no" and kept.checked_at > alive_at):
            return None
        return MailboxFinding("yes", "delivered", alive_at, left)

    def _from_domain(self, address: ParsedAddress, mx: MxFinding, now: float) -> MailboxFinding | None:
        """Only of the exchange that would be asked: a backup may take everything where the first one does not."""
        exchanges = self._allowed.exchanges(address, mx)
        known = self._domains.get((address.domain, exchanges[0])) if exchanges else None
        if known is None or not known.catch_all or now >= known.until:
            return None
        return MailboxFinding("unknown", "catch-all", int((known.until - DOMAIN_TTL) * 1000), DOMAIN_TTL)

    def _unasked(self, reason: str) -> MailboxFinding:
        return MailboxFinding("unknown", reason, int(self._clock() * 1000))

    async def _fly(self, key: bytes, address: ParsedAddress, exchanges: tuple[str, ...]) -> MailboxFinding:
        try:
            reading = await self._ask_in_turn(address, exchanges)
        except Exception as error:  # noqa: BLE001 - logged without its text, which may hold an address
            log.error("a mailbox probe failed: %s", type(error).__name__)
            reading = Reading("unknown", "internal")
        self._readings[reading.outcome, reading.reason] += 1
        ttl = probe.seconds(reading, self._settings.remember)
        finding = MailboxFinding(reading.outcome, reading.reason, int(self._clock() * 1000), ttl)
        if ttl:
            self._cache.put(key, finding)
        return finding

    async def _ask_in_turn(self, address: ParsedAddress, exchanges: tuple[str, ...]) -> Reading:
        start, seconds = asyncio.get_running_loop().time(), self._settings.timeout
        first: Reading | None = None
        for left, exchange in zip(range(len(exchanges) - 1, -1, -1), exchanges, strict=True):
            refused = self._not_now(exchange)
            if refused is not None:
                return first or refused
            connect_by = start + seconds * (FIRST_SHARE if left else 1)
            reading = await self._ask(address, exchange, connect_by, start + seconds)
            self._report(exchange, reading)
            if not reading.elsewhere:
                return reading
            first = first or reading
        return first or Reading("unknown", "internal")

    def _not_now(self, exchange: str) -> Reading | None:
        """A circuit that is open is not evaded by way of the next exchange, and neither is the rate."""
        operator, now = self._operator(exchange), self._clock()
        if not operator.circuit.allows(now):
            return Reading("unknown", "circuit-open")
        return None if operator.pace.take(now) else Reading("unknown", "over-rate")

    def _report(self, exchange: str, reading: Reading) -> None:
        circuit, now = self._operator(exchange).circuit, self._clock()
        was = circuit.state
        (circuit.failed if reading.failed else circuit.succeeded)(now)
        if circuit.state != was:
            name = operator_of(exchange)
            log.warning("mailbox probe: circuit of %s is %s (%s)", name, circuit.state, reading.reason)

    def _operator(self, exchange: str) -> _Operator:
        name = operator_of(exchange)
        operator = self._operators.get(name)
        if operator is None:
            circuit = Circuit(self._settings.failures, self._settings.retry_after)
            operator = _Operator(circuit, Pace(self._allowed.rate))
        self._operators.put(name, operator)
        return operator

    async def _ask(self, address: ParsedAddress, exchange: str, connect_by: float, deadline: float) -> Reading:
        try:
            async with asyncio.timeout_at(connect_by):
                line = await self._connect(exchange)
        except TimeoutError:
            return probe.TIMED_OUT._replace(elsewhere=True)
        except OSError:
            return probe.UNREACHABLE
        session = Session(line, exchange)
        try:
            async with asyncio.timeout_at(deadline):
                return await self._inquire(session, address, exchange)
        except TimeoutError:
            return probe.TIMED_OUT
        except Refused as refused:
            return refused.reading
        finally:
            await session.close(deadline)

    async def _connect(self, exchange: str) -> Line:
        """To one address of the exchange's. Raises OSError when it has none that may be connected to."""
        address = next(filter(self._may_reach, await self._addresses_of(exchange)), None)
        if address is None:
            raise OSError("no address that may be asked")
        self._asked += 1
        _, line = await asyncio.get_running_loop().create_connection(Line, address, self._settings.port)
        return line

    def _may_reach(self, address: str) -> bool:
        try:
            return is_reachable(address) or (self._allow_loopback and ipaddress.ip_address(address).is_loopback)
        except ValueError:
            return False

    async def _inquire(self, session: Session, address: ParsedAddress, exchange: str) -> Reading:
        await session.open(self._settings.helo)
        if not address.normalized.isascii() and not session.takes_utf8:
            return probe.NO_SMTPUTF8
        await session.sender(self._settings.mail_from)
        reading = await session.recipient(address.normalized)
        place = (address.domain, exchange)
        if reading.outcome == "no":
            self._remember(place, False)
        known = self._domains.get(place)
        if reading != probe.ACCEPTED or (known is not None and not known.catch_all and self._clock() < known.until):
            return reading
        invented = f"{probe.stranger(self._key(address.domain))}@{address.domain}"
        reading, catch_all = probe.compare(await session.recipient(invented))
        if catch_all is not None:
            self._remember(place, catch_all)
        return reading

    def _remember(self, place: tuple[str, str], catch_all: bool) -> None:
        self._domains.put(place, _Domain(catch_all, self._clock() + DOMAIN_TTL))


def _in_force(finding: MailboxFinding | None, now: float) -> MailboxFinding | None:
    """Nothing, when its time is up."""
    in_force = finding is not None and now < finding.checked_at / 1000 + finding.ttl
    return finding if in_force else None
