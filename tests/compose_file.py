"""docker-compose.yml and what belongs to it, as plain values: what several tests look at."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
VARIABLE = re.compile(r"\$\{(\w+):([-+])([^}]*)\}")


def composed(variables: dict[str, str]) -> dict[str, Any]:
    """The file as Docker Compose reads it where .env says `variables`: it looks for them in values that are read."""
    found: dict[str, Any] = _interpolated(yaml.safe_load((ROOT / "docker-compose.yml").read_text()), variables)
    return found


def _interpolated(value: Any, variables: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _interpolated(each, variables) for name, each in value.items()}
    if isinstance(value, list):
        return [_interpolated(each, variables) for each in value]
    return VARIABLE.sub(lambda match: _value(match, variables), value) if isinstance(value, str) else value


def _value(match: re.Match[str], variables: dict[str, str]) -> str:
    """`${NAME:-what else}` and `${NAME:+what then}`; empty is as good as absent."""
    given = variables.get(match[1], "")
    return (given or match[3]) if match[2] == "-" else given and match[3]


COMPOSE = composed({})
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
NETWORKS: dict[str, dict[str, Any]] = COMPOSE["networks"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
WORKERS = ("screen", "decide", "watch", "screen-2", "decide-2", "watch-2", "release")


def environment(service: str) -> dict[str, str]:
    """What a service has in its environment."""
    found: dict[str, str] = SERVICES[service].get("environment") or {}
    return found


def networks(service: str) -> dict[str, Any]:
    """The networks of a service with what it says of each."""
    found = SERVICES[service]["networks"]
    return dict.fromkeys(found) if isinstance(found, list) else found


def aliases(service: str, network: str) -> set[str]:
    """The names of a service in one network, its own apart."""
    return set((networks(service)[network] or {}).get("aliases", []))


def kafka_properties() -> dict[str, str]:
    """Kafka's server.properties."""
    lines = (ROOT / ".deploy/kafka/server.properties").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def listeners() -> dict[str, tuple[str, int]]:
    """Host and port of each of Kafka's listeners."""
    found = re.findall(r"(\w+)://([\w-]+):(\d+)", kafka_properties()["listeners"])
    return {name: (host, int(port)) for name, host, port in found}


def given(service: str) -> dict[str, str]:
    """A service's secrets: the name below /run/secrets, and which one it is."""
    return {each["target"]: each["source"] for each in SERVICES[service].get("secrets", [])}
