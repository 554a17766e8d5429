"""Ports on loopback that nobody listens on now, and that no client is lent: who starts again finds its own free."""

import random
import socket
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from pathlib import Path

from sidestep.streams.local.embedded_config import HOST

FIRST = 10_000
LENT_FROM = 32_768
"""From here on systems lend ports to clients (Linux; others from 49,152), unless EPHEMERAL says otherwise."""
EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
ROOM = 1_000
"""Ports below what is lent that are enough to choose from."""


def free_ports(count: int, but_for: Collection[int] = ()) -> list[int]:
    """So many different ones. `but_for`: ports that are to be used, and free until then. Raises OSError."""
    found: list[int] = []
    with ExitStack() as held:
        for port in _candidates():
            if len(found) == count:
                break
            if port in but_for:
                continue
            try:
                server = held.enter_context(socket.create_server((HOST, port)))
            except OSError:
                continue  # somebody has it
            found.append(int(server.getsockname()[1]))
    if len(found) < count:
        raise OSError(f"no {count} free ports on {HOST}")
    return found


def free_port() -> int:
    """One of them."""
    return free_ports(1)[0]


def _candidates() -> Iterator[int]:
    """In no order, so that two who look at once find different ones."""
    end = min(_lent_from(), LENT_FROM)
    if end - FIRST < ROOM:
        return iter([0] * ROOM)  # whatever the system gives
    return iter(random.sample(range(FIRST, end), end - FIRST))


def _lent_from() -> int:
    try:
        return int(EPHEMERAL.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return LENT_FROM
