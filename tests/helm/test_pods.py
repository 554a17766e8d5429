"""The chart's pods: what they may do, what they are given, how they start and end."""

import re
import shutil
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from sidestep.streams.commands.serve import serve
from sidestep.streams.deadline import LEAVE_SECONDS
from sidestep.streams.settings import Settings, load
from sidestep.streams.web.validate.serving import STOP_SECONDS
from tests.helm.chart import CASES, CHART, ROOT, PodOf, environment, given, pods, render, rendered

SETTINGS = {f"SIDESTEP_{each.name.upper()}" for each in fields(Settings)}
SETTINGS |= {str(option.envvar) for option in serve.params if option.envvar}
SECRETS = "/run/secrets/sidestep/"
WORKERS = {"screen", "decide", "watch"}
RIGHTS = ["acls", "apply", "--service", "shop,billing", "--principals", f"{SECRETS}principals/principals.toml"]


def _of_all() -> list[tuple[str, PodOf, dict[str, Any]]]:
    return [
        (f"{case}: {pod.component}", pod, container)
        for case, made in rendered().items()
        for pod in pods(made).values()
        for container in pod.containers
    ]


@pytest.mark.parametrize("case", CASES)
def test_kubernetes_own_check_finds_the_pods_restricted(case: str) -> None:
    """The pod security standard `restricted`: a namespace that enforces it takes all of them."""
    assert rendered()[case].restricted == []


def test_that_check_would_find_one_that_is_not(tmp_path: Path) -> None:
    """A chart without one of the lines is told of, pod by pod."""
    shutil.copytree(CHART, tmp_path / "sidestep")
    pod = tmp_path / "sidestep/templates/_pod.tpl"
    pod.write_text(pod.read_text().replace("runAsNonRoot: true", "runAsNonRoot: false"))
    found = render({"tls": given("tls")}, tmp_path / "sidestep")["tls"].restricted
    assert len(found) == 3
    assert "runAsNonRoot" in found[0]


def test_pods_may_do_less_than_restricted_asks_for() -> None:
    """No token of Kubernetes, nothing of the root file system, an image by its digest, bounded memory."""
    for name, pod, container in _of_all():
        assert pod.spec["automountServiceAccountToken"] is False, name
        assert container["securityContext"]["readOnlyRootFilesystem"] is True, name
        assert re.fullmatch(r"[^@]+@sha256:[0-9a-f]{64}", container["image"]), name
        assert container["resources"]["limits"]["memory"], name
        assert set(container["resources"]["requests"]) == {"cpu", "memory"}, name


def test_the_user_is_the_images() -> None:
    """The number in the pods is the one that the image makes and runs as."""
    made = re.search(r"--uid (\d+)", (ROOT / "Dockerfile").read_text())
    assert made is not None
    for name, pod, _ in _of_all():
        context = pod.spec["securityContext"]
        assert {context["runAsUser"], context["fsGroup"]} == {int(made[1])}, name


def test_volumes_are_secrets_settings_scratch_and_the_ledger() -> None:
    """Secrets are files that owner and group read; nothing is mounted from a node, and whole folders, so that what
    changes arrives: Kubernetes never renews a subPath."""
    for name, pod, container in _of_all():
        for volume in pod.spec["volumes"]:
            kind = (set(volume) - {"name"}).pop()
            assert kind in {"secret", "configMap", "emptyDir"}, name
            assert volume[kind].get("defaultMode", 0o440) == 0o440, name
            assert kind != "emptyDir" or volume["emptyDir"]["sizeLimit"], name
        for mount in container["volumeMounts"]:
            assert "subPath" not in mount, name
            assert mount.get("readOnly", False) is mount["mountPath"].startswith(SECRETS), name


def test_no_secret_is_in_an_environment() -> None:
    """Variables hold values of the chart and paths; none is taken from a Secret."""
    for name, _, container in _of_all():
        assert "envFrom" not in container, name
        for variable in container["env"]:
            assert set(variable.get("valueFrom", {})) <= {"fieldRef"}, name


def test_each_pod_gets_its_own_secrets_and_no_others() -> None:
    """The key that hashes recipients is Screen's, each role's certificate its own, the super user's the set-up's."""
    found = pods(rendered()["mtls"])
    common = {"core-cluster-ca-cert", "sidestep-web", "sidestep-web-token"}
    asked_by = {"sidestep-policy", "sidestep-sources"}
    assert {name: set(pod.sources.values()) for name, pod in found.items()} == {
        "screen": {"sidestep-screen", "sidestep-hash-key"} | common | asked_by,
        "decide": {"sidestep-decide"} | common,
        "watch": {"sidestep-watch", "sidestep-thresholds"} | common,
        "serve": {"sidestep-serve", "sidestep-tokens"} | asked_by,
        "setup": {"sidestep-admin", "core-cluster-ca-cert", "sidestep-principals"},
    }


def test_every_file_that_is_named_is_mounted_and_the_other_way_round() -> None:
    """A path in the environment leads into a mounted Secret, and no Secret is mounted for nothing."""
    for name, _, container in _of_all():
        given_to_it = [*environment(container).values(), *container["args"]]
        named = {value for value in given_to_it if value.startswith(SECRETS)}
        mounted = {each["mountPath"] for each in container["volumeMounts"] if each["mountPath"].startswith(SECRETS)}
        assert {str(Path(path).parent) for path in named} == mounted, name
    for made in rendered().values():
        for pod in pods(made).values():
            mounts = [mount["name"] for container in pod.containers for mount in container["volumeMounts"]]
            assert {volume["name"] for volume in pod.spec["volumes"]} <= set(mounts), pod.component


def test_every_setting_that_is_named_exists() -> None:
    """A misspelt variable would be passed over in silence. The values can be used."""
    for name, pod, container in _of_all():
        given_to_it = environment(container)
        assert set(given_to_it) <= SETTINGS, name
        about_serve = {name for name in given_to_it if name.startswith("SIDESTEP_LISTEN_")}
        assert bool(about_serve) is (pod.component == "serve"), name
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
    for name, pod, container in _of_all():
        pause = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        needed = STOP_SECONDS if pod.component == "serve" else LEAVE_SECONDS
        assert pod.spec["terminationGracePeriodSeconds"] > pause + needed + 5, name
        assert (pause > 0) is (pod.component == "serve"), name


def test_probes_ask_where_the_process_listens() -> None:
    """Alive and ready are two questions; a start has five minutes, and the port's own scheme is spoken."""
    for name, pod, container in _of_all():
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
    """The port of the container is that of its environment, and every option is one of its own."""
    for case in ("mtls", "oauth"):
        container = pods(rendered()[case])["serve"].containers[0]
        assert environment(container)["SIDESTEP_LISTEN_PORT"] == str(container["ports"][0]["containerPort"])
        options = {name for option in serve.params for name in option.opts}
        assert {each for each in container["args"] if each.startswith("--")} <= options


def test_ledgers_have_volumes_of_their_own() -> None:
    """Decide and Watch are StatefulSets with a claim for each pod; what keeps nothing is a Deployment."""
    made = rendered()["mtls"]
    assert {name: pod.kind for name, pod in pods(made).items()} == {
        "screen": "Deployment",
        "decide": "StatefulSet",
        "watch": "StatefulSet",
        "serve": "Deployment",
        "setup": "Job",
    }
    for each in made.of_kind("StatefulSet"):
        claim = each["spec"]["volumeClaimTemplates"][0]
        assert claim["metadata"]["name"] == "data"
        mounts = {
            mount["name"]: mount["mountPath"]
            for mount in each["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
        }
        folder = environment(each["spec"]["template"]["spec"]["containers"][0])["SIDESTEP_DATA_DIR"]
        assert Path(folder).is_relative_to(mounts["data"])
        assert f"Service {each['spec']['serviceName']}" in made.manifests


def test_one_pod_at_a_time_is_taken_away() -> None:
    """Each workload has a budget whose selector is the workload's own."""
    made = rendered()["mtls"]
    workloads = [*made.of_kind("Deployment"), *made.of_kind("StatefulSet")]
    budgets = {each["metadata"]["name"]: each["spec"] for each in made.of_kind("PodDisruptionBudget")}
    assert set(budgets) == {each["metadata"]["name"] for each in workloads}
    for each in workloads:
        budget = budgets[each["metadata"]["name"]]
        assert budget["selector"] == each["spec"]["selector"]
        assert budget["maxUnavailable"] == 1
        assert budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def test_the_set_up_makes_topics_first() -> None:
    """Rights after topics; where the operator of the cluster gives rights, topics alone."""
    steps = [each["args"] for each in pods(rendered()["mtls"])["setup"].containers]
    assert steps == [["topics", "create", "--replication", "3", "--partitions", "24"], RIGHTS]
    steps = [each["args"] for each in pods(rendered()["scram"])["setup"].containers]
    assert steps == [["topics", "create", "--replication", "3"]]


def test_settings_of_the_schema_exist() -> None:
    """What may be given under `settings` is a setting, and none that the chart gives itself."""
    schema = yaml.safe_load((CHART / "values.schema.json").read_text())
    free = set(schema["properties"]["settings"]["propertyNames"]["enum"])
    assert free <= SETTINGS
    texts = "".join(file.read_text() for file in (CHART / "templates").glob("*"))
    assert free.isdisjoint(re.findall(r"SIDESTEP_[A-Z_]+", texts))
