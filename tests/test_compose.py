"""The containers of docker-compose.yml, read as Docker would read them: what each may do, and when it starts."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pytest
from click.testing import CliRunner

from sidestep.streams.cli import main
from sidestep.streams.commands.receive import receive
from sidestep.streams.commands.serve import serve
from sidestep.streams.settings import Settings
from sidestep.streams.web.receive.receiving import ReceiveOptions
from sidestep.streams.web.validate.serving import ServeOptions
from tests.compose_file import COMPOSE, DOCKERFILE, ROOT, SERVICES, WORKERS, aliases, environment

DIGEST = re.compile(r"[\w./-]+:v?\d+(\.\d+)+[\w.-]*@sha256:[0-9a-f]{64}")

SETTINGS = {f"SIDESTEP_{f.name.upper()}" for f in fields(Settings)}
SETTINGS |= {str(option.envvar) for command in (serve, receive) for option in command.params if option.envvar}

BY_HAND = {"topics", "acls", "operator", "example"}
"""They end by themselves."""
PROFILES = {
    "two": {"screen-2", "decide-2", "watch-2"},
    "browser": {"kafka-browser"},
    "operator": {"operator"},
    "example": {"example"},
    "receive": {"receive"},
    "release": {"release"},
}
MADE = "./certs/mounted/"
"""What `make certs` makes."""
PLAIN_TEXT = {"prometheus", "grafana", "kafka-browser"}
"""Pages for people on this machine; published on loopback alone."""


@pytest.mark.parametrize("service", SERVICES)
def test_containers_may_do_little(service: str) -> None:
    """No capabilities, no new privileges, a root file system that can't be written to, not root, and a share of the
    machine."""
    what = SERVICES[service]
    assert what["read_only"] is True
    assert what["cap_drop"] == ["ALL"]
    assert what["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"[1-9]\d+:\d+", what["user"])
    assert {"cpus", "memory", "pids"} == set(what["deploy"]["resources"]["limits"])
    assert not {"privileged", "cap_add", "devices", "pid", "ipc", "network_mode", "extra_hosts", "group_add"} & set(
        what
    )
    assert all(":/var/run/docker.sock" not in volume for volume in what.get("volumes", []))


@pytest.mark.parametrize("service", SERVICES)
def test_ports_are_published_on_loopback_only(service: str) -> None:
    """Nothing is reachable from another machine unless someone decides so."""
    for port in SERVICES[service].get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)


def test_what_is_published_is_encrypted_but_for_pages() -> None:
    """Kafka, validate and the receiver speak TLS on this machine as well; pages for people do not."""
    published = {name for name, what in SERVICES.items() if what.get("ports")}
    assert {"kafka", "validate", "receive"} | PLAIN_TEXT == published
    for service in ("validate", "receive"):
        assert {"SIDESTEP_LISTEN_TLS_CERTIFICATE", "SIDESTEP_LISTEN_TLS_KEY"} <= set(environment(service))
        assert "--insecure" not in SERVICES[service]["command"]


@pytest.mark.parametrize("name", ["docker-compose.yml", "Dockerfile", ".deploy/kafka/server.properties"])
def test_no_wildcard_address_stands_anywhere(name: str) -> None:
    """Whoever listens says in which network."""
    assert not re.search(r"0\.0\.0\.0|\[::\]|://:\d", (ROOT / name).read_text())


def test_images_are_pinned() -> None:
    """By version for people and by digest for machines; ours is built here."""
    images = {what["image"] for what in SERVICES.values()} - {"sidestep:0.1.0"}
    bases = re.findall(r"^ARG PYTHON=(\S+)$", DOCKERFILE, re.M)
    assert len(bases) == 1
    for image in images | set(bases):
        assert DIGEST.fullmatch(image), image
    assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.M) == ["${PYTHON}", "${PYTHON}"]


@pytest.mark.parametrize("service", sorted(set(SERVICES) - BY_HAND))
def test_long_running_services_are_checked_and_restarted(service: str) -> None:
    """Each has a health check and comes back after a crash or a reboot."""
    assert SERVICES[service]["healthcheck"]["test"][0] == "CMD"
    assert SERVICES[service]["restart"] == "unless-stopped"


def _waits_for(what: dict[str, Any]) -> dict[str, str]:
    return {name: each["condition"] for name, each in what.get("depends_on", {}).items()}


@pytest.mark.parametrize("service", [name for name, what in SERVICES.items() if what["image"].startswith("sidestep:")])
def test_commands_and_options_exist(service: str) -> None:
    """Ours are asked for their help with the very words that stand there."""
    words = [word for word in SERVICES[service]["command"] if word != "-"]
    done = CliRunner().invoke(main, [*words, "--help"])
    assert done.exit_code == 0, done.output
    assert all(option in done.output for option in words if option.startswith("--"))


def test_the_order_of_the_start() -> None:
    """Tokens, Kafka, topics, rights, then those who need them: a worker without rights would end at once."""
    order = {
        name: {k: v["condition"] for k, v in what.get("depends_on", {}).items()} for name, what in SERVICES.items()
    }
    assert order["kafka"] == {"tokens": "service_healthy"}
    assert order["topics"] == {"kafka": "service_healthy"}
    assert order["acls"] == {"topics": "service_completed_successfully"}
    for worker in WORKERS:
        assert order[worker] == dict.fromkeys(("topics", "acls"), "service_completed_successfully")


def test_who_is_there_without_being_asked_for() -> None:
    """A whole Sidestep; a second worker of each role, the browser and what is done by hand only on request."""
    for profile, names in PROFILES.items():
        assert names == {name for name, what in SERVICES.items() if what.get("profiles") == [profile]}
    always = {"kafka", "tokens", "topics", "acls", "screen", "decide", "watch", "validate", "prometheus", "grafana"}
    assert always == {name for name, what in SERVICES.items() if "profiles" not in what}


def test_second_workers_share_no_ledger() -> None:
    """Each worker has its own volume and its own name for Prometheus; all else is the same."""
    for first in ("screen", "decide", "watch"):
        second = f"{first}-2"
        assert SERVICES[first]["volumes"] != SERVICES[second]["volumes"]
        own = {"volumes", "networks", "profiles", "environment"}
        assert {k: v for k, v in SERVICES[first].items() if k not in own} == {
            k: v for k, v in SERVICES[second].items() if k not in own
        }
        hosts = {environment(name)["SIDESTEP_WEB_HOST"] for name in (first, second)}
        assert hosts == {f"{first}-metrics", f"{second}-metrics"}


@pytest.mark.parametrize("service", [name for name, what in SERVICES.items() if what["image"].startswith("sidestep:")])
def test_no_volume_is_made_unseen(service: str) -> None:
    """The image has a volume for ledgers: it is a named one, or nothing is kept. Docker would leave one of no name."""
    mounted = [each for kind in ("volumes", "tmpfs") for each in SERVICES[service].get(kind, [])]
    assert 1 == len([each for each in mounted if "/var/lib/sidestep" in each])


def test_volumes_are_declared() -> None:
    """What must outlive a container lies in a named volume; what is mounted from here is there, and read only."""
    for what in SERVICES.values():
        for volume in what.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith(MADE):
                assert volume.endswith(":ro")  # tests/test_certs.py sees them made
            elif source.startswith("."):
                assert (ROOT / source).exists() and volume.endswith(":ro")
            else:
                assert source in COMPOSE["volumes"]


def test_every_setting_that_is_named_exists() -> None:
    """A misspelt variable would be passed over in silence."""
    named = set(re.findall(r"\bSIDESTEP_[A-Z_]+", DOCKERFILE))
    for service in SERVICES:
        named |= {name for name in environment(service) if name.startswith("SIDESTEP")}
    assert named
    assert named <= SETTINGS


def test_validate_is_asked_where_it_listens() -> None:
    """Default port, published port and health check."""
    validate, port = SERVICES["validate"], ServeOptions.port
    assert validate["ports"][0].endswith(f":{port}")
    assert str(port) in validate["healthcheck"]["test"]
    assert {environment("validate")["SIDESTEP_LISTEN_HOST"]} == aliases("validate", "forms")


def test_the_receiver_is_asked_where_it_listens() -> None:
    """By the proxy at its port and no other one of this machine's, by Prometheus where it meets nobody else."""
    port = ReceiveOptions.port
    published = [each for what in SERVICES.values() for each in what.get("ports", [])]
    assert ["127.0.0.1:6069:6068"] == SERVICES["receive"]["ports"] and port == 6068
    assert len({each.split(":")[1] for each in published}) == len(published)
    found = environment("receive")
    assert {found["SIDESTEP_LISTEN_HOST"]} == aliases("receive", "doors")
    assert {found["SIDESTEP_WEB_HOST"]} == aliases("receive", "door-scrape")


def _docker() -> Iterator[str]:
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) and subprocess.run([*command, "version"], capture_output=True).returncode == 0:
            yield " ".join(command)


def test_docker_reads_it_as_we_do() -> None:
    """`docker compose config`, where Docker is: no fault, the same services, with all profiles."""
    found = next(_docker(), None)
    if found is None:
        pytest.skip("no `docker compose` on this machine: docker-compose.yml was read by this test alone")
    command = [*found.split(), "-f", str(ROOT / "docker-compose.yml"), "--profile", "*", "config", "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert set(SERVICES) == set(json.loads(done.stdout)["services"])
