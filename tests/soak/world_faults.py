"""What happens to the world around workers, to brokers, network and name servers: a function for each kind of fault."""

import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sidestep.streams.local.nameserver import NameServer
from tests.canaries import CANARY_ZONES
from tests.guarantees.harness.proxy import LOSSY, Flow, Proxy
from tests.guarantees.harness.small_disk import SmallDisk
from tests.guarantees.harness.traffic import ZONES
from tests.soak.brokers import Brokers
from tests.soak.load import DOMAINS
from tests.soak.worker_faults import Wait

EXCHANGE = "mx.good.example"
NAMES = ZONES | {f"d{number}.example": [f"MX 10 {EXCHANGE}"] for number in range(DOMAINS)}
NAMES |= {EXCHANGE: ["A 93.184.215.14"]} | CANARY_ZONES
"""Every name that there is."""
HOUR = 3600
RESETS = 0.5
"""Seconds from one reset of all connections to the next."""


@dataclass(frozen=True)
class World:
    """What is around the workers. Of `links`, `disks` and `clocks` each worker has one, where they can be touched."""

    brokers: Brokers
    names: NameServer
    clocks: Sequence[Path]
    """Files that say by how many seconds a worker's clock is wrong."""
    links: Sequence[Proxy] = ()
    """Ways to Kafka."""
    disks: Sequence[SmallDisk] = ()


def broker_kill(world: World, node: int, seconds: float, wait: Wait) -> None:
    """SIGKILL, and after a while a new one on the same disk."""
    world.brokers.kill(node)
    wait(seconds)
    world.brokers.start(node)


def broker_term(world: World, node: int, seconds: float, wait: Wait) -> None:
    """SIGTERM, and after a while a new one."""
    world.brokers.stop(node)
    wait(seconds)
    world.brokers.start(node)


def broker_freeze(world: World, node: int, seconds: float, wait: Wait) -> None:
    """SIGSTOP, later SIGCONT: connections stay open, and nobody answers."""
    world.brokers.signal(node, signal.SIGSTOP)
    wait(seconds)
    world.brokers.signal(node, signal.SIGCONT)
    world.brokers.mend()


def all_brokers_kill(world: World, _: int, seconds: float, wait: Wait) -> None:
    """SIGKILL for each, and after a while all of them anew."""
    nodes = range(world.brokers.count)
    for node in nodes:
        world.brokers.kill(node)
    wait(seconds)
    world.brokers.start(*nodes)


def net(up: Flow | None, down: Flow | None, world: World, link: int, seconds: float, wait: Wait) -> None:
    """Requests and answers of a worker, or of all, travel like this for a while; None: as always."""
    for each in _links(world, link):
        if up is not None:
            each.up(up)
        if down is not None:
            each.down(down)
    wait(seconds)
    for each in _links(world, link):
        each.mend()


def net_reset(world: World, link: int, seconds: float, wait: Wait) -> None:
    """All connections are reset, again and again."""
    for _ in range(round(seconds / RESETS)):
        for each in _links(world, link):
            each.reset()
        wait(RESETS)


def disk_full(world: World, worker: int, seconds: float, wait: Wait) -> None:
    """No space for a worker's ledgers."""
    world.disks[worker].fill()
    wait(seconds)
    world.disks[worker].free()


def clock(world: World, worker: int, seconds: float, wait: Wait) -> None:
    """A worker's wall clock is an hour ahead, then an hour behind, then right again."""
    for shift in (HOUR, -HOUR, 0):
        world.clocks[worker].write_text(str(shift))
        wait(seconds / 2 if shift else 0)


def names_silent(world: World, _: int, seconds: float, wait: Wait) -> None:
    """Name servers that answer nothing."""
    for name in NAMES:
        world.names.fault(name, "drop")
    wait(seconds)
    for name in NAMES:
        world.names.fault(name)


def names_lie(world: World, _: int, seconds: float, wait: Wait) -> None:
    """Name servers that deny every name."""
    for name in NAMES:
        world.names.set(name)
    wait(seconds)
    for name, records in NAMES.items():
        world.names.set(name, *records)


def _links(world: World, link: int) -> Sequence[Proxy]:
    """That of one worker; of all, for the number that no worker has."""
    return world.links if link == len(world.links) else (world.links[link],)


HELD = Flow(held=True)
LATE = Flow(delay=0.4)
THIN = Flow(rate=30_000)

WORLD_FAULTS: dict[str, Callable[[World, int, float, Wait], None]] = {
    "broker-kill": broker_kill,
    "broker-away": broker_kill,
    "broker-term": broker_term,
    "broker-freeze": broker_freeze,
    "broker-freeze-long": broker_freeze,
    "all-brokers-kill": all_brokers_kill,
    "net-cut": partial(net, HELD, HELD),
    "net-no-requests": partial(net, HELD, None),
    "net-no-answers": partial(net, None, HELD),
    "net-delay": partial(net, LATE, LATE),
    "net-throttle": partial(net, THIN, THIN),
    "net-loss": partial(net, LOSSY, LOSSY),
    "net-reset": net_reset,
    "disk-full": disk_full,
    "clock": clock,
    "names-silent": names_silent,
    "names-lie": names_lie,
}
