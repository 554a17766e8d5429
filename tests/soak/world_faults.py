"""What happens to the world around the workers, broker and name servers: a function for each kind of that lane."""

import signal
from collections.abc import Callable
from dataclasses import dataclass

from sidestep.streams.local.nameserver import NameServer
from tests.canaries import CANARY_ZONES
from tests.guarantees.harness.traffic import ZONES
from tests.soak.brokers import OneBroker
from tests.soak.load import DOMAINS
from tests.soak.worker_faults import Wait

EXCHANGE = "mx.good.example"
WORLD = ZONES | {f"d{number}.example": [f"MX 10 {EXCHANGE}"] for number in range(DOMAINS)}
WORLD |= {EXCHANGE: ["A 93.184.215.14"]} | CANARY_ZONES
"""Every name that there is."""


@dataclass(frozen=True)
class World:
    """What is around the workers."""

    brokers: OneBroker
    names: NameServer


def broker_kill(world: World, node: int, seconds: float, wait: Wait) -> None:
    """SIGKILL, and after a while a new one on the same disk."""
    world.brokers.signal(signal.SIGKILL, node)
    wait(seconds)
    world.brokers.start(node)


def broker_term(world: World, node: int, seconds: float, wait: Wait) -> None:
    """SIGTERM, and after a while a new one."""
    world.brokers.stop(node)
    wait(seconds)
    world.brokers.start(node)


def broker_freeze(world: World, node: int, seconds: float, wait: Wait) -> None:
    """SIGSTOP, later SIGCONT: connections stay open, and nobody answers."""
    world.brokers.signal(signal.SIGSTOP, node)
    wait(seconds)
    world.brokers.signal(signal.SIGCONT, node)


def names_silent(world: World, node: int, seconds: float, wait: Wait) -> None:
    """Name servers that answer nothing."""
    for name in WORLD:
        world.names.fault(name, "drop")
    wait(seconds)
    for name in WORLD:
        world.names.fault(name)


def names_lie(world: World, node: int, seconds: float, wait: Wait) -> None:
    """Name servers that deny every name."""
    for name in WORLD:
        world.names.set(name)
    wait(seconds)
    for name, records in WORLD.items():
        world.names.set(name, *records)


WORLD_FAULTS: dict[str, Callable[[World, int, float, Wait], None]] = {
    "broker-kill": broker_kill,
    "broker-away": broker_kill,
    "broker-term": broker_term,
    "broker-freeze": broker_freeze,
    "broker-freeze-long": broker_freeze,
    "names-silent": names_silent,
    "names-lie": names_lie,
}
