"""All of ours that docker-compose.yml starts, with the commands, environments and secrets that stand there: a service
publishes with its token, workers decide with their certificates, a reader gets the verdict with its own.
"""

import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from sidestep.schemas import Verdict
from sidestep.streams.cli import main
from sidestep.streams.local.ports import free_port
from sidestep.topics.verdicts import Verdicts
from tests.compose.harness import Running
from tests.compose_file import ROOT, SERVICES
from tests.fixture_types import WaitUntil

pytestmark = [pytest.mark.broker, pytest.mark.slow, pytest.mark.timeout(240)]

ROLES = ("screen", "decide", "watch", "release")
INTENT = {"id": "w-1", "to": "not-an-address", "service": "example"}


@pytest.fixture(scope="module")
def workers(composed: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, dict[str, str]]]:
    """A worker of each role; by role what it has in its environment. Names are looked up nowhere."""
    settings = {}
    with ExitStack() as stack:
        for role in ROLES:
            more = {
                "SIDESTEP_WEB_HOST": "127.0.0.1",
                "SIDESTEP_WEB_PORT": str(free_port()),
                "SIDESTEP_DNS_CANARIES": "",
            }
            if role == "release":  # the key of `make certs`, with which a worker that can't use it would not start
                file = composed.here("/run/secrets/signing-key", role)
                more |= {"SIDESTEP_RELEASE_KEY": "release", "SIDESTEP_RELEASE_KEY_FILE": file}
            stack.enter_context(composed.started(role, tmp_path_factory.mktemp(role), **more))
            settings[role] = composed.environment(role) | more
        yield settings


def test_an_intent_gets_its_verdict(composed: Running, workers: dict[str, dict[str, str]], tmp_path: Path) -> None:
    """From a service with a token, through workers with certificates, to a dashboard in the network of readers."""
    assert "1 published" in composed.ended("example", tmp_path, json.dumps(INTENT) + "\n")
    access = composed.by_certificate("dashboard", "READERS")
    with Verdicts(access.connect(), group="dashboard", topics=["email-rejected"]) as verdicts:
        verdict = verdicts.poll(60)
    assert isinstance(verdict, Verdict)
    assert (verdict.id, verdict.action) == ("w-1", "drop")


@pytest.mark.parametrize("role", ROLES)
def test_the_health_check_passes(workers: dict[str, dict[str, str]], role: str, wait_until: WaitUntil) -> None:
    """`sidestep ready`, as the container runs it, over TLS."""
    command = [str(Path(sys.executable).with_name("sidestep")), *SERVICES[role]["healthcheck"]["test"][2:]]

    def ready() -> bool:
        return subprocess.run(command, env=os.environ | workers[role], capture_output=True, timeout=30).returncode == 0

    assert wait_until(ready, 60)


def test_prometheus_is_let_in_with_its_token(composed: Running, workers: dict[str, dict[str, str]]) -> None:
    """As prometheus.yml has it: the authority, the name `workers`, the token; without the token it gets nothing."""
    scrape = yaml.safe_load((ROOT / ".deploy/prometheus.yml").read_text())["scrape_configs"][0]
    token = Path(composed.here(scrape["authorization"]["credentials_file"], "prometheus")).read_text().strip()
    context = ssl.create_default_context(cafile=composed.here(scrape["tls_config"]["ca_file"], "prometheus"))
    for header, status in (({"Authorization": f"Bearer {token}"}, 200), ({}, 401)):
        port = int(workers["decide"]["SIDESTEP_WEB_PORT"])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        plain = socket.create_connection(("127.0.0.1", port), 5)
        connection.sock = context.wrap_socket(plain, server_hostname=scrape["tls_config"]["server_name"])
        connection.request("GET", "/metrics", headers=header)
        response = connection.getresponse()
        assert (response.status, b"sidestep_ready" in response.read()) == (status, status == 200)
        connection.close()


def test_forms_are_answered(composed: Running, tmp_path: Path, wait_until: WaitUntil) -> None:
    """validate starts over TLS, its health check passes, and it answers whoever has the token of `make certs`."""
    port = free_port()
    here = {"validate-forms": "127.0.0.1", "6067": str(port)}
    words = [
        composed.here(here.get(word, word), "validate") for word in SERVICES["validate"]["healthcheck"]["test"][2:]
    ]
    more = {"SIDESTEP_LISTEN_HOST": "127.0.0.1", "SIDESTEP_LISTEN_PORT": str(port), "SIDESTEP_DNS_CANARIES": ""}
    with composed.started("validate", tmp_path, **more):
        assert wait_until(lambda: CliRunner().invoke(main, words).exit_code == 0, 30)
        context = ssl.create_default_context(cafile=str(composed.folder / "ca.pem"))
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=context)
        token = (composed.folder / "validate-token.secret").read_text().strip()
        header = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        connection.request("POST", "/v1/validate", json.dumps({"address": "not-an-address"}), header)
        response = connection.getresponse()
        said = response.read()
    assert response.status == 200, said


def test_webhooks_come_in(
    composed: Running, workers: dict[str, dict[str, str]], tmp_path: Path, wait_until: WaitUntil
) -> None:
    """The receiver starts with doors and key of `make certs`; what comes to its door, Screen takes as signed."""
    port, web = free_port(), free_port()
    more = {"SIDESTEP_LISTEN_HOST": "127.0.0.1", "SIDESTEP_LISTEN_PORT": str(port), "SIDESTEP_WEB_HOST": "127.0.0.1"}
    secret = (composed.folder / "doors/example-path.secret").read_text().strip()
    context = ssl.create_default_context(cafile=str(composed.folder / "ca.pem"))
    body = json.dumps({"recipient": "jane@nowhere.example", "status": "5.1.1", "service": "example"})

    def told() -> int:
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=context)
        try:
            connection.request("POST", f"/example/{secret}", body, {"Content-Type": "application/json"})
            return connection.getresponse().status
        except OSError:
            return 0

    with composed.started("receive", tmp_path, **more, SIDESTEP_WEB_PORT=str(web)):
        assert wait_until(lambda: told() == 200, 30)
    signed = 'sidestep_signatures_total{key="receiver",outcome="held"}'
    assert wait_until(lambda: signed in _metrics(composed, workers["screen"]), 30)


def _metrics(composed: Running, settings: dict[str, str]) -> str:
    token = (composed.folder / "web-token.secret").read_text().strip()
    context = ssl.create_default_context(cafile=str(composed.folder / "ca.pem"))
    connection = http.client.HTTPSConnection("127.0.0.1", int(settings["SIDESTEP_WEB_PORT"]), context=context)
    connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {token}"})
    return connection.getresponse().read().decode()


def test_the_doctor_finds_nothing_wrong(composed: Running, tmp_path: Path) -> None:
    """As the operator: certificates, topics and everybody's rights are as they should be; no names are looked up."""
    settings = composed.environment("operator") | {"SIDESTEP_DATA_DIR": str(tmp_path), "SIDESTEP_DNS_CANARIES": ""}
    command = [str(Path(sys.executable).with_name("sidestep")), "doctor", "--json"]
    done = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "principals have the rights that their work needs, and no others" in done.stdout


def test_what_a_person_runs(composed: Running, tmp_path: Path) -> None:
    """`docker compose run --rm operator`: the cluster is as the guarantee needs it, as far as one node can be."""
    assert "advice" in composed.ended("operator", tmp_path)
