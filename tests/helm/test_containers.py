"""The chart's containers: what they run and are told, how they are asked, how they end."""

import re
from dataclasses import fields

import click
import pytest
import yaml

from sidestep.streams.cli import main
from sidestep.streams.commands.receive import receive
from sidestep.streams.commands.serve import serve
from sidestep.streams.deadline import LEAVE_SECONDS
from sidestep.streams.settings import Settings, load
from sidestep.streams.web.receive.receiving import STOP_SECONDS as RECEIVER_STOP_SECONDS
from sidestep.streams.web.validate.serving import STOP_SECONDS
from tests.helm.chart import CHART, SECRETS, containers, environment, pods, rendered

SETTINGS = {f"SIDESTEP_{each.name.upper()}" for each in fields(Settings)}
SETTINGS |= {str(option.envvar) for command in (serve, receive) for option in command.params if option.envvar}
WORKERS = {"screen", "decide", "watch", "release"}
SERVERS = {"serve", "receive"}
OWN = ["--own", "email-intents.crm"]
RIGHTS = ["acls", "apply", "--service", "shop,billing", *OWN, "--principals", f"{SECRETS}principals/principals.toml"]


def test_every_setting_that_is_named_exists() -> None:
    """A misspelt variable would be passed over in silence. The values can be used."""
    for name, pod, container in containers():
        given_to_it = environment(container)
        assert set(given_to_it) <= SETTINGS, name
        listens = {name for name in given_to_it if name.startswith("SIDESTEP_LISTEN_")}
        assert bool(listens) is (pod.component in SERVERS), name
        if pod.component in WORKERS:
            settings = load(given_to_it)
            assert settings.data_dir.startswith("/var/lib/sidestep/"), name
            assert settings.web_port == Settings().web_port == container["ports"][0]["containerPort"], name


@pytest.mark.parametrize(
    ("case", "watch"),
    [
        ("plaintext", {"SIDESTEP_PLAINTEXT_ANYWHERE"}),
        ("tls", {"SIDESTEP_TLS_CA"}),
        ("mtls", {"SIDESTEP_TLS_CA", "SIDESTEP_TLS_CERTIFICATE", "SIDESTEP_TLS_KEY"}),
        ("scram", {"SIDESTEP_SASL_USER", "SIDESTEP_SASL_PASSWORD_FILE"}),
        (
            "oauth",
            {
                "SIDESTEP_TLS_CA",
                "SIDESTEP_OAUTH_TOKEN_URL",
                "SIDESTEP_OAUTH_CLIENT_ID",
                "SIDESTEP_OAUTH_CLIENT_SECRET_FILE",
                "SIDESTEP_OAUTH_SCOPE",
                "SIDESTEP_OAUTH_CA",
            },
        ),
    ],
)
def test_each_way_to_kafka_has_its_settings(case: str, watch: set[str]) -> None:
    """And only these: nobody is told of a password with mtls."""
    found = environment(pods(rendered()[case])["watch"].containers[0])
    about = re.compile(r"SIDESTEP_(PLAINTEXT|TLS|SASL|OAUTH)_")
    assert {name for name in found if about.match(name)} == watch
    assert found["SIDESTEP_SECURITY"] == case


def test_users_are_named_by_role_unless_told_otherwise() -> None:
    """The principals that the ACLs are made for."""
    users = {name: environment(pod.containers[0]) for name, pod in pods(rendered()["scram"]).items()}
    assert {name: each["SIDESTEP_SASL_USER"] for name, each in users.items()} == {
        "screen": "screen",
        "decide": "decide",
        "watch": "mail-watch",
        "setup": "admin",
    }


def test_a_worker_may_take_its_time_to_leave() -> None:
    """Kubernetes kills later than a worker gives up by itself, and `serve` has answered whom it still had."""
    for name, pod, container in containers():
        pause = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        needed = {"serve": STOP_SECONDS, "receive": RECEIVER_STOP_SECONDS}.get(pod.component, LEAVE_SECONDS)
        assert pod.spec["terminationGracePeriodSeconds"] > pause + needed + 5, name
        assert (pause > 0) is (pod.component in SERVERS), name


def test_probes_ask_where_the_process_listens() -> None:
    """Alive and ready are two questions; a start has five minutes, and the port's own scheme is spoken."""
    for name, pod, container in containers():
        if pod.component == "setup":
            continue
        probes = {kind: container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")}
        assert {kind: each["path"] for kind, each in probes.items()} == {
            "startup": "/livez",
            "liveness": "/livez",
            "readiness": "/readyz",
        }
        encrypted = ("SIDESTEP_WEB_TLS_KEY" if pod.component in WORKERS else "SIDESTEP_LISTEN_TLS_KEY") in environment(
            container
        )
        assert {each["scheme"] for each in probes.values()} == {"HTTPS" if encrypted else "HTTP"}, name
        assert {each["port"] for each in probes.values()} == {container["ports"][0]["name"]}
        startup = container["startupProbe"]
        assert startup["periodSeconds"] * startup["failureThreshold"] >= 300


def test_serve_listens_where_it_is_asked() -> None:
    """The port of the container is that of its environment; the receiver's as well."""
    for case, component in (("mtls", "serve"), ("oauth", "serve"), ("mtls", "receive")):
        container = pods(rendered()[case])[component].containers[0]
        assert environment(container)["SIDESTEP_LISTEN_PORT"] == str(container["ports"][0]["containerPort"])


def test_the_set_up_makes_topics_first() -> None:
    """Rights after topics; where the operator of the cluster gives rights, topics alone."""
    steps = [each["args"] for each in pods(rendered()["mtls"])["setup"].containers]
    assert steps == [["topics", "create", "--keep-differing", "--replication", "3", "--partitions", "24", *OWN], RIGHTS]
    steps = [each["args"] for each in pods(rendered()["scram"])["setup"].containers]
    assert steps == [["topics", "create", "--keep-differing", "--replication", "3"]]


def test_settings_of_the_schema_exist() -> None:
    """What may be given under `settings` is a setting, and none that the chart gives itself."""
    schema = yaml.safe_load((CHART / "values.schema.json").read_text())
    free = set(schema["properties"]["settings"]["propertyNames"]["enum"])
    assert free <= SETTINGS
    texts = "".join(file.read_text() for file in (CHART / "templates").glob("*"))
    assert free.isdisjoint(re.findall(r"SIDESTEP_[A-Z_]+", texts))


def test_commands_and_options_exist() -> None:
    """What the containers run is taken by the command line, word for word. Nothing is run."""
    for name, _, container in containers():
        command: click.Command = main
        words = list(container["args"])
        while isinstance(command, click.Group):
            found = command.get_command(click.Context(command), words.pop(0))
            assert found is not None, name
            command = found
        command.make_context("sidestep", words)
