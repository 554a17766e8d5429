"""What the embedded broker is told, as text; and what its log says when it fails. Pure."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

HOST = "127.0.0.1"
LOGGING = """\
rootLogger.level=warn
rootLogger.appenderRef.out.ref=out
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{ISO8601} %p %c{1} %m%n
"""


@dataclass(frozen=True)
class Listener:
    """One more address on loopback: the broker listens at `port` and tells clients `advertised`, a proxy's port.

    `name` and `protocol` are Kafka's: upper case.
    """

    name: str
    port: int
    advertised: int
    protocol: str = "PLAINTEXT"


@dataclass(frozen=True)
class Node:
    """One broker of several: its number, the cluster's id, and each node's controller port by its number."""

    number: int
    cluster: str
    controllers: Mapping[int, int]


@dataclass(frozen=True)
class Server:
    """In what a broker differs from one that is alone and has one address.

    `properties`: further ones for server.properties, or other values. `protocol` is that of its first address and of
    its controller's; `connect` makes the Connection to the first address with which it is asked whether it answers.
    `java` are further options of its own.
    """

    properties: Mapping[str, Any] = field(default_factory=dict)
    listeners: tuple[Listener, ...] = ()
    node: Node | None = None
    protocol: str = "PLAINTEXT"
    connect: Callable[[str], Any] | None = None
    java: tuple[str, ...] = ()


ALONE = Server()


def server_properties(port: int, controller_port: int, server: Server = ALONE) -> str:
    """The server.properties of a broker that listens on loopback at `port`."""
    node = server.node or Node(1, "", {1: controller_port})
    first = server.protocol
    listeners = (Listener(first, port, port, first), *server.listeners)
    properties = {
        **_data()["server"],
        "node.id": node.number,
        "listeners": ",".join(
            (*(_at(at.name, at.port) for at in listeners), _at("CONTROLLER", node.controllers[node.number]))
        ),
        "advertised.listeners": ",".join(_at(at.name, at.advertised) for at in listeners),
        "listener.security.protocol.map": ",".join(
            (*(f"{at.name}:{at.protocol}" for at in listeners), f"CONTROLLER:{first}")
        ),
        "inter.broker.listener.name": first,
        "controller.quorum.voters": ",".join(f"{n}@{HOST}:{p}" for n, p in node.controllers.items()),
        **server.properties,
    }
    return "\n".join(f"{name}={_property(value)}" for name, value in properties.items()) + "\n"


def java_options() -> tuple[str, ...]:
    """What every Java process of the broker gets."""
    return tuple(_data()["java"]["options"])


def quick_start() -> tuple[str, ...]:
    """Java options for a broker that lives for a test run only: it listens sooner, but is never fully compiled."""
    return tuple(_data()["java"]["quick_start"])


def failure_in(log: str) -> str:
    """The line of the broker's log that says most: the root cause if there is one, else the first error."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    for mark in ("Caused by: ", " ERROR ", " FATAL ", "Exception", "Error"):
        found = [line for line in lines if mark in line]
        if found:
            return found[-1 if mark == "Caused by: " else 0][:300]
    return lines[-1][:300] if lines else "it said nothing"


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads((files("sidestep.streams.local") / "embedded_kafka.toml").read_text("utf-8"))


def _at(name: str, port: int) -> str:
    return f"{name}://{HOST}:{port}"


def _property(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
