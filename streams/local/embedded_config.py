"""What the embedded broker is told, as text; and what its log says when it fails. Pure."""

import tomllib
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


def server_properties(port: int, controller_port: int) -> str:
    """The server.properties of a broker that listens on loopback at `port`."""
    lines = [f"{name}={_property(value)}" for name, value in _data()["server"].items()]
    lines += [
        f"listeners=PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}",
        f"advertised.listeners=PLAINTEXT://{HOST}:{port}",
        f"controller.quorum.voters=1@{HOST}:{controller_port}",
    ]
    return "\n".join(lines) + "\n"


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


def _property(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
