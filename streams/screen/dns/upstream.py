"""The upstream: questions to name servers over UDP and TCP, which one is asked for how long, and what silence means."""

import asyncio
import math
import socket
from collections.abc import Sequence
from dataclasses import replace

import dns.asyncbackend
import dns.asyncquery
import dns.exception
import dns.inet
import dns.message
import dns.resolver

from sidestep.streams.errors import SettingsError
from sidestep.streams.screen.dns.answer import Answer, Question, read

Server = tuple[str, int]
"""IP address and port."""

FIRST_TRY = 1.0
"""Seconds that each server gets before the next is asked. Resolvers answer nearly everything sooner."""

TIMED_OUT = Answer(failure="timeout")

ALIASES_MOST = 16
"""Aliases of a name that are followed from answer to answer, as many as within one. Honest chains have one or two."""


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
            if not answer.failure:
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
                return read(await _exchange(query, server))
        except TimeoutError:
            return TIMED_OUT
        except (dns.exception.DNSException, EOFError, UnicodeError):
            return Answer(failure="malformed")
        except OSError:
            return Answer(failure="unreachable")


async def _exchange(query: dns.message.Message, server: Server) -> dns.message.Message:
    """The response to a query over UDP, over TCP where it is cut short.

    Each query has a socket and thus a random port of its own: a forger has to guess that along with the id (RFC 5452).
    Datagrams that do not belong to the query are passed over. The socket is connected, so that a port where nobody
    listens is an error at once and not a wait.
    """
    host, port = server
    backend = dns.asyncbackend.get_backend("asyncio")
    family = dns.inet.af_for_address(host)
    async with await backend.make_socket(family, socket.SOCK_DGRAM, 0, None, server) as udp:
        response, _ = await dns.asyncquery.udp_with_fallback(
            query, host, port=port, udp_sock=udp, ignore_unexpected=True, ignore_errors=True, backend=backend
        )
    return response


def system_servers() -> list[Server]:
    """The name servers of this machine's configuration. Raises SettingsError when it names none."""
    try:
        system = dns.resolver.Resolver(configure=True)
    except dns.resolver.NoResolverConfiguration as error:
        raise SettingsError(f"the system names no name servers ({error}): set SIDESTEP_NAME_SERVERS") from None
    return [(str(host), system.port) for host in system.nameservers]
