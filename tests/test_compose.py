"""docker-compose.yml and what belongs to it, read as Docker would read them."""

import asyncio
import re
import socket
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.core import Metric

from sidestep.streams.commands.serve import serve
from sidestep.streams.observe.health import Health
from sidestep.streams.observe.metrics import Metrics
from sidestep.streams.settings import Settings
from sidestep.streams.web.validate.serving import ServeOptions
from sidestep.streams.web.worker import WorkerEndpoints

ROOT = Path(__file__).parents[1]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
RULES = yaml.safe_load((ROOT / ".deploy/alerts.yml").read_text())["groups"][0]["rules"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()

SETTINGS = {f"SIDESTEP_{f.name.upper()}" for f in fields(Settings)}
SETTINGS |= {str(option.envvar) for option in serve.params if option.envvar}
ONE_SHOT = {"topics"}


def test_the_services_are_there() -> None:
    """Kafka, the one-shot that makes the topics, a worker; what else there is only when asked for."""
    assert {name for name, service in SERVICES.items() if "profiles" not in service} == {"kafka", "topics", "worker"}
    assert {name for name, service in SERVICES.items() if "profiles" in service} == {
        "worker-2",
        "validate",
        "prometheus",
    }


def test_workers_share_nothing_but_the_hash_key() -> None:
    """Each worker has its own ledger and its own port; the key comes from the same variable."""
    first, second = SERVICES["worker"], SERVICES["worker-2"]
    assert first["volumes"] != second["volumes"]
    assert first["ports"] != second["ports"]
    assert first["environment"] == second["environment"]
    assert first["environment"]["SIDESTEP_HASH_KEY"] == "${SIDESTEP_HASH_KEY:-}"


@pytest.mark.parametrize("service", SERVICES)
def test_ports_are_published_on_loopback_only(service: str) -> None:
    """Nothing is reachable from another machine unless someone decides so."""
    for port in SERVICES[service].get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)
    assert SERVICES[service].get("network_mode") is None


def test_no_wildcard_address_stands_in_the_file() -> None:
    """0.0.0.0 is nowhere in it."""
    assert "0.0.0.0" not in (ROOT / "docker-compose.yml").read_text()


def test_networks_are_separate() -> None:
    """Kafka's inner network has no way out, Prometheus does not see Kafka, every network is declared."""
    networks = {name: set(service["networks"]) for name, service in SERVICES.items()}
    assert COMPOSE["networks"]["pipeline"]["internal"] is True
    assert not networks["prometheus"] & networks["kafka"]
    assert not networks["validate"] & networks["kafka"]
    assert networks["topics"] == {"pipeline"}
    assert set.union(*networks.values()) == set(COMPOSE["networks"])


def test_images_are_pinned() -> None:
    """Every image has a version, also those that ours is built from."""
    images = [service["image"] for service in SERVICES.values()] + re.findall(r"^FROM (\S+)", DOCKERFILE, re.M)
    for image in images:
        assert re.search(r":v?\d+(\.\d+)+[\w.-]*$", image), image


@pytest.mark.parametrize("service", sorted(set(SERVICES) - ONE_SHOT))
def test_long_running_services_are_checked_and_restarted(service: str) -> None:
    """Each has a health check and comes back after a crash or a reboot."""
    assert SERVICES[service]["healthcheck"]["test"][0] == "CMD"
    assert SERVICES[service]["restart"] == "unless-stopped"


def test_the_worker_starts_after_the_topics() -> None:
    """A late topic would cost the first join 45 s: Kafka healthy, topics made, then the worker."""
    assert SERVICES["topics"]["depends_on"]["kafka"]["condition"] == "service_healthy"
    assert SERVICES["worker"]["depends_on"]["topics"]["condition"] == "service_completed_successfully"


def test_volumes_are_declared() -> None:
    """What must outlive a container lies in a named volume; files mounted from here exist."""
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (ROOT / source).is_file() if source.startswith(".") else source in COMPOSE["volumes"]


def test_every_setting_that_is_named_exists() -> None:
    """A misspelt variable would be passed over in silence."""
    named = set(re.findall(r"\bSIDESTEP_[A-Z_]+", DOCKERFILE))
    for service in SERVICES.values():
        named |= {name for name in service.get("environment", {}) if name.startswith("SIDESTEP")}
    assert named
    assert named <= SETTINGS


def test_containers_reach_kafka_where_it_listens() -> None:
    """The address given to ours is the one that Kafka advertises to containers."""
    advertised = SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    for service in ("topics", "worker"):
        assert f"://{SERVICES[service]['environment']['SIDESTEP_BROKER']}" in advertised


@pytest.mark.parametrize("service", ["topics", "worker", "validate"])
def test_our_containers_may_do_little(service: str) -> None:
    """No capabilities, no new privileges, a root file system that can't be written to; not root inside."""
    ours = SERVICES[service]
    assert ours["read_only"] is True
    assert ours["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in ours["security_opt"]
    assert re.findall(r"^USER (\S+)", DOCKERFILE, re.M) == ["sidestep"]


def test_the_image_gets_only_what_it_runs() -> None:
    """What the Dockerfile copies is let through by .dockerignore, and nothing else is."""
    copied = set(" ".join(re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.M)).split())
    allowed = set(re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.M))
    assert copied == allowed
    assert (ROOT / ".dockerignore").read_text().splitlines()[1] == "*"


@pytest.mark.parametrize(("assigned", "expected"), [(True, 0), (False, 1)])
def test_the_workers_health_check_follows_readyz(assigned: bool, expected: int) -> None:
    """The command of the health check, run against a real server: 0 when ready, 1 when not."""
    health = Health()
    health.broker_ok()
    if assigned:
        health.assigned({("email-intents", 0)})
    assert asyncio.run(_check(health)) == expected


async def _check(health: Health) -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    _, command, *arguments = SERVICES["worker"]["healthcheck"]["test"]
    assert command == "python"
    code = arguments[-1].replace("6066", str(port))
    server = WorkerEndpoints("127.0.0.1", port, health, Metrics())
    await server.start()
    done = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", code], timeout=30, check=False)
    await server.stop()
    return done.returncode


def test_the_workers_port_is_the_one_that_is_used() -> None:
    """Default port, published port, health check and Prometheus' target are the same."""
    port = Settings().web_port
    target = yaml.safe_load((ROOT / ".deploy/prometheus.yml").read_text())["scrape_configs"][0]["dns_sd_configs"][0]
    assert (target["names"], target["port"]) == (["workers"], port)
    assert SERVICES["worker"]["networks"]["monitoring"]["aliases"] == ["workers"]
    assert SERVICES["worker"]["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert str(port) in SERVICES["worker"]["healthcheck"]["test"][-1]


def test_validate_is_asked_where_it_listens() -> None:
    """Default port, published port and health check; its tokens come from a secret that nobody else has."""
    validate, port = SERVICES["validate"], ServeOptions.port
    assert validate["ports"][0].endswith(f":{port}")
    assert str(port) in validate["healthcheck"]["test"][-1]
    assert "volumes" not in validate
    assert [name for name, service in SERVICES.items() if service.get("secrets")] == ["validate"]
    assert validate["environment"]["SIDESTEP_TOKENS"] == f"/run/secrets/{validate['secrets'][0]}"
    assert set(validate["secrets"]) == set(COMPOSE["secrets"])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_alerts_are_about_metrics_that_exist(rule: dict[str, Any], metric_families: list[Metric]) -> None:
    """An alert on a metric that nobody exports would never fire."""
    used = re.findall(r"\bsidestep_\w+", rule["expr"])
    assert used or "up{" in rule["expr"]
    assert {re.sub(r"_(total|bucket)$", "", name) for name in used} <= {family.name for family in metric_families}
