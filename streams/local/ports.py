"""Ports on loopback that nobody listens on just now."""

import socket
from collections.abc import Collection

from sidestep.streams.local.embedded_config import HOST


def free_ports(count: int, but_for: Collection[int] = ()) -> list[int]:
    """So many different ones. `but_for`: ports that are to be used, and free until then."""
    sockets = [socket.create_server((HOST, 0)) for _ in range(count + len(but_for))]
    try:
        return [port for s in sockets if (port := s.getsockname()[1]) not in but_for][:count]
    finally:
        for s in sockets:
            s.close()


def free_port() -> int:
    """One of them."""
    return free_ports(1)[0]
