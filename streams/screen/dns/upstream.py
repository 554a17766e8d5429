"""The upstream: questions to name servers over UDP and TCP, which one is asked for how long, and what silence means."""

import asyncio
import contextlib
import math
import socket
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import dns.asyncbackend
import dns.exception
import dns.inet
import dns.message
import dns.resolver

from sidestep.streams.errors import SettingsError
from sidestep.streams.screen.dns.answer import ALIASES_MOST, Answer, Question
from sidestep.streams.screen.dns.turns import Turns
from sidestep.streams.screen.dns.wire import OCTETS_MOST, TOO_LARGE, belongs, is_cut_short, read_response

Server = tuple[str, int]
"""IP address and port."""

FIRST_TRY = 1.0
"""Seconds that each server gets before the next is asked. Resolvers answer nearly everything sooner."""

TIMED_OUT = Answer(failure="timeout")
MALFORMED = Answer(failure="malformed")

UDP_MOST = 65_535
"""Octets of a datagram."""


class Upstream:
    """The name servers to ask. The one that answered last is asked first, so a dead one costs its wait only once."""

    def __init__(self, servers: Sequence[Server]) -> None:
        if not servers:
            raise SettingsError("no name servers: set SIDESTEP_NAME_SERVERS to HOST[:PORT],…")
        for host, _ in servers:
            if not dns.inet.is_address(host):
                raise SettingsError(f"name server {host!r}: give its IP address, a name could not be looked up yet")
        self.queries = 0
        self._servers = list(servers)
        self._turns = Turns()

    async def ask(self, question: Question, deadline: float) -> Answer:
        """The answer to a question, aliases followed to their end. `deadline` is in the event loop's time."""
        name, kind = question
        seen = {name.lower()}
        answer = await self._ask_in_turn(question, deadline)
        while answer.alias:
            if answer.alias in seen or len(seen) >= ALIASES_MOST:
                return Answer(failure="cname-loop")
            seen.add(answer.alias)
            further = await self._ask_in_turn((answer.alias, kind), deadline)
            answer = replace(further, ttl=min(answer.ttl, further.ttl))
        return answer

    async def _ask_in_turn(self, question: Question, deadline: float) -> Answer:
        """The answer of the first server that knows; they are asked in turn, twice."""
        clock = asyncio.get_running_loop().time
        servers = list(self._servers)
        tries = [(server, FIRST_TRY) for server in servers] + [(server, math.inf) for server in servers]
        failure = TIMED_OUT
        settled: set[Server] = set()
        for left, (server, most) in zip(range(len(tries), 0, -1), tries, strict=True):
            patience = min(most, (deadline - clock()) / left)
            if server in settled or patience <= 0:
                continue
            answer = await self._try(server, question, patience)
            if not answer.failure or answer is TOO_LARGE:  # the next server would say the same
                self._prefer(server)
                return answer
            if answer.failure != "timeout":  # it has spoken: only silence is worth a second try
                settled.add(server)
                failure = answer
        return failure

    def _prefer(self, server: Server) -> None:
        if self._servers[0] != server:
            self._servers.remove(server)
            self._servers.insert(0, server)

    async def _try(self, server: Server, question: Question, patience: float) -> Answer:
        try:
            query = dns.message.make_query(*question)
            self.queries += 1
            # not dnspython's own timeout: it follows the wall clock, and waits for hours when that is set back
            async with asyncio.timeout(patience):
                answer = await _over_udp(query, server, self._turns)
                return answer if answer is not None else await _over_tcp(query, server, self._turns)
        except TimeoutError:
            return TIMED_OUT
        except (dns.exception.DNSException, EOFError, ValueError):  # UnicodeError is one too
            return MALFORMED
        except OSError:
            return Answer(failure="unreachable")


async def _over_udp(query: dns.message.Message, server: Server, turns: Turns) -> Answer | None:
    """The answer to a query over UDP; None: the whole of it is to be had over TCP.

    Each query has a socket and thus a random port of its own: a forger has to guess that along with the id (RFC 5452).
    Datagrams that do not belong to the query are passed over. The socket is connected, so that a port where nobody
    listens is an error at once and not a wait.
    """
    backend = dns.asyncbackend.get_backend("asyncio")
    family = dns.inet.af_for_address(server[0])
    async with await backend.make_socket(family, socket.SOCK_DGRAM, 0, None, server) as udp:
        await udp.sendto(query.to_wire(), dns.inet.low_level_address_tuple(server, family), None)
        while True:
            response, _ = await udp.recvfrom(UDP_MOST, None)
            if is_cut_short(response):
                if belongs(query, response):
                    return None
                continue
            with contextlib.suppress(dns.exception.DNSException, ValueError):
                answer = await turns.take(partial(read_response, query, response))
                if answer is not None:
                    return answer


async def _over_tcp(query: dns.message.Message, server: Server, turns: Turns) -> Answer:
    """The answer to a query over TCP (RFC 7766), of which a response that is too large is not even received."""
    octets = query.to_wire()
    reader, writer = await asyncio.open_connection(*server, limit=OCTETS_MOST)
    try:
        writer.write(len(octets).to_bytes(2, "big") + octets)
        size = int.from_bytes(await reader.readexactly(2), "big")
        if size > OCTETS_MOST:
            return TOO_LARGE
        response = await reader.readexactly(size)
    finally:
        writer.transport.abort()  # nobody waits for what is left of it
    return await turns.take(partial(read_response, query, response)) or MALFORMED


def system_servers() -> list[Server]:
    """The name servers of this machine's configuration. Raises SettingsError when it names none."""
    try:
        system = dns.resolver.Resolver(configure=True)
    except dns.resolver.NoResolverConfiguration as error:
        raise SettingsError(f"the system names no name servers ({error}): set SIDESTEP_NAME_SERVERS") from None
    return [(str(host), system.port) for host in system.nameservers]
