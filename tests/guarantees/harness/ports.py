"""Ports that a broker or a proxy may leave and have again."""

import random
import socket

HOST = "127.0.0.1"
LOWEST, HIGHEST = 20_000, 31_000
"""Below those that the system gives to outgoing connections: while the broker is away, one of its clients could
otherwise be given the broker's own port, be connected to itself, and hold it."""


def lasting_ports(count: int) -> list[int]:
    """Different ports that nobody listens on now."""
    found: set[int] = set()
    while len(found) < count:
        port = random.randrange(LOWEST, HIGHEST)
        if _free(port):
            found.add(port)
    return list(found)


def _free(port: int) -> bool:
    try:
        socket.create_server((HOST, port)).close()
    except OSError:
        return False
    return True
