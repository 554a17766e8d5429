"""A port is free, and stays so while its owner is away: no client of anybody's is lent it."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidestep.streams.local import ports
from sidestep.streams.local.embedded_config import HOST
from sidestep.streams.local.ports import LENT_FROM, free_port, free_ports


def test_ports_are_different_and_free() -> None:
    """All of them at once."""
    found = free_ports(20)
    assert 20 == len(set(found))
    for port in found:
        socket.create_server((HOST, port)).close()


@pytest.fixture
def lent() -> Iterator[int]:
    """The port of a client, which the system has lent to it."""
    with socket.create_server((HOST, 0)) as server, socket.create_connection(server.getsockname()) as client:
        yield int(client.getsockname()[1])


def test_no_client_is_lent_one(lent: int) -> None:
    """A worker that started again found its port taken by a connection to Kafka."""
    assert all(port < min(LENT_FROM, lent) for port in free_ports(50))


def test_what_is_to_be_used_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where few are left."""
    few = [free_port(), free_port()]
    monkeypatch.setattr(ports, "_candidates", lambda: iter(few))
    assert few[1:] == free_ports(1, but_for={few[0]})
    with pytest.raises(OSError, match="no 2 free ports"):
        free_ports(2, but_for={few[0]})


def test_where_everything_is_lent_the_system_chooses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As an administrator may have set it."""
    everything = tmp_path / "range"
    everything.write_text("1024\t65535\n")
    monkeypatch.setattr(ports, "EPHEMERAL", everything)
    assert 3 == len(set(free_ports(3)))
